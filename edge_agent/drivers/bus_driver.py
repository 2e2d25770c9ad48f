"""What drivers of shared lines have in common: taking part, ticks, what is due, and when silence is too much."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from device_profiles.engine.compile import compile_profile
from device_profiles.engine.identity import requests_to_ask
from device_profiles.engine.profile import Profile
from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.wire.delivery.backoff import Backoff
from edge_agent.clock import Clock
from edge_agent.drivers.ports import LinkDown, NotReady, Read, Sample
from edge_agent.drivers.power import ALWAYS, Supply
from edge_agent.drivers.questions import Asking, askings_of, warm_up_s
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.shared_line import NoAnswer, SharedLine
from edge_agent.drivers.watch import is_hurried

SILENT_POLLS_MAX: Final = 3
"""So many polls without one answer, and the device counts as down."""
MISFITS_MAX: Final = 3
"""So many polls in a row whose answers give no reading, and the device is asked again who it is."""
SEEK_S_MIN: Final = 1.0
SEEK_S_MAX: Final = 60.0
"""Between two questions to a device that is down; not longer than its own interval, where that is longer than 5 s."""
RECENT_S: Final = 60.0
"""A line on which nobody answered for so long is itself to be looked at. [s]"""


class OtherModel(Exception):
    """The device answers, but not as its profile says. The text says what it answered."""


class BusDriver(ABC):
    """One device of a shared line.

    Attributes:
        name: What to call it in errors, e.g. ``unit 3``.
        profile: What it is read by, with the variant that it was found to be.
        look_at: What may be wrong when it does not answer.
        silence_s: It counts as down after this long without an answer; nought: after three polls without one. [s]
        supply: What feeds it.
    """

    look_at = ""

    def __init__(
        self, line: SharedLine, name: str, profile: Profile, clock: Clock, schedule: Schedule, *, asked_by: str
    ) -> None:
        """Prepare; ``asked_by`` is the key that the profile's requests have on such a bus."""
        self.name = name
        self.profile = profile
        self.silence_s = 0.0
        self.supply: Supply = ALWAYS
        self._line, self._clock, self._schedule, self._asked_by = line, clock, schedule, asked_by
        self._requests = askings_of(profile, asked_by)
        self._warm_up_s = warm_up_s(profile.document)
        longest_s = min(SEEK_S_MAX, max(5.0, schedule.every_s))
        self._backoff = Backoff(floor_s=SEEK_S_MIN, ceiling_s=longest_s, random=random.random)
        self._ticks = 0
        self._silent = 0
        self._misfits = 0
        self._answered_s = 0.0
        self._joined = False
        self._down = ""
        self._held: list[Read] = []

    @abstractmethod
    async def _poll(self, due: Sequence[Asking], reads: list[Read]) -> bool:
        """Ask for what is due and add what came of it; whether anything was answered. Raises ``LinkDown``."""

    @abstractmethod
    async def _meet(self) -> None:
        """Ask once whether the device is there, in one attempt, and whether it is what it is said to be.

        Raises:
            LinkDown: The line is gone.
            NoAnswer: It does not answer.
            OtherModel: It is something else.
        """

    async def open(self) -> None:
        """Take part in the bus and meet the device.

        Raises:
            LinkDown: The line is not there.
            NotReady: The device does not answer, or is of another model. It is asked seldom, so that the others, who
                have the same line, lose no time.
        """
        await self._line.open()
        self._joined = True
        wait_s = self._line.may_seek_in_s()
        if self._down and wait_s and not is_hurried():
            raise NotReady(self._down, wait_s)
        began_s = self._clock.monotonic_s()
        try:
            async with self.supply.on(self._warm_up_s):
                await self._meet()
        except NoAnswer as exc:
            self._down = self._why(exc.heard)
            self._line.sought(self._clock.monotonic_s() - began_s)
            raise NotReady(self._down, max(self._backoff.next_s(), self._line.may_seek_in_s())) from None
        except OtherModel as exc:
            self._down = str(exc)
            raise NotReady(self._down, self._backoff.next_s()) from None
        self._down = ""
        self._silent = self._misfits = 0
        self._answered_s = self._clock.monotonic_s()

    async def read(self) -> list[Read]:
        """Wait for the next tick and ask for what is due; raises ``LinkDown``."""
        if self._down:
            raise LinkDown(self._down)
        await self._schedule.wait()
        due = [asking for asking in self._requests if self._ticks % asking.every == 0]
        self._ticks += 1
        return await self._ask_for(due)

    async def close(self) -> list[Read]:
        """Leave the bus; gives what was heard while it was opened."""
        if self._joined:
            self._joined = False
            await self._line.close()
        held, self._held = self._held, []
        return held

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, and what went wrong with the supply."""
        return {**self._schedule.notes(), **self.supply.notes()}

    async def _ask_for(self, due: Sequence[Asking]) -> list[Read]:
        reads: list[Read] = []
        async with self.supply.on(self._warm_up_s):
            answered = await self._poll(due, reads) if due else True
        if answered:
            self._silent = 0
            self._answered_s = self._clock.monotonic_s()
            self._backoff.reset()
            self._judge(due, reads)
        else:
            self._silent += 1
            silent_s = self._clock.monotonic_s() - self._answered_s
            if silent_s >= self.silence_s if self.silence_s else self._silent >= SILENT_POLLS_MAX:
                # What was heard instead goes out first; the next read says that it is down.
                heard = b"".join(read.data for read in reads if isinstance(read, FrameRejected))
                self._down = self._why(heard)
        return reads

    def _judge(self, due: Sequence[Asking], reads: Sequence[Read]) -> None:
        """Whether answers still fit; where not, it may be another device by now."""
        if not due or any(isinstance(read, Sample) for read in reads):
            self._misfits = 0
        elif reads:
            self._misfits += 1
            if self._misfits >= MISFITS_MAX and self.profile.probes:
                self._down = f"{self.name} no longer answers as {self.profile.id} does: asking who it is"

    def _takes(self, variant: str) -> None:
        """Read it as this variant from now on."""
        if not variant or variant == self.profile.variant:
            return
        self.profile = compile_profile(
            dict(self.profile.document), profile_id=self.profile.id, digest=self.profile.digest, variant=variant
        )
        self._requests = askings_of(self.profile, self._asked_by)

    def _asks_who(self) -> tuple[str, ...]:
        """Requests by whose answers the model or its variant is told."""
        return requests_to_ask(self.profile.probes)

    def _why(self, heard: bytes) -> str:
        """Why the device is down, in one line with what to look at."""
        now_s = self._clock.monotonic_s()
        others = now_s - self._line.answered_s < RECENT_S
        if heard and others:
            return f"{self.name}: what comes is no answer: do two devices have this address, is a wire loose?"
        if heard:
            return (
                f"{self.name}: what comes is no answer: wrong speed or parity, A and B swapped,"
                " or two devices with this address"
            )
        rest = "; others on this line answer" if others else ""
        if now_s - max(self._line.answered_s, self._line.opened_s) >= RECENT_S:
            rest = "; nobody on this line answers"
        return f"{self.name} does not answer: {self.look_at}{rest}"

    def _unanswered(self, exc: NoAnswer) -> list[FrameRejected]:
        """What was heard instead of an answer, if anything."""
        return [reject(RejectReason.SHAPE, f"no answer of {self.name} in it", exc.heard)] if exc.heard else []
