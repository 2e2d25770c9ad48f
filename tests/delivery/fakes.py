"""A small outbox and a small ledger in memory: real implementations of the ports, without a disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from device_profiles.wire.delivery.collector_io import Commit
from device_profiles.wire.delivery.ports import BlockRef, SegmentRow, SegmentSpan, StoreIdentity
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.messages import Refusal
from device_profiles.wire.model import OpenRecord

LINEAGE = b"L" * 16
STORE = StoreIdentity(LINEAGE, b"S" * 16, 1)


def digest(segment: int, seq: int, life: str = "") -> bytes:
    return f"{life}{segment}:{seq}".encode().ljust(16, b".")


@dataclass
class MemoryOutbox:
    """Implements `OutboxIndex`; ``pages`` counts how often it was read."""

    outbox_id: bytes = b"O" * 16
    blocks: dict[tuple[int, int], BlockRef] = field(default_factory=dict)
    spans: dict[int, SegmentSpan] = field(default_factory=dict)
    pages: int = 0
    biggest_page: int = 0

    def fill(self, ordinal: int, count: int, *, size_bytes: int = 100, first: int = 1) -> None:
        segment = 1000 + ordinal
        for seq in range(first, first + count):
            self.blocks[ordinal, seq] = BlockRef(segment, ordinal, seq, size_bytes, 10, digest(segment, seq))
        absent = IntervalSet().add(1, first - 1) if first > 1 else EMPTY
        self.spans[ordinal] = SegmentSpan(segment, ordinal, first, first + count - 1, absent)

    def after(self, ordinal: int, seq: int, limit: int) -> Sequence[BlockRef]:
        self.pages += 1
        self.biggest_page = max(self.biggest_page, limit)
        found = sorted(key for key in self.blocks if key > (ordinal, seq))
        return [self.blocks[key] for key in found if key[1] not in self.spans[key[0]].shelved][:limit]

    def get(self, segment: int, seq: int) -> BlockRef | None:
        return self.blocks.get((segment - 1000, seq))

    def segments(self, after_ordinal: int, limit: int) -> Sequence[SegmentSpan]:
        return [self.spans[ordinal] for ordinal in sorted(self.spans) if ordinal > after_ordinal][:limit]

    def newest_segment(self) -> SegmentSpan | None:
        return self.spans[max(self.spans)] if self.spans else None


@dataclass
class MemoryLedger:
    """Implements `Ledger` and `Registry`."""

    identity: StoreIdentity = STORE
    rows: dict[tuple[str, int], SegmentRow] = field(default_factory=dict)
    digests: dict[tuple[str, int, int], tuple[bytes, bytes]] = field(default_factory=dict)
    outboxes: dict[tuple[str, bytes], int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    backup: dict[tuple[str, int], IntervalSet] = field(default_factory=dict)

    def segment(self, agent: str, segment: int) -> SegmentRow | None:
        return self.rows.get((agent, segment))

    def digest(self, agent: str, segment: int, seq: int) -> tuple[bytes, bytes] | None:
        return self.digests.get((agent, segment, seq))

    def epoch(self, agent: str, outbox_id: bytes) -> int | None:
        return self.outboxes.get((agent, outbox_id))

    def epochs(self, agent: str) -> int:
        return sum(1 for owner, _ in self.outboxes if owner == agent)

    def children(self, agent: str, parent_segment: int) -> Sequence[tuple[int, OpenRecord]]:
        return [
            (segment, row.opened)
            for (owner, segment), row in self.rows.items()
            if owner == agent and row.opened is not None and row.opened.parent_segment == parent_segment
        ]

    def backed_up(self, agent: str, segment: int) -> IntervalSet:
        return self.backup.get((agent, segment), EMPTY)

    def refusal(self, agent: str) -> Refusal | None:
        return Refusal("not registered", 60) if agent in self.refused else None

    def apply(self, commit: Commit) -> None:
        for stored in commit.blocks:
            facts = stored.facts
            self.digests[facts.agent, facts.segment, facts.seq] = (facts.digest, facts.previous)
        for agent, segment, row in commit.rows:
            self.rows[agent, segment] = row
        for agent, outbox_id, epoch in commit.epochs:
            self.outboxes[agent, outbox_id] = epoch
