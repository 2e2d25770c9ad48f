"""What both adapters share: messages that wait to be taken, the cap on held bytes, who may still be acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from collector.sources.ports import LinkDown, Message, SourceCounters

RESUME_AT: float = 0.5
"""Reading goes on when the held bytes have fallen to this part of the cap: not at every single acknowledgement."""


class Inbox:
    """Messages of one connection at a time, bounded in bytes.

    Limit: ``held_bytes_max`` payload bytes that are handed out or waiting. A full inbox calls ``pause``, which stops
    reading the socket; ``counters.pauses`` shows it. One read of the socket may pass the cap by what it carried.

    Args:
        held_bytes_max: The cap. [bytes]
        pause: Stops reading; may be called when nothing is connected.
        resume: Goes on reading.
    """

    def __init__(self, *, held_bytes_max: int, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.counters = SourceCounters()
        self.generation = 0
        self.paused = False
        self._held_bytes_max = held_bytes_max
        self._pause = pause
        self._resume = resume
        self._waiting: list[Message] = []
        self._down: str | None = "not connected"
        self._wake = asyncio.Event()

    def begin(self) -> int:
        """A new connection: forget what nobody took of the old one, number the new one."""
        self.counters.held_bytes -= sum(len(message.payload) for message in self._waiting)
        self._waiting.clear()
        self.generation += 1
        self.counters.connections += 1
        self._down = None
        self._wake.clear()
        # What was handed out earlier and is not settled yet is still in memory, so a pause outlives the connection.
        self.paused = self.counters.held_bytes >= self._held_bytes_max
        return self.generation

    def put(self, messages: Sequence[Message], size_bytes: int) -> None:
        """Add what one read brought."""
        self._waiting.extend(messages)
        self.counters.held_bytes += size_bytes
        if not self.paused and self.counters.held_bytes >= self._held_bytes_max:
            self.paused = True
            self.counters.pauses += 1
            self._pause()
        self._wake.set()

    def lost(self, reason: str) -> None:
        """The connection is gone; the first reason is kept."""
        if self._down is None:
            self._down = reason
        self._wake.set()

    @property
    def down(self) -> str | None:
        """Why there is no connection; None while there is one."""
        return self._down

    async def take(self) -> list[Message]:
        """Wait for messages and hand out all.

        Raises:
            LinkDown: Nothing is left and the connection is lost.
        """
        while not self._waiting:
            if self._down is not None:
                raise LinkDown(self._down)
            self._wake.clear()
            await self._wake.wait()
        batch, self._waiting = self._waiting, []
        self.counters.received += len(batch)
        self.counters.received_bytes += sum([len(message.payload) for message in batch])
        return batch

    def settle(self, messages: Sequence[Message]) -> list[int]:
        """Free the bytes of messages that are done with.

        Returns:
            Packet ids to acknowledge on the present connection, in order; those of earlier connections are counted and
            dropped.
        """
        counters = self.counters
        counters.held_bytes -= sum([len(message.payload) for message in messages])
        generation = self.generation if self._down is None else -1
        wanted = [message for message in messages if message.packet_id]
        ids = [message.packet_id for message in wanted if message.generation == generation]
        counters.acknowledged += len(ids)
        counters.stale_acks += len(wanted) - len(ids)
        if self.paused and counters.held_bytes <= self._held_bytes_max * RESUME_AT:
            self.paused = False
            self._resume()
        return ids
