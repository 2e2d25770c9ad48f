"""One line that several devices share: one speaks at a time, in turn, and nobody's answer is taken for another's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.ports import ByteLine, LinkDown

Take = Callable[[bytearray], bytes | None]
"""Finds the answer in what was heard and removes everything up to its end; None while it is not there."""

BABBLE_S: Final = 0.5
"""A line that is not quiet for one gap within this long is babbling. [s]"""
HEARD_BYTES_MAX: Final = 1024
"""No answer of any bus is longer. [bytes]"""
PAUSE_S_MIN: Final = 0.05
"""An answer may pause this long in its middle: USB adapters deliver in pieces. [s]"""
PROBE_SHARE: Final = 4
"""Devices that do not answer get one part in this many and one of a bus on which others do."""


class Fault(StrEnum):
    """Why a question has no answer."""

    SILENT = "silent"
    DAMAGED = "damaged"
    """Bytes came, but no whole answer: two speak at once, another speed, or noise."""
    BABBLING = "babbling"
    """Something speaks without being asked and does not stop."""


@dataclass(slots=True, eq=False)
class Member:
    """A device on the bus, as the bus knows it.

    Attributes:
        name: For people: ``unit 5``.
        silent: It did not answer last time: it waits behind those that do.
        doubles: Answers in a row with something behind them: a second device at its address.
    """

    name: str
    silent: bool = False
    doubles: int = 0


class Bus:
    """A line and who is on it. It is open while anybody is.

    Attributes:
        late: Whole answers that nobody waited for any more, by the address they came from.
        echoes: Whether the adapter hears itself; None until an answer has told.
    """

    def __init__(self, line: ByteLine, clock: Clock, *, character_s: float, gap_s: float) -> None:
        """Prepare; nothing is opened.

        Args:
            line: The port, or a serial server.
            clock: For deadlines.
            character_s: Time of one character on the wire. [s]
            gap_s: Silence between two frames. [s]
        """
        self.late: Counter[int] = Counter()
        self.echoes: bool | None = None
        self.line = line
        self._clock, self._character_s, self._gap_s = clock, character_s, gap_s
        self._turn = asyncio.Lock()
        self._members: set[Member] = set()
        self._open = False
        self._quiet_s = 0.0
        self._probe_s = 0.0
        self._last: Member | None = None

    async def join(self, member: Member, *, gap_s: float = 0) -> None:
        """Bring a device onto the bus; raises ``LinkDown`` or ``NotReady`` when the line does not open.

        Args:
            member: The device.
            gap_s: Silence it needs between frames, when that is longer than the bus's. [s]
        """
        async with self._turn:
            if not self._open:
                await self.line.open()
                self._open = True
                self._quiet_s = 0.0
            self._gap_s = max(self._gap_s, gap_s)
            self._members.add(member)

    async def leave(self, member: Member) -> None:
        """Take a device off; the last one closes the line. Never raises."""
        self._members.discard(member)
        if not self._members:
            await self._close()

    @asynccontextmanager
    async def turn(self, member: Member) -> AsyncIterator[Turn]:
        """Wait for the bus and hold it; first come, first served, silent devices only now and then.

        Raises:
            LinkDown: The line is gone; it is closed, for everybody on it.
        """
        while member.silent and self._others_live(member):
            wait_s = self._probe_s - self._clock.monotonic_s()
            if wait_s <= 0:
                break
            await asyncio.sleep(wait_s)
        async with self._turn:
            if not self._open:
                raise LinkDown("another device of this bus has seen the line go down")
            began_s = self._clock.monotonic_s()
            was_silent = member.silent
            try:
                yield Turn(self, member)
            except LinkDown:
                await self._close()
                raise
            finally:
                now_s = self._clock.monotonic_s()
                # One that comes back shows that the wire is whole again: the others may try at once.
                self._probe_s = now_s + PROBE_SHARE * (now_s - began_s) if member.silent else self._probe_s
                if was_silent and not member.silent:
                    self._probe_s = now_s

    async def ask(
        self, member: Member, request: bytes, take: Take, *, timeout_s: float, echo: bool = True
    ) -> bytes | Fault:
        """One question within a turn; see `Turn.ask`."""
        if not await self._wait_for_quiet():
            return Fault.BABBLING
        await self.line.write(request)
        self._last = member
        now_s = self._clock.monotonic_s()
        deadline_s = now_s + len(request) * self._character_s + timeout_s
        end_s = deadline_s + HEARD_BYTES_MAX * self._character_s
        pause_s = max(PAUSE_S_MIN, 10 * self._character_s)
        heard, total = bytearray(), 0
        echo = echo and self.echoes is not False
        while now_s < deadline_s and total <= HEARD_BYTES_MAX:
            data = await self.line.read(deadline_s - now_s)
            now_s = self._clock.monotonic_s()
            if data is None:
                break
            heard += data
            total += len(data)
            self._quiet_s = now_s + self._gap_s
            deadline_s = min(max(deadline_s, now_s + pause_s), end_s)
            if echo and heard.startswith(request):
                # Half duplex: the adapter hears what it says.
                del heard[: len(request)]
                total -= len(request)
                echo, self.echoes = False, True
            if echo and self.echoes and request.startswith(heard):
                continue
            answer = take(heard)
            if answer is not None:
                self._answered(member, twice=bool(heard))
                return answer
        if total > HEARD_BYTES_MAX or now_s >= end_s:
            return Fault.BABBLING
        return Fault.DAMAGED if total else Fault.SILENT

    def _answered(self, member: Member, *, twice: bool) -> None:
        member.silent = False
        member.doubles = member.doubles + 1 if twice else 0
        if self.echoes is None:
            self.echoes = False

    async def _wait_for_quiet(self) -> bool:
        """Wait until the line has been silent for a gap; False when it does not become so."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._quiet_s:
            await self._drop()
            return True
        end_s = now_s + BABBLE_S + self._gap_s
        counted = False
        while (now_s := self._clock.monotonic_s()) < self._quiet_s:
            if now_s > end_s:
                return False
            if await self.line.read(self._quiet_s - now_s):
                self._quiet_s = self._clock.monotonic_s() + self._gap_s
                if self._last is not None and not counted:
                    counted = True
                    self._last.doubles += 1
        return True

    async def _drop(self) -> None:
        drop = getattr(self.line, "drop_input", None)
        if drop is not None:
            drop()
            return
        for _ in range(HEARD_BYTES_MAX):
            if not await self.line.read(0.001):
                return

    def _others_live(self, member: Member) -> bool:
        return any(not other.silent for other in self._members if other is not member)

    async def _close(self) -> None:
        self._open = False
        self.echoes = None
        await self.line.close()


class Turn:
    """The bus, held by one device."""

    def __init__(self, bus: Bus, member: Member) -> None:
        self._bus, self._member = bus, member

    async def ask(self, request: bytes, take: Take, *, timeout_s: float, echo: bool = True) -> bytes | Fault:
        """Say ``request`` after a gap of silence and wait for its answer.

        Args:
            request: Whole frame.
            take: Finds the answer.
            timeout_s: From the request's last character to the answer's first. [s]
            echo: Whether the adapter may be heard repeating it.

        Raises:
            LinkDown: The line is gone.
        """
        answer = await self._bus.ask(self._member, request, take, timeout_s=timeout_s, echo=echo)
        if answer is Fault.SILENT:
            self._member.silent = True
        return answer
