"""Blocks right behind a position: from memory when the journal has just got them, from its file otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.lake.feed import Feed, up_to
from collector.lake.ports import JournalEntry, JournalSource

FEED_BYTES_MAX: Final = 8 << 20
"""New blocks that wait in memory for one store; past it they are read back from the journal. [bytes]"""
_READ_BYTES: Final = 4 << 20
_PLENTY_BYTES: Final = 64 << 10
"""Blocks of some fifty thousand readings. [bytes]"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What lies behind a position.

    Attributes:
        entries: The next blocks, without a gap.
        gone_to: The journal no longer has anything up to here; None when it has what comes next.
    """

    entries: list[JournalEntry]
    gone_to: int | None = None


class Supply:
    """What one store has not had yet. ``offer`` from any thread, the rest from one.

    Args:
        journal: Where blocks are.
        feed_bytes_max: Bound of those in memory. [bytes]
    """

    def __init__(self, journal: JournalSource, *, feed_bytes_max: int = FEED_BYTES_MAX) -> None:
        self._journal = journal
        self._feed = Feed(feed_bytes_max)
        self._read: Sequence[JournalEntry] = ()

    @property
    def held_bytes(self) -> int:
        """Bytes of blocks in memory."""
        return self._feed.waiting_bytes + sum(len(entry.data) for entry in self._read)

    @property
    def is_plenty(self) -> bool:
        """Whether what waits in memory is worth a piece of its own."""
        return self._feed.waiting_bytes >= _PLENTY_BYTES

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Take what was just committed, every commit, in order. Never waits."""
        self._feed.offer(entries)

    def let_go(self) -> None:
        """Hold nothing in memory: the journal has it."""
        self._feed.let_go()
        self._read = ()

    def after(self, position: int, *, readings_max: int) -> Stretch:
        """What lies behind a position.

        Args:
            position: What the store has had.
            readings_max: Stop at about so many readings.
        """
        taken = self._feed.take(position, readings_max=readings_max)
        head = self._journal.head
        if taken or position >= head:
            return Stretch(taken)
        if not self._read or self._read[0].position != position + 1:
            self._read = self._journal.read(position, blocks_max=4096, bytes_max=_READ_BYTES)
        if not self._read:
            return Stretch([], gone_to=head)
        if (first := self._read[0].position) > position + 1:
            return Stretch([], gone_to=first - 1)
        taken = _unbroken(up_to(self._read, readings_max))
        self._read = self._read[len(taken) :]
        return Stretch(taken)


def _unbroken(entries: list[JournalEntry]) -> list[JournalEntry]:
    """The first of them, up to a hole that a rotted row left."""
    first = entries[0].position
    if entries[-1].position - first == len(entries) - 1:
        return entries
    return [entry for place, entry in enumerate(entries) if entry.position == first + place]
