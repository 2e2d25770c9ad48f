"""The collector's working copy of ledger rows: what is committed plus what the open batch will commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from device_profiles.wire.delivery.collector_io import BlockFacts
from device_profiles.wire.delivery.ports import Ledger, SegmentRow
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import OpenRecord

Key = tuple[str, int]
NONE: Final = IntervalSet()


class SegmentEntry:
    """One (agent, segment) while it is busy. Mutable; `row` freezes it for the transaction.

    Attributes:
        agent: Agent id.
        segment: Segment id.
        base: The ledger's row when this copy was made; holds what changes rarely.
        stored: Seqs stored, the open batch included.
        held: Seqs kept unread.
        lost: Seqs covered by a loss record.
        claimed: Those of ``lost`` the agent reported.
        child_tail: Lowest tail a child segment declared for this one; None without children.
        digests: (digest, previous) of blocks not yet committed, and of the newest one.
    """

    __slots__ = ("_left", "agent", "base", "child_tail", "claimed", "digests", "held", "lost", "segment", "stored")

    def __init__(self, agent: str, segment: int, base: SegmentRow, child_tail: int | None) -> None:
        """Copy a ledger row."""
        self.agent = agent
        self.segment = segment
        self.base = base
        self.stored = base.stored
        self.held = base.held
        self.lost = base.lost
        self.claimed = base.claimed
        self.child_tail = child_tail
        self.digests: dict[int, tuple[bytes, bytes]] = {}
        self._left: int | None = None
        """The newest at the last commit: its digest stayed, and goes when there is a newer one."""

    def row(self) -> SegmentRow:
        """The row as the open batch will write it."""
        return replace(self.base, stored=self.stored, held=self.held, lost=self.lost, claimed=self.claimed)

    def resolved(self) -> IntervalSet:
        """Seqs about which nothing is open: stored, held here, rejected or recorded as lost."""
        rejected = IntervalSet.from_numbers(rejection.seq for rejection in self.base.rejected)
        return self.stored.union(self.held).union(self.lost).union(rejected)

    def remember(self, facts: BlockFacts) -> None:
        """Keep the digests of a block of the open batch, where the ledger cannot show them yet."""
        self.digests[facts.seq] = (facts.digest, facts.previous)

    def committed(self, seqs: Iterable[int]) -> None:
        """These are on the disk: only the newest block's digest stays at hand, for the next link of the chain."""
        newest = self.stored.last
        for seq in (*seqs, self._left):
            if seq is not None and seq != newest:
                self.digests.pop(seq, None)
        self._left = newest


class Entries:
    """Cache of working copies over the ledger. Bounded; may be dropped whole at any time between batches."""

    def __init__(self, ledger: Ledger, *, entries_max: int) -> None:
        """Start empty.

        Args:
            ledger: Committed state.
            entries_max: Copies kept when idle.
        """
        self._ledger = ledger
        self._entries_max = entries_max
        self._entries: dict[Key, SegmentEntry] = {}
        self._opened: dict[Key, list[tuple[int, OpenRecord]]] = {}  # children the ledger may not show yet

    def get(self, agent: str, segment: int) -> SegmentEntry:
        """The working copy, made from the ledger where there is none."""
        entry = self._entries.get((agent, segment))
        if entry is None:
            row = self._ledger.segment(agent, segment) or SegmentRow()
            tails = [opened.parent_tail for _, opened in self.children(agent, segment)]
            entry = SegmentEntry(agent, segment, row, min(tails, default=None))
            self._entries[agent, segment] = entry
        return entry

    def digest(self, entry: SegmentEntry, seq: int) -> tuple[bytes, bytes] | None:
        """(digest, previous) of a stored block; None when it is not stored, or its digest is no longer kept."""
        if seq not in entry.stored:
            return None
        return entry.digests.get(seq) or self._ledger.digest(entry.agent, entry.segment, seq)

    def children(self, agent: str, parent: int) -> list[tuple[int, OpenRecord]]:
        """Segments that call this one their parent, the open batch included."""
        known = dict(self._ledger.children(agent, parent))
        known.update(self._opened.get((agent, parent), ()))
        return list(known.items())

    def add_child(self, agent: str, segment: int, opened: OpenRecord) -> None:
        """An open record was admitted."""
        self._opened.setdefault((agent, opened.parent_segment), []).append((segment, opened))
        parent = self.get(agent, opened.parent_segment)
        tails = [tail for tail in (parent.child_tail, opened.parent_tail) if tail is not None]
        parent.child_tail = min(tails)

    def drop(self) -> None:
        """Forget all copies: a batch failed, and only the ledger knows what is true."""
        self._entries.clear()
        self._opened.clear()

    def shrink(self, busy: set[Key]) -> None:
        """Let go of idle copies when there are too many. Call between batches only."""
        if len(self._entries) <= self._entries_max:
            return
        self._entries = {key: entry for key, entry in self._entries.items() if key in busy}
        if not busy:
            self._opened.clear()
