"""One line that several devices share: each gets it for one question and its answer, in the order they came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from edge_agent.clock import Clock
from edge_agent.drivers.ports import ByteLine, LinkDown
from edge_agent.drivers.serial_port import SerialPort

Answer = TypeVar("Answer")
HELD_BYTES_MAX: Final = 1024
"""No answer of a bus is longer; a line that gives more is babbling. [bytes]"""


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

    Args:
        line: Where it is.
        clock: For deadlines.
        gap_s: Silence before each question; what arrives in it is a late answer and belongs to nobody. [s]
    """

    def __init__(self, line: ByteLine, clock: Clock, *, gap_s: float) -> None:
        self.late_bytes = 0
        self._line, self._clock, self._gap_s = line, clock, gap_s
        self._users = 0
        self._is_open = False
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Take part; raises ``LinkDown`` when the line cannot be opened."""
        async with self._lock:
            if not self._is_open:
                await self._line.open()
                self._is_open = True
            self._users += 1

    async def close(self) -> None:
        """Take part no longer. Never raises."""
        self._users -= 1
        if self._users == 0:
            await self._shut()

    async def ask(self, question: bytes, answer_in: Callable[[bytes], Answer | None], timeout_s: float) -> Answer:
        """Ask, and wait for what ``answer_in`` finds among the bytes that come.

        Raises:
            LinkDown: The line is gone; it is closed for all its users, and opened again by the first that comes back.
            NoAnswer: Nothing came in time.
        """
        async with self.turn() as turn:
            return await turn.ask(question, answer_in, timeout_s)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """The line for several exchanges that nobody may come between.

        Raises:
            LinkDown: As ``ask``.
        """
        # Cancelled in half an exchange, its answer is late for the next user, whose silence before asking drops it.
        async with self._lock:
            if not self._is_open:
                raise LinkDown("the line went down under another device")
            try:
                yield Turn(self)
            except LinkDown:
                await self._shut()
                raise

    async def quiet(self) -> None:
        """Wait for a silence; a line that never falls silent is nobody's to ask on."""
        patience = HELD_BYTES_MAX
        while late := await self._line.read(self._gap_s):
            self.late_bytes += len(late)
            patience -= len(late)
            if patience < 0:
                raise LinkDown("the line never falls silent: wrong speed, or a device that babbles")

    async def answer(self, question: bytes, answer_in: Callable[[bytes], Answer | None], timeout_s: float) -> Answer:
        """What ``answer_in`` finds after ``question`` was sent; raises ``LinkDown`` and ``NoAnswer``."""
        heard = b""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while (rest_s := deadline_s - self._clock.monotonic_s()) > 0 and len(heard) < HELD_BYTES_MAX:
            heard += await self._line.read(rest_s) or b""
            # A half-duplex adapter hears itself.
            said = heard.removeprefix(question)
            found = answer_in(said)
            if found is not None:
                return found
        raise NoAnswer(heard)

    async def write(self, data: bytes) -> None:
        """Send; raises ``LinkDown``."""
        await self._line.write(data)

    async def send_break(self, seconds: float) -> None:
        """Hold the line in its break state, where it has one; raises ``LinkDown``."""
        if isinstance(self._line, SerialPort):
            await self._line.send_break(seconds)

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
        break_s: float = 0.0,
        marking_s: float = 0.0,
    ) -> Answer:
        """One question and its answer, after a silence, and a break where the bus wants one.

        Raises:
            LinkDown: The line is gone or never falls silent.
            NoAnswer: Nothing came in time.
        """
        await self._line.quiet()
        if break_s:
            await self._line.send_break(break_s)
            await asyncio.sleep(marking_s)
        await self._line.write(question)
        return await self._line.answer(question, answer_in, timeout_s)

    async def listen(self, answer_in: Callable[[bytes], Answer | None], timeout_s: float) -> Answer:
        """What comes by itself; raises ``LinkDown`` and ``NoAnswer``."""
        return await self._line.answer(b"", answer_in, timeout_s)
