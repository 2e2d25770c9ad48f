"""Blocks just journalled, handed over in memory so that the projector need not read them back.

Limit: ``bytes_max``, blocks and what goes with them. Full: new blocks are not taken and the projector reads that
stretch from the journal; nothing is lost by it. Counter: ``dropped``.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import Final, NamedTuple

from collector.lake.ports import JournalEntry

PIECE_BLOCKS: Final = 16
"""Blocks taken out together at least."""
ENTRY_BYTES: Final = 512
"""What a block's entry takes beside its bytes; 450 to 610 by tracemalloc, one that comes alone the most. [bytes]"""


class _Piece(NamedTuple):
    entries: Sequence[JournalEntry]
    size_bytes: int


class Feed:
    """A bounded queue that knows whether it has a gap. Any thread may use it."""

    def __init__(self, bytes_max: int = 32 << 20) -> None:
        self.dropped = 0
        self._bytes_max = bytes_max
        self._bytes = self._entries = 0
        self._pieces: deque[_Piece] = deque()
        self._lock = threading.Lock()

    @property
    def waiting_bytes(self) -> int:
        """Block bytes taken in and not taken out yet."""
        return self._bytes

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Take the entries of one commit, which have no gap between them. Never waits.

        Commits are offered in order. One that was not offered leaves a gap, and the journal gives what is in it.
        """
        if not entries:
            return
        sizes = [len(entry.data) for entry in entries]
        size = sum(sizes)
        with self._lock:
            if self._bytes + size + ENTRY_BYTES * (self._entries + len(entries)) > self._bytes_max:
                self.dropped += len(entries)
                return
            # A commit may hold millions of readings; whoever takes them decodes a piece at a time.
            for first in range(0, len(entries), PIECE_BLOCKS):
                part = entries[first : first + PIECE_BLOCKS]
                self._pieces.append(_Piece(part, sum(sizes[first : first + PIECE_BLOCKS])))
            self._bytes += size
            self._entries += len(entries)

    def take(self, after: int, *, readings_max: int) -> list[JournalEntry]:
        """Entries right behind ``after``, or none when the queue does not have them.

        Args:
            after: Position the caller has come to.
            readings_max: Stop at about so many readings; at least one piece comes.
        """
        taken: list[JournalEntry] = []
        readings = 0
        with self._lock:
            while self._pieces and readings < readings_max:
                piece = self._pieces[0]
                if piece.entries[0].position > after + 1:
                    break
                self._pieces.popleft()
                self._bytes -= piece.size_bytes
                self._entries -= len(piece.entries)
                fresh = [entry for entry in piece.entries if entry.position > after]
                if fresh:
                    taken += fresh
                    readings += sum(entry.readings for entry in fresh)
                    after = fresh[-1].position
        return taken

    def let_go(self) -> None:
        """Hold nothing: what was not taken out is for the journal to give."""
        with self._lock:
            self._pieces.clear()
            self._bytes = self._entries = 0


def up_to(entries: Sequence[JournalEntry], readings_max: int) -> list[JournalEntry]:
    """The first entries, about ``readings_max`` readings of them and at least one."""
    sums = 0

    def fits(entry: JournalEntry) -> bool:
        nonlocal sums
        room = sums < readings_max
        sums += entry.readings
        return room

    return list(takewhile(fits, entries))
