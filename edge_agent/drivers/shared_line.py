"""One line that several devices share: each gets it for one question and its answer, in the order they came."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from edge_agent.clock import Clock
from edge_agent.drivers.fd import FINE_S
from edge_agent.drivers.ports import ByteLine, LinkDown
from edge_agent.drivers.serial_port import SerialPort

Answer = TypeVar("Answer")
HELD_BYTES_MAX: Final = 1024
"""No answer of a bus is longer; a line that gives more is babbling. [bytes]"""
SILENT_SHARE: Final = 0.05
"""So much of a bus at most goes into asking after slaves that do not answer, all of them together."""


class NoAnswer(Exception):
    """Nothing that answers the question came in time.

    Attributes:
        heard: What came instead. [bytes]
    """

    def __init__(self, heard: bytes) -> None:
        super().__init__(f"{len(heard)} bytes, none of them an answer" if heard else "silence")
        self.heard = heard


class SharedLine:
    """A line, opened with its first user and closed with its last.

    Attributes:
        gap_s: Silence before each question; what arrives in it is a late answer and belongs to nobody. [s]
        late_bytes: How many bytes arrived so.
        opened_s: When it was opened last, by the monotonic clock; -inf before. [s]
        answered_s: When anybody last answered, likewise. [s]
    """

    def __init__(self, line: ByteLine, clock: Clock, *, gap_s: float, character_s: float = 0.0) -> None:
        """Prepare; nothing is opened.

        Args:
            line: Where it is.
            clock: For deadlines.
            gap_s: See the class.
            character_s: Time of one character on the wire; nought where it does not count. [s]
        """
        self.gap_s = gap_s
        self.late_bytes = 0
        self.opened_s = self.answered_s = -math.inf
        self._line, self._clock, self._character_s = line, clock, character_s
        self._users = 0
        self._is_open = False
        self._why_shut = "the line is closed"
        self._moved_s = -math.inf
        self._may_seek_s = -math.inf
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Take part; raises ``LinkDown`` when the line cannot be opened."""
        async with self._lock:
            if not self._is_open:
                await self._line.open()
                self._is_open = True
                self._moved_s = self.opened_s = self._clock.monotonic_s()
            self._users += 1

    async def close(self) -> None:
        """Take part no longer. Never raises."""
        self._users -= 1
        if self._users == 0:
            await self._shut()

    async def ask(
        self,
        question: bytes,
        answer_in: Callable[[bytes], Answer | None],
        timeout_s: float,
        *,
        answer_bytes: int = 0,
    ) -> Answer:
        """Ask, and wait for what ``answer_in`` finds among the bytes that come.

        Raises:
            LinkDown: The line is gone; it is closed for all its users, and opened again by the first that comes back.
            NoAnswer: Nothing came in time.
        """
        async with self.turn() as turn:
            return await turn.ask(question, answer_in, timeout_s, answer_bytes=answer_bytes)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """The line for several exchanges that nobody may come between.

        Raises:
            LinkDown: As ``ask``.
        """
        # Cancelled in half an exchange, its answer is late for the next user, whose silence before asking drops it.
        async with self._lock:
            if not self._is_open:
                raise LinkDown(self._why_shut)
            try:
                yield Turn(self)
            except LinkDown as exc:
                self._why_shut = str(exc)
                await self._shut()
                raise

    def may_seek_in_s(self) -> float:
        """How long until a slave that did not answer may be asked after again. [s]."""
        return max(0.0, self._may_seek_s - self._clock.monotonic_s())

    def sought(self, took_s: float) -> None:
        """Say that a slave was asked after for ``took_s`` without an answer: the others have the bus for a while."""
        since_s = max(self._clock.monotonic_s(), self._may_seek_s)
        self._may_seek_s = since_s + took_s * (1 / SILENT_SHARE - 1)

    async def quiet(self) -> None:
        """Wait until the line was silent for long enough; one that never falls silent is nobody's to ask on.

        The silence counts from the last byte, so that what was done since with the answer costs no time.
        """
        patience = HELD_BYTES_MAX
        while True:
            rest_s = self._moved_s + self.gap_s - self._clock.monotonic_s()
            # The loop wakes up to a millisecond late, a twentieth of a short exchange: the last one is the kernel's.
            late = await self._line.read(rest_s - FINE_S if rest_s > FINE_S else max(0.0, rest_s))
            if not late:
                if rest_s <= FINE_S:
                    return
                continue
            self._note_heard()
            self.late_bytes += len(late)
            patience -= len(late)
            if patience < 0:
                raise LinkDown("the line never falls silent: wrong speed, or a device that babbles")

    async def answer(
        self, question: bytes, answer_in: Callable[[bytes], Answer | None], timeout_s: float, answer_bytes: int = 0
    ) -> Answer:
        """What ``answer_in`` finds after ``question`` was sent; raises ``LinkDown`` and ``NoAnswer``.

        The time of both on the wire is not the device's: ``timeout_s`` begins when the question has left.
        """
        heard = b""
        deadline_s = self._clock.monotonic_s() + len(question) * self._character_s + timeout_s
        while (rest_s := deadline_s - self._clock.monotonic_s()) > 0 and len(heard) < HELD_BYTES_MAX:
            data = await self._line.read(rest_s)
            if not data:
                continue
            self._note_heard()
            if not heard:
                deadline_s += answer_bytes * self._character_s
            heard += data
            # A half-duplex adapter hears itself.
            found = answer_in(heard.removeprefix(question))
            if found is not None:
                self.answered_s = self._moved_s
                return found
        raise NoAnswer(heard)

    async def write(self, data: bytes) -> None:
        """Send; raises ``LinkDown``."""
        await self._line.write(data)

    async def send_break(self, seconds: float) -> None:
        """Hold the line in its break state, where it has one; raises ``LinkDown``."""
        if isinstance(self._line, SerialPort):
            await self._line.send_break(seconds)

    def _note_heard(self) -> None:
        """The silence begins when bytes came, not when this task had its turn to read them."""
        ago_s = self._line.heard_ago_s() if isinstance(self._line, SerialPort) else 0.0
        self._moved_s = self._clock.monotonic_s() - ago_s

    async def _shut(self) -> None:
        self._is_open = False
        await self._line.close()


class Turn:
    """The line while it is one user's."""

    def __init__(self, line: SharedLine) -> None:
        self._line = line

    async def ask(
        self,
        question: bytes,
        answer_in: Callable[[bytes], Answer | None],
        timeout_s: float,
        *,
        answer_bytes: int = 0,
        break_s: float = 0.0,
        marking_s: float = 0.0,
    ) -> Answer:
        """One question and its answer, after a silence, and a break where the bus wants one.

        Args:
            question: What to send.
            answer_in: Finds the answer among bytes that came.
            timeout_s: How long the device may take to begin. [s]
            answer_bytes: How long the answer may be. [bytes]
            break_s: How long to hold the line in its break state before. [s]
            marking_s: How long to rest after that. [s]

        Raises:
            LinkDown: The line is gone or never falls silent.
            NoAnswer: Nothing came in time.
        """
        await self._line.quiet()
        if break_s:
            await self._line.send_break(break_s)
            await asyncio.sleep(marking_s)
        await self._line.write(question)
        return await self._line.answer(question, answer_in, timeout_s, answer_bytes)

    async def listen(self, answer_in: Callable[[bytes], Answer | None], timeout_s: float) -> Answer:
        """What comes by itself; raises ``LinkDown`` and ``NoAnswer``."""
        return await self._line.answer(b"", answer_in, timeout_s)
