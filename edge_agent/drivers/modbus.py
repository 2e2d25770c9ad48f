"""Modbus devices through their profile: on an RS-485 bus that they share, or behind a TCP gateway."""

from __future__ import annotations

import asyncio
from typing import Final

from device_profiles.engine.compile_selectors import zero_based
from device_profiles.engine.profile import Profile
from device_profiles.rejects import RejectReason, reject
from edge_agent.clock import Clock
from edge_agent.drivers.bus_driver import BusDriver
from edge_agent.drivers.modbus_frames import Envelope, Question, Refused, Registers, batched
from edge_agent.drivers.ports import Read
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.questions import Table
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.shared_line import NoAnswer, SharedLine

LATE_S: Final = 1.0
"""So long after its time an answer may still come; slower slaves need a longer ``timeout_s``. [s]"""


class ModbusDriver(BusDriver):
    """One slave."""

    look_at = "is it powered, are A and B not swapped, address and speed right?"

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
        super().__init__(line, f"unit {unit}", profile, clock, schedule, asked_by="function")
        self._envelope, self._unit, self._timeout_s = envelope, unit, timeout_s
        polling = profile.document.get("polling") or {}
        self._gap = int(polling.get("gap_registers") or 0)
        self._retries = int(polling.get("retries") or 1)
        self._refused: dict[str, int] = {}
        self._owed: tuple[Question, float] | None = None

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, and what the device refused."""
        return {**super().notes(), **self._refused}

    async def _poll(self, due: list[Table], reads: list[Read]) -> bool:
        answered = False
        wanted = [question(self._profile.document, table) for table in due]
        for asked, places in batched(wanted, self._gap):
            try:
                found = await self._ask(asked)
            except NoAnswer as exc:
                reads += self._unanswered(exc)
                continue
            answered = True
            if isinstance(found, Refused):
                self._refused[found.words] = self._refused.get(found.words, 0) + 1
                reads.append(reject(RejectReason.EXCEPTION, f"{self.name} says {found.words}", b""))
                continue
            for place in places:
                reads += self._reads(str(due[place]["name"]), wanted[place], asked, found)
        return answered

    async def _ask(self, asked: Question) -> Registers | Refused:
        await self._settle(asked)
        for attempt in range(1 + self._retries):
            data, answer_in = self._envelope.wrap(self._unit, asked)
            try:
                return await self._line.ask(data, answer_in, self._timeout_s)
            except NoAnswer:
                self._owed = asked, self._clock.monotonic_s()
                if attempt == self._retries:
                    raise
        raise AssertionError("the last attempt answers or raises")

    async def _settle(self, asked: Question) -> None:
        """Let an answer that the slave still owes to another question go by.

        On a serial line an answer does not say which registers it holds: a late one would be taken for that of this
        question if it is as long. The line is the others' meanwhile; the silence before the next question drops it.
        """
        owed, self._owed = self._owed, None
        if owed is None or owed[0] == asked or self._envelope.names_its_question:
            return
        late_s = max(LATE_S, 2 * self._timeout_s)
        await asyncio.sleep(owed[1] + self._timeout_s + late_s - self._clock.monotonic_s())

    def _reads(self, name: str, part: Question, asked: Question, found: Registers) -> list[Read]:
        registers = found[part.first - asked.first :][: part.size]
        return reads_of(self._profile.decode_registers(name, registers), self._clock.wall_ns())


def question(document: Table, table: Table) -> Question:
    """A profile's request; registers are counted as the vendor's document does."""
    numbering = str(document["transport"].get("numbering") or "0")
    return Question(int(table["function"]), zero_based(int(table["address"]), numbering), int(table["count"]))
