"""SDI-12 probes through their profile: measurements, concurrent and continuous ones, retries of the standard."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from device_profiles.engine.profile import Profile
from device_profiles.rejects import FrameRejected, RejectReason, reject
from edge_agent.clock import Clock
from edge_agent.drivers.bus_driver import BusDriver, OtherModel
from edge_agent.drivers.ports import Read
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.questions import Asking, Table
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.sdi12_lines import Damaged, Promise, has_crc, line_of, promise, values
from edge_agent.drivers.shared_line import NoAnswer, SharedLine, Turn

BREAK_S: Final = 0.0125
"""At least 12 ms of spacing wake the probes (7.0). [s]"""
MARKING_S: Final = 0.0085
"""At least 8.33 ms of marking before the command (7.0). [s]"""
ANSWER_S: Final = 0.9
"""An answer begins within 15 ms; its 80 characters at 1200 baud take 0.67 s. [s]"""
TRIES: Final = 3
"""The standard asks for at least three breaks with three commands each; an adapter makes its own."""
DATA_COMMANDS: Final = 10
"""``D0`` to ``D9`` (4.4.7)."""


class Sdi12Driver(BusDriver):
    """One probe.

    Args:
        line: The bus.
        address: The probe's, one character.
        profile: Of its model.
        clock: For arrivals.
        schedule: When to measure.
        breaks: Whether the host makes the break; adapters with a program of their own do it themselves.
    """

    look_at = "is it powered, is this its address?"

    def __init__(
        self, line: SharedLine, address: str, profile: Profile, clock: Clock, schedule: Schedule, *, breaks: bool
    ) -> None:
        super().__init__(line, f"probe {address}", profile, clock, schedule, asked_by="command")
        self._address, self._breaks = address, breaks

    async def _meet(self) -> None:
        if not self._asks_who():
            async with self._line.turn() as turn:
                await self._ask(turn, "", tries=1)
            return
        commands = {str(table["name"]): str(table["command"]) for table in self.profile.document["requests"]}
        said: list[str] = []
        for name in self._asks_who():
            async with self._line.turn() as turn:
                answer = await self._ask(turn, commands[name], tries=1)
            told = self.profile.identify_payload(name, answer)
            if not isinstance(told, FrameRejected):
                self._takes(told)
                return
            said.append(answer.decode("ascii", "replace").strip())
        raise OtherModel(f"{self.name} is no {self.profile.id}, it says it is {', '.join(said)!r}: set its profile")

    async def _poll(self, due: Sequence[Asking], reads: list[Read]) -> bool:
        answered = False
        for asking in due:
            try:
                # One try, and no more than one question, where it was silent before: the bus is the others' too.
                reads += await self._measured(asking.table, tries=1 if self._silent and not answered else TRIES)
            except NoAnswer as exc:
                reads += self._unanswered(exc)
                if not answered:
                    break
            else:
                answered = True
        return answered

    async def _measured(self, table: Table, *, tries: int) -> list[Read]:
        command = str(table["command"])
        with_crc = has_crc(command)
        if command[0] == "R":
            async with self._line.turn() as turn:
                said = await self._ask(turn, command, tries=tries)
            return self._decoded(str(table["name"]), values(self._address, said, with_crc=with_crc))
        if command[0] == "C":
            async with self._line.turn() as turn:
                promised = self._promised(await self._ask(turn, command, tries=tries), table)
            # Concurrent: the bus is free for the others while this probe measures.
            await asyncio.sleep(promised.ready_s)
            async with self._line.turn() as turn:
                return await self._data(turn, table, promised, with_crc=with_crc)
        async with self._line.turn() as turn:
            promised = self._promised(await self._ask(turn, command, tries=tries), table)
            if promised.ready_s and promised.values:
                await self._service_request(turn, promised.ready_s)
            return await self._data(turn, table, promised, with_crc=with_crc)

    async def _service_request(self, turn: Turn, ready_s: int) -> None:
        """Wait for the probe to say that it is ready, and for no longer than it said."""
        try:
            await turn.listen(line_of(self._address), ready_s + 0.1)
        except NoAnswer:
            return

    async def _data(self, turn: Turn, table: Table, promised: Promise, *, with_crc: bool) -> list[Read]:
        found: list[bytes] = []
        for number in range(DATA_COMMANDS):
            if len(found) >= promised.values:
                break
            part = values(self._address, await self._ask(turn, f"D{number}"), with_crc=with_crc)
            if isinstance(part, Damaged):
                # A damaged line is asked for again: the probe holds its values until the next measurement.
                part = values(self._address, await self._ask(turn, f"D{number}"), with_crc=with_crc)
            if isinstance(part, Damaged):
                return self._decoded(str(table["name"]), part)
            if not part:
                break
            found += part
        if len(found) < promised.values:
            words = f"{self.name} promised {promised.values} values and gave {len(found)}"
            return [reject(RejectReason.TRUNCATED, words, b"".join(found))]
        return self._decoded(str(table["name"]), found) if found else []

    def _decoded(self, name: str, found: list[bytes] | Damaged) -> list[Read]:
        if isinstance(found, Damaged):
            return [reject(RejectReason.CHECKSUM, f"{self.name}: a damaged line", found.line)]
        frame = self._address.encode() + b"".join(found) + b"\r\n"
        return reads_of(self.profile.decode(frame, request=name), self._clock.wall_ns())

    def _promised(self, said: bytes, table: Table) -> Promise:
        """What is promised; no checksum guards it, so that the profile's limit holds where it promises more."""
        found = promise(said)
        if found is None:
            raise NoAnswer(said)
        limit_s = table.get("timeout_s")
        return found if limit_s is None else found._replace(ready_s=min(found.ready_s, math.ceil(limit_s)))

    async def _ask(self, turn: Turn, command: str, *, tries: int = TRIES) -> bytes:
        for attempt in range(tries):
            try:
                return await turn.ask(
                    f"{self._address}{command}!".encode(),
                    line_of(self._address),
                    ANSWER_S,
                    break_s=BREAK_S if self._breaks else 0.0,
                    marking_s=MARKING_S,
                )
            except NoAnswer:
                if attempt == tries - 1:
                    raise
        raise AssertionError("the last attempt answers or raises")
