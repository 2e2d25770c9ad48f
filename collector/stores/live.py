"""New readings of one store: from the journal's blocks to pieces for the courier, and how far the store has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

from collector.lake.ports import JournalEntry, JournalSource
from collector.stores.courier import Piece
from collector.stores.cursor import Cursor, Tally
from collector.stores.maker import Maker
from collector.stores.options import PumpOptions
from collector.stores.supply import Supply

RUN: Final = 0
"""Of a piece of new readings; back-fills are numbered from 1."""


class Gone(NamedTuple):
    """The journal no longer has what comes next.

    Attributes:
        to: Up to here it has nothing.
    """

    to: int


class Live:
    """The new readings of one store. ``offer`` and properties from any thread, the rest from the pump's.

    Args:
        journal: Where blocks come from.
        maker: Makes lines of them.
        options: How the store is served.
        position: Up to where the store would still have everything after it was killed.
        tally: What became of the readings up to there.
        clock_s: Monotonic. [s]

    Attributes:
        cursor: How far the store has them, and what became of them.
        next: Newest block that a piece was made of.
    """

    def __init__(
        self,
        journal: JournalSource,
        maker: Maker,
        options: PumpOptions,
        *,
        position: int,
        tally: Tally,
        clock_s: Callable[[], float],
    ) -> None:
        self.next = position
        self._journal, self._maker, self._options, self._clock_s = journal, maker, options, clock_s
        self._supply = Supply(journal)
        self.cursor = Cursor(position, tally, durable_after_s=options.durable_after_s)
        self._gathers_until_s = float("-inf")
        self._last_received_ns = 0

    @property
    def held_bytes(self) -> int:
        """Bytes of blocks that wait in memory."""
        return self._supply.held_bytes

    @property
    def due_s(self) -> float:
        """When to look again though nobody wakes the pump; infinite where there is nothing to gather. [s]."""
        gathers = self._gathers_until_s > self._clock_s() and self.next < self._journal.head
        return self._gathers_until_s if gathers else float("inf")

    def lag_s(self, now_ns: int, waiting: Sequence[Piece]) -> float:
        """How long the oldest block that the store lacks has been waiting. [s].

        Args:
            now_ns: UTC Unix time. [ns]
            waiting: Pieces on the way, oldest first.
        """
        if self.cursor.sent >= self._journal.head:
            return 0.0
        first = next((piece.since_ns for piece in waiting if piece.run == RUN), self._last_received_ns)
        return max(0.0, (now_ns - first) / 1e9) if first else 0.0

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Take what was just committed, every commit, in order. Never waits."""
        self._supply.offer(entries)

    def let_go(self) -> None:
        """Hold no blocks in memory: the journal has them."""
        self._supply.let_go()

    def look_at_oldest(self) -> None:
        """Learn since when the store lacks something, before anything is sent that would tell."""
        if self._last_received_ns or self.next >= self._journal.head:
            return
        if waiting := self._journal.read(self.next, blocks_max=1, bytes_max=1):
            self._last_received_ns = waiting[0].received_at_ns

    def take(self) -> Piece | Gone | None:
        """The next piece; none while single blocks are gathered, or when all are under way."""
        now_s = self._clock_s()
        if now_s < self._gathers_until_s and not self._supply.is_plenty:
            return None
        stretch = self._supply.after(self.next, readings_max=self._options.piece_readings)
        if stretch.gone_to is not None:
            return Gone(stretch.gone_to)
        entries = stretch.entries
        if not entries:
            return None
        if sum(entry.readings for entry in entries) < self._options.piece_readings // 2:
            self._gathers_until_s = now_s + self._options.gather_s
        made = self._maker.of(entries)
        self.next = made.position
        return Piece(RUN, self.cursor.epoch, made.position, made.lines, made.tally, entries[0].received_at_ns)

    def acknowledged(self, piece: Piece, alive_s: float) -> bool:
        """The store has a piece. Returns whether it counts."""
        if not self.cursor.acknowledged(piece.epoch, cast("int", piece.position), piece.tally, alive_s):
            return False
        self._last_received_ns = piece.since_ns
        return True

    def rewind(self) -> Tally:
        """Go back to what is safe. Returns what has to be sent again."""
        forgotten = self.cursor.rewind()
        self.next = self.cursor.safe
        return forgotten

    def take_back(self) -> None:
        """Forget what is on the way; what the store answered for stays."""
        self.cursor.drop()
        self.next = self.cursor.sent

    def move(self, position: int) -> None:
        """Go on from another place."""
        self.cursor.move(position)
        self.next = position
