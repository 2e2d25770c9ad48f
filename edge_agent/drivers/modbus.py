"""Modbus devices through their profile: on an RS-485 bus that they share, or behind a TCP gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from device_profiles.engine.compile_selectors import zero_based
from device_profiles.engine.profile import Profile
from device_profiles.rejects import RejectReason, reject
from edge_agent.clock import Clock
from edge_agent.drivers.modbus_frames import Envelope, Question, Refused, Registers, batched
from edge_agent.drivers.ports import LinkDown, Read
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.shared_line import NoAnswer, SharedLine

SILENT_POLLS_MAX: Final = 3
"""So many polls without one answer, and the device counts as down."""


class ModbusDriver:
    """One slave."""

    def __init__(  # noqa: PLR0917 - what it is joined from, in the order of the layers
        self,
        line: SharedLine,
        envelope: Envelope,
        unit: int,
        profile: Profile,
        clock: Clock,
        schedule: Schedule,
        *,
        timeout_s: float,
    ) -> None:
        self._line, self._envelope, self._unit, self._profile = line, envelope, unit, profile
        self._clock, self._schedule, self._timeout_s = clock, schedule, timeout_s
        polling = profile.document.get("polling") or {}
        self._gap = int(polling.get("gap_registers") or 0)
        self._retries = int(polling.get("retries") or 1)
        self._requests = [
            (str(table["name"]), question(profile.document, table), self._every(table))
            for table in profile.document.get("requests") or ()
            if "function" in table and not table.get("writes")
        ]
        self._ticks = 0
        self._silent = 0
        self._refused: dict[str, int] = {}
        self._joined = False

    async def open(self) -> None:
        """Take part in the bus; raises ``LinkDown``."""
        await self._line.open()
        self._joined = True
        self._silent = 0

    async def read(self) -> list[Read]:
        """Wait for the next tick and ask for what is due; raises ``LinkDown``."""
        await self._schedule.wait()
        due = [(name, asked) for name, asked, every in self._requests if self._ticks % every == 0]
        self._ticks += 1
        reads: list[Read] = []
        answered = False
        for asked, places in batched([each for _, each in due], self._gap):
            try:
                found = await self._ask(asked)
            except NoAnswer as exc:
                if exc.heard:
                    reads.append(reject(RejectReason.SHAPE, f"no answer of unit {self._unit} in it", exc.heard))
                continue
            answered = True
            if isinstance(found, Refused):
                self._refused[found.words] = self._refused.get(found.words, 0) + 1
                reads.append(reject(RejectReason.EXCEPTION, f"unit {self._unit} says {found.words}", b""))
                continue
            for place in places:
                reads += self._reads(due[place], asked, found)
        self._silent = 0 if answered else self._silent + 1
        if self._silent >= SILENT_POLLS_MAX:
            raise LinkDown(
                f"unit {self._unit} does not answer: is it powered, are A and B not swapped, address and speed right?"
            )
        return reads

    async def close(self) -> list[Read]:
        """Leave the bus; nothing is held back."""
        if self._joined:
            self._joined = False
            await self._line.close()
        return []

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, and what the device refused."""
        missed = {"missed_polls": self._schedule.missed} if self._schedule.missed else {}
        return {**missed, **self._refused}

    async def _ask(self, asked: Question) -> Registers | Refused:
        for attempt in range(1 + self._retries):
            data, answer_in = self._envelope.wrap(self._unit, asked)
            try:
                return await self._line.ask(data, answer_in, self._timeout_s)
            except NoAnswer:
                if attempt == self._retries:
                    raise
        raise AssertionError("the last attempt answers or raises")

    def _reads(self, wanted: tuple[str, Question], asked: Question, found: Registers) -> list[Read]:
        name, part = wanted
        registers = found[part.first - asked.first :][: part.size]
        return reads_of(self._profile.decode_registers(name, registers), self._clock.wall_ns())

    def _every(self, table: Mapping[str, Any]) -> int:
        """How many ticks lie between two of these questions."""
        return max(1, round(float(table.get("every_s") or 0) / usual_s(self._profile.document)))


def usual_s(document: Mapping[str, Any]) -> float:
    """How often it makes sense to ask devices of a profile. [s]."""
    given = [float(table["every_s"]) for table in document.get("requests") or () if table.get("every_s")]
    return min(given, default=float((document.get("polling") or {}).get("interval_s") or 60))


def question(document: Mapping[str, Any], table: Mapping[str, Any]) -> Question:
    """A profile's request; registers are counted as the vendor's document does."""
    numbering = str(document["transport"].get("numbering") or "0")
    return Question(int(table["function"]), zero_based(int(table["address"]), numbering), int(table["count"]))
