"""Devices that are read at an instant, not listened to: kernel attributes, I2C chips, pulse counters."""

from __future__ import annotations

from typing import Protocol

from edge_agent.drivers.ports import Read
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
    """Reads an instrument at each tick of its schedule."""

    def __init__(self, instrument: Instrument, schedule: Schedule) -> None:
        self._instrument, self._schedule = instrument, schedule

    async def open(self) -> None:
        """Open the instrument; raises ``LinkDown`` or ``NotReady``."""
        await self._instrument.open()

    async def read(self) -> list[Read]:
        """Wait for the next tick and measure; raises ``LinkDown``."""
        await self._schedule.wait()
        return await self._instrument.measure()

    async def close(self) -> list[Read]:
        """Close it; nothing is ever held back."""
        await self._instrument.close()
        return []

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved."""
        return self._schedule.notes()
