"""A device on a byte stream whose frames a profile describes: it speaks by itself, or when it is asked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from device_profiles.engine.profile import Profile
from device_profiles.framing.factory import framer
from device_profiles.rejects import FrameRejected
from edge_agent.clock import Clock
from edge_agent.drivers.ports import ByteLine, LinkDown, Read
from edge_agent.drivers.power import ALWAYS, Supply
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.questions import conversation, warm_up_s
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.watch import hurried

UNANSWERED_MAX: Final = 3
"""So many questions without one good frame, and the line is opened anew: adapters hang, devices lose their mode."""
HURRY_S: Final = 1.0
"""How often to look whether somebody wants an answer now. [s]"""
ANSWER_S: Final = 2.0
"""How long an answer may take where the profile does not say; not longer than half the interval. [s]"""
SPEAKS_S: Final = 5.0
"""How long to listen to what speaks when it is switched on. [s]"""


class FramedDriver:
    """Frames of one device on a line of its own.

    Attributes:
        silence_s: The line counts as down after this long without a byte; nought never. [s]
        settle_s_max: Longest wait after the first questions; a profile says how long its model takes to settle. [s]
        supply: What feeds it; a device that speaks when it is switched on is asked by switching it on.
    """

    def __init__(
        self,
        line: ByteLine,
        profile: Profile,
        clock: Clock,
        *,
        schedule: Schedule | None = None,
        silence_s: float = 0,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            line: Where it is.
            profile: Of the model.
            clock: For arrivals.
            schedule: When to ask; None only listens.
            silence_s: See the class.

        Raises:
            ProfileError: The profile's transport is no byte stream.
        """
        self.silence_s = silence_s
        self.settle_s_max = 3600.0
        self.supply: Supply = ALWAYS
        self._line, self._profile, self._clock, self._schedule = line, profile, clock, schedule
        self._talk = conversation(profile.document)
        self._warm_up_s = warm_up_s(profile.document)
        self._framer = framer(profile)
        self._tick_s = 0.0
        self._heard_s = 0.0
        self._unanswered = 0
        self._is_answered = False

    async def open(self) -> None:
        """Open the line and bring the device into its mode; raises ``LinkDown`` or ``NotReady``."""
        await self._line.open()
        self._framer = framer(self._profile)
        self._unanswered = 0
        now_s = self._heard_s = self._clock.monotonic_s()
        if self._schedule is None:
            return
        busy_s = 0.0
        if self._talk.first and self.supply is ALWAYS:
            busy_s = await self._begin()
        self._tick_s = now_s + max(min(busy_s, self.settle_s_max), self._schedule.next_in_s())

    async def read(self) -> list[Read]:
        """Samples and rejects that the next bytes complete; asks when it is time.

        Raises:
            LinkDown: The line is gone, silent for too long, or the device leaves questions unanswered.
        """
        now_s = self._clock.monotonic_s()
        if self._schedule is not None and (now_s >= self._tick_s or hurried()):
            return await self._tick(self._schedule)
        data = await self._line.read(self._patience_s())
        if data is None:
            return self._silent()
        return self._take(self._feed(data))

    async def _ask_all(self) -> list[Read]:
        """Every question with its answer, fed meanwhile; raises ``LinkDown``."""
        reads: list[Read] = []
        if self.supply is not ALWAYS:
            # Switched off in mid-frame: what is left of it is no beginning of the next.
            reads += self._take(self._framer.flush())
        async with self.supply.on(self._warm_up_s):
            if self._talk.first and self.supply is not ALWAYS:
                # It has forgotten its mode with its supply.
                await asyncio.sleep(min(await self._begin(), self.settle_s_max))
            for question in self._talk.each:
                begun_s = self._clock.monotonic_s()
                await self._line.write(question.data)
                reads += await self._answer(question.timeout_s or self._answer_s())
                await asyncio.sleep(begun_s + question.wait_s - self._clock.monotonic_s())
            if not self._talk.each:
                reads += await self._answer(SPEAKS_S)
        return reads

    async def close(self) -> list[Read]:
        """Close the line; half a frame is a reject."""
        await self._line.close()
        return self._take(self._framer.flush())

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, and what went wrong with the supply."""
        return {**(self._schedule.notes() if self._schedule is not None else {}), **self.supply.notes()}

    async def _begin(self) -> float:
        """Bring the device into its mode; how long it wants to be left alone then. [s]."""
        busy_s = 0.0
        for question in self._talk.first:
            await self._line.write(question.data)
            busy_s += question.wait_s
        return busy_s

    async def _tick(self, schedule: Schedule) -> list[Read]:
        if self._unanswered >= UNANSWERED_MAX:
            raise LinkDown(f"no answer to {self._unanswered} requests: powered, wired and set to this speed?")
        schedule.served()
        self._unanswered += 1
        reads = await self._ask_all()
        self._tick_s = self._clock.monotonic_s() + schedule.next_in_s()
        return reads

    async def _answer(self, timeout_s: float) -> list[Read]:
        """What comes until a good frame is among it: one question after the other, also where lines are half duplex."""
        reads: list[Read] = []
        deadline_s = self._clock.monotonic_s() + timeout_s
        self._is_answered = False
        while not self._is_answered and (rest_s := deadline_s - self._clock.monotonic_s()) > 0:
            data = await self._line.read(rest_s)
            if data:
                reads += self._take(self._feed(data))
        return reads

    def _answer_s(self) -> float:
        every_s = self._schedule.every_s if self._schedule is not None else math.inf
        return min(ANSWER_S, every_s / 2)

    def _feed(self, data: bytes) -> Sequence[bytes | FrameRejected]:
        self._heard_s = self._clock.monotonic_s()
        return self._framer.feed(data)

    def _patience_s(self) -> float | None:
        now_s = self._clock.monotonic_s()
        # Somebody may want an answer before the next tick.
        ends = [min(self._tick_s, now_s + HURRY_S)] if self._schedule is not None else []
        if self.silence_s:
            ends.append(self._heard_s + self.silence_s)
        return max(0.0, min(ends) - now_s) if ends else None

    def _silent(self) -> list[Read]:
        if self.silence_s and self._clock.monotonic_s() >= self._heard_s + self.silence_s:
            raise LinkDown(f"no byte for {self.silence_s:g} s")
        return []

    def _take(self, frames: Sequence[bytes | FrameRejected]) -> list[Read]:
        arrived_ns = self._clock.wall_ns()
        reads: list[Read] = []
        for frame in frames:
            decoded = frame if isinstance(frame, FrameRejected) else self._profile.decode(frame)
            if not isinstance(decoded, FrameRejected):
                self._is_answered = True
                self._unanswered = 0
            reads += reads_of(decoded, arrived_ns)
        return reads
