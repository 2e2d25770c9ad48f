"""Modbus devices through their profile: on an RS-485 bus that they share, or behind a TCP gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from device_profiles.engine.compile_selectors import zero_based
from device_profiles.engine.profile import Profile, register_bytes
from device_profiles.rejects import FrameRejected, RejectReason, reject
from edge_agent.clock import Clock
from edge_agent.drivers.bus_driver import BusDriver, OtherModel
from edge_agent.drivers.modbus_frames import Envelope, Question, Refused, Registers, batched
from edge_agent.drivers.modbus_refusals import BUSY, BUSY_S, Refusals
from edge_agent.drivers.ports import Read
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.questions import Asking, Table
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.shared_line import NoAnswer, SharedLine

LATE_S: Final = 1.0
"""So long after its time an answer may still come; slower slaves need a longer ``timeout_s``. [s]"""
ANSWER_S: Final = 0.5
"""How long an answer may take where neither ``agent.toml`` nor the profile says. [s]"""
RETRIES: Final = 1
"""How often a question is asked again where the profile does not say."""


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
        timeout_s: float | None = None,
    ) -> None:
        super().__init__(line, f"unit {unit}", profile, clock, schedule, asked_by="function")
        self._envelope, self._unit, self._timeout_s = envelope, unit, timeout_s
        polling = profile.document.get("polling") or {}
        retries = polling.get("retries")
        self._gap = int(polling.get("gap_registers") or 0)
        self._retries = RETRIES if retries is None else int(retries)
        self._refusals = Refusals(clock)
        self._owed: tuple[Question, float, float] | None = None
        self._known: tuple[Question, float] | None = None

    def notes(self) -> dict[str, int]:
        """Ticks that passed unserved, and what the device refused."""
        return {**super().notes(), **self._refusals.counts}

    async def _meet(self) -> None:
        self._refusals.forget()
        if self._asks_who():
            await self._identify()
            return
        words = ""
        for asking in self._requests:
            wanted = question(self.profile.document, asking.table)
            found = await self._ask(wanted, self._patience_s(asking.table), retries=0)
            if not isinstance(found, Refused) or found.code in BUSY:
                self._fits(asking, found)
                return
            words = found.words
        if words:
            raise OtherModel(
                f"{self.name} refuses all that {self.profile.id} asks ({words}): `harkara agent detect` says what it is"
            )

    def _fits(self, asking: Asking, found: Registers | Refused) -> None:
        if isinstance(found, Refused):
            return
        decoded = self.profile.decode_registers(asking.name, found)
        if isinstance(decoded, FrameRejected) and decoded.reason == RejectReason.IDENTITY:
            raise OtherModel(f"{self.name} is another model than {self.profile.id}: {decoded.detail}")

    async def _identify(self) -> None:
        """Ask what tells model and variant; raises ``OtherModel`` and ``NoAnswer``."""
        tables = {str(table["name"]): table for table in self.profile.document["requests"]}
        said: list[str] = []
        for name in self._asks_who():
            found = await self._ask(
                question(self.profile.document, tables[name]), self._patience_s(tables[name]), retries=0
            )
            if isinstance(found, Refused):
                said.append(f"{name}: {found.words}")
                continue
            data = register_bytes(found)
            told = self.profile.identify_payload(name, data)
            if not isinstance(told, FrameRejected):
                self._takes(told)
                return
            said.append(f"{name}: {data.hex()}")
        raise OtherModel(
            f"{self.name} is no {self.profile.id}; it answers {', '.join(said)}: `harkara agent detect` says what it is"
        )

    async def _poll(self, due: Sequence[Asking], reads: list[Read]) -> bool:
        if self._silent and not await self._is_there():
            return False
        answered = bool(self._silent)
        plain = [asking for asking in due if not asking.before and self._refusals.may_ask(asking.name)]
        wanted = [question(self.profile.document, asking.table) for asking in plain]
        for asked, places in self._batches(plain, wanted):
            parts = [plain[place] for place in places]
            answered, goes_on = await self._part(asked, parts, reads, answered=answered)
            if not goes_on:
                return False
        for asking in due:
            if asking.before and self._refusals.may_ask(asking.name):
                answered |= await self._led(asking, reads)
        if not any(self._refusals.may_ask(asking.name) for asking in self._requests):
            self._down = f"{self.name} refuses all that {self.profile.id} asks: `harkara agent detect` says what it is"
        # A device that is asked for nothing now, because it refused what is due, has not fallen silent.
        return answered or not any(self._refusals.may_ask(asking.name) for asking in due)

    def _batches(self, plain: Sequence[Asking], wanted: Sequence[Question]) -> list[tuple[Question, list[int]]]:
        """Neighbours together, but for those whose company was refused."""
        alone = [place for place, asking in enumerate(plain) if self._refusals.is_alone(asking.name)]
        together = [place for place in range(len(plain)) if place not in alone]
        joined = batched([wanted[place] for place in together], self._gap)
        return [(asked, [together[at] for at in places]) for asked, places in joined] + [
            (wanted[place], [place]) for place in alone
        ]

    async def _part(
        self, asked: Question, parts: Sequence[Asking], reads: list[Read], *, answered: bool
    ) -> tuple[bool, bool]:
        """One question of a poll; whether anything was answered so far, and whether the rest may be asked."""
        timeout_s = max(self._patience_s(asking.table) for asking in parts)
        try:
            found = await self._ask(asked, timeout_s)
        except NoAnswer as exc:
            reads += self._unanswered(exc)
            if answered or await self._is_there(but=asked):
                self._refusals.silent([asking.name for asking in parts])
                return True, True
            return False, False
        if isinstance(found, Refused) and found.is_final and len(parts) > 1:
            self._refusals.part([asking.name for asking in parts])
            for asking in parts:
                own = question(self.profile.document, asking.table)
                answered, goes_on = await self._part(own, [asking], reads, answered=True)
                if not goes_on:
                    return answered, False
            return True, True
        if isinstance(found, Refused):
            reads += self._refused(parts[0], found)
            return answered or not found.is_gateway, True
        self._known = asked, timeout_s
        self._refusals.heard([asking.name for asking in parts])
        for asking in parts:
            reads += self._reads(asking, asked, found)
        return True, True

    async def _led(self, asking: Asking, reads: list[Read]) -> bool:
        """A measurement that is started, waited for and read; the bus is the others' meanwhile."""
        try:
            for table, wait_s in asking.before:
                started = await self._ask(question(self.profile.document, table), self._patience_s(table))
                if isinstance(started, Refused) and started.code not in BUSY:
                    reads += self._refused(asking, started)
                    return not started.is_gateway
                await asyncio.sleep(wait_s)
            asked, timeout_s = question(self.profile.document, asking.table), self._patience_s(asking.table)
            found = await self._ask(asked, timeout_s)
        except NoAnswer as exc:
            reads += self._unanswered(exc)
            return False
        if isinstance(found, Refused):
            reads += self._refused(asking, found)
            return not found.is_gateway
        self._known = asked, timeout_s
        reads += self._reads(asking, asked, found)
        return True

    def _refused(self, asking: Asking, found: Refused) -> list[Read]:
        self._refusals.take(asking.name, found)
        rests = ": not asked again for an hour" if found.is_final else ""
        words = f"{self.name} answers {asking.name} with {found.words}{rests}"
        return [reject(RejectReason.EXCEPTION, words, b"")]

    async def _is_there(self, but: Question | None = None) -> bool:
        """Whether a device that was silent answers what it answered last: one question, one attempt."""
        if self._known is None:
            return but is None
        asked, timeout_s = self._known
        if asked == but:
            return False
        try:
            await self._ask(asked, timeout_s, retries=0)
        except NoAnswer:
            return False
        return True

    async def _ask(self, asked: Question, timeout_s: float, *, retries: int | None = None) -> Registers | Refused:
        """One question; again after silence and when the device is busy. Raises ``NoAnswer`` and ``LinkDown``."""
        await self._settle(asked)
        retries = self._retries if retries is None else retries
        for attempt in range(1 + max(retries, 0)):
            data, answer_in = self._envelope.wrap(self._unit, asked)
            try:
                found = await self._line.ask(data, answer_in, timeout_s, answer_bytes=5 + asked.answer_bytes)
            except NoAnswer:
                self._owed = asked, self._clock.monotonic_s(), timeout_s
                if attempt == retries:
                    raise
                continue
            if not isinstance(found, Refused) or found.code not in BUSY or attempt == retries:
                return found
            await asyncio.sleep(BUSY_S * 2**attempt)
        raise AssertionError("the last attempt answers or raises")

    async def _settle(self, asked: Question) -> None:
        """Let an answer that the slave still owes to another question go by.

        On a serial line an answer does not say which registers it holds: a late one would be taken for that of this
        question if it is as long. The line is the others' meanwhile; the silence before the next question drops it.
        """
        owed, self._owed = self._owed, None
        if owed is None or owed[0] == asked or self._envelope.names_its_question:
            return
        _, since_s, timeout_s = owed
        late_s = max(LATE_S, 2 * timeout_s)
        await asyncio.sleep(since_s + timeout_s + late_s - self._clock.monotonic_s())

    def _patience_s(self, table: Table) -> float:
        if self._timeout_s is not None:
            return self._timeout_s
        return float(table.get("timeout_s") or ANSWER_S)

    def _reads(self, asking: Asking, asked: Question, found: Registers) -> list[Read]:
        part = question(self.profile.document, asking.table)
        registers = found[part.first - asked.first :][: part.size]
        return reads_of(self.profile.decode_registers(asking.name, registers), self._clock.wall_ns())


def question(document: Table, table: Table) -> Question:
    """A profile's request; registers are counted as the vendor's document does."""
    numbering = str(document["transport"].get("numbering") or "0")
    return Question(int(table["function"]), zero_based(int(table["address"]), numbering), int(table["count"]))
