"""Devices that are read at an instant, not listened to: kernel attributes, I2C chips, pulse counters."""

from __future__ import annotations

from typing import Protocol

from edge_agent.clock import Clock
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.drivers.power import ALWAYS, Supply
from edge_agent.drivers.schedule import Schedule


class Instrument(Protocol):
    """What can be read at any instant."""

    async def open(self) -> None:
        """Find it and get it ready; raises ``LinkDown`` or ``NotReady``."""
        ...

    async def measure(self) -> list[Read]:
        """One measurement; raises ``LinkDown`` when it is gone."""
        ...

    async def close(self) -> None:
        """Let it go, open or not. Never raises."""
        ...


class PolledDriver:
    """Reads an instrument at each tick of its schedule.

    Attributes:
        silence_s: It counts as down after this long without a reading, though it can be read; nought never. [s]
    """

    def __init__(
        self,
        instrument: Instrument,
        schedule: Schedule,
        clock: Clock,
        *,
        supply: Supply = ALWAYS,
        warm_up_s: float = 0.0,
        silence_s: float = 0.0,
    ) -> None:
        """Prepare.

        Args:
            instrument: What is read.
            schedule: When.
            clock: For deadlines.
            supply: What feeds it.
            warm_up_s: How long after it is fed it can be read. [s]
            silence_s: See the class.
        """
        self.silence_s = silence_s
        self._instrument, self._schedule, self._clock = instrument, schedule, clock
        self._supply, self._warm_up_s = supply, warm_up_s
        self._heard_s = 0.0

    async def open(self) -> None:
        """Open the instrument; raises ``LinkDown`` or ``NotReady``."""
        async with self._supply.on(self._warm_up_s):
            await self._instrument.open()
        self._heard_s = self._clock.monotonic_s()

    async def read(self) -> list[Read]:
        """Wait for the next tick and measure; raises ``LinkDown``."""
        silent_s = self._clock.monotonic_s() - self._heard_s
        if self.silence_s and silent_s >= self.silence_s:
            raise LinkDown(f"no reading for {self.silence_s:g} s: what is read is counted under `rejected`")
        await self._schedule.wait()
        async with self._supply.on(self._warm_up_s):
            if self._supply is not ALWAYS:
                # It has forgotten its mode with its supply.
                await self._instrument.open()
            reads = await self._instrument.measure()
        if any(isinstance(read, Sample) for read in reads):
            self._heard_s = self._clock.monotonic_s()
        return reads

    async def close(self) -> list[Read]:
        """Close it; nothing is ever held back."""
        await self._instrument.close()
        return []

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, and what went wrong with the supply."""
        return {**self._schedule.notes(), **self._supply.notes()}
