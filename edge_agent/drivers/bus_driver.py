"""What drivers of shared lines have in common: taking part, ticks, what is due, and when silence is too much."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

from device_profiles.engine.profile import Profile
from device_profiles.rejects import FrameRejected, RejectReason, reject
from edge_agent.clock import Clock
from edge_agent.drivers.ports import LinkDown, Read
from edge_agent.drivers.questions import Table, readings_of
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.shared_line import NoAnswer, SharedLine

SILENT_POLLS_MAX: Final = 3
"""So many polls without one answer, and the device counts as down."""


class BusDriver(ABC):
    """One device of a shared line.

    Attributes:
        name: What to call it in errors, e.g. ``unit 3``.
        look_at: What may be wrong when it does not answer.
    """

    look_at = ""

    def __init__(
        self, line: SharedLine, name: str, profile: Profile, clock: Clock, schedule: Schedule, *, asked_by: str
    ) -> None:
        """Prepare; ``asked_by`` is the key that the profile's requests have on such a bus."""
        self.name = name
        self._line, self._profile, self._clock, self._schedule = line, profile, clock, schedule
        self._requests = readings_of(profile.document, asked_by)
        self._ticks = 0
        self._silent = 0
        self._joined = False

    @abstractmethod
    async def _poll(self, due: list[Table], reads: list[Read]) -> bool:
        """Ask for what is due and add what came of it; whether anything was answered. Raises ``LinkDown``."""

    async def open(self) -> None:
        """Take part in the bus; raises ``LinkDown``."""
        await self._line.open()
        self._joined = True
        self._silent = 0

    async def read(self) -> list[Read]:
        """Wait for the next tick and ask for what is due; raises ``LinkDown``."""
        await self._schedule.wait()
        due = [table for table, every in self._requests if self._ticks % every == 0]
        self._ticks += 1
        reads: list[Read] = []
        answered = await self._poll(due, reads)
        self._silent = 0 if answered else self._silent + 1
        if self._silent >= SILENT_POLLS_MAX:
            raise LinkDown(f"{self.name} does not answer: {self.look_at}")
        return reads

    async def close(self) -> list[Read]:
        """Leave the bus; nothing is held back."""
        if self._joined:
            self._joined = False
            await self._line.close()
        return []

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved."""
        return self._schedule.notes()

    def _unanswered(self, exc: NoAnswer) -> list[FrameRejected]:
        """What was heard instead of an answer, if anything."""
        return [reject(RejectReason.SHAPE, f"no answer of {self.name} in it", exc.heard)] if exc.heard else []
