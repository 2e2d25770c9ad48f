"""An agent's outbox in memory: enough for a load, nothing survives the process."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from device_profiles.wire.delivery.ports import BlockRef, SegmentSpan
from device_profiles.wire.digest import block_digest
from device_profiles.wire.intervals import IntervalSet


class MemoryOutbox:
    """Implements ``OutboxIndex`` for one segment.

    Args:
        outbox_id: 16 bytes.
        segment: Segment id.
    """

    def __init__(self, outbox_id: bytes, segment: int) -> None:
        self._id = outbox_id
        self._segment = segment
        self._blocks: dict[int, tuple[BlockRef, bytes]] = {}
        self._absent = IntervalSet()
        self._readings = 0
        self.tail = 0
        """Highest number sealed."""

    @property
    def outbox_id(self) -> bytes:
        """Its identity."""
        return self._id

    def __len__(self) -> int:
        """Blocks kept."""
        return len(self._blocks)

    def add(self, data: bytes, readings: int) -> None:
        """Keep the next block."""
        self.tail += 1
        self._readings += readings
        ref = BlockRef(self._segment, 1, self.tail, len(data), readings, block_digest(data))
        self._blocks[self.tail] = (ref, data)

    def data(self, seq: int) -> bytes | None:
        """Bytes of a block that is kept."""
        found = self._blocks.get(seq)
        return None if found is None else found[1]

    def trim(self, seqs: IntervalSet) -> int:
        """Delete blocks; how many there were."""
        count = 0
        for low, high in seqs:
            for seq in range(low, high + 1):
                count += self._blocks.pop(seq, None) is not None
        self._absent |= seqs
        return count

    def after(self, ordinal: int, seq: int, limit: int) -> Sequence[BlockRef]:
        """See ``OutboxIndex``; blocks are kept in order of their numbers."""
        if ordinal > 1:
            return ()
        since = seq if ordinal == 1 else 0
        first = next(iter(self._blocks), self.tail + 1)
        if since < first:
            return [ref for ref, _ in islice(self._blocks.values(), limit)]
        found = []
        for number in range(since + 1, self.tail + 1):
            kept = self._blocks.get(number)
            if kept is not None:
                found.append(kept[0])
                if len(found) == limit:
                    break
        return found

    def get(self, segment: int, seq: int) -> BlockRef | None:
        """See ``OutboxIndex``."""
        found = self._blocks.get(seq) if segment == self._segment else None
        return None if found is None else found[0]

    def segments(self, after_ordinal: int, limit: int) -> Sequence[SegmentSpan]:
        """See ``OutboxIndex``."""
        return [self._span()] if after_ordinal < 1 <= limit and self.tail else []

    def newest_segment(self) -> SegmentSpan | None:
        """See ``OutboxIndex``."""
        return self._span() if self.tail else None

    def _span(self) -> SegmentSpan:
        first = next(iter(self._blocks), self.tail + 1)
        return SegmentSpan(self._segment, 1, first, self.tail, self._absent, IntervalSet(), self._readings)
