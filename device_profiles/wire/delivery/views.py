"""What the agent knows of the fate of one segment's blocks, as intervals."""

from __future__ import annotations

from dataclasses import dataclass, field

from device_profiles.wire.delivery.ports import SegmentSpan
from device_profiles.wire.intervals import IntervalSet


@dataclass(slots=True)
class SegmentView:
    """The collector's word on one segment, and what was done about it here.

    It is a cache of the last sync and the receipts since; a restart or a new sync builds it anew.

    Attributes:
        segment: Segment id.
        ordinal: Place in the outbox.
        tail: Highest seq named to the collector.
        gone: Seqs that the outbox no longer keeps or was told to delete.
        shelved: Seqs kept but not to be sent.
        stored: Seqs the collector has durably.
        held: Seqs the collector keeps unread: kept here too, and not sent.
    """

    segment: int
    ordinal: int
    tail: int
    gone: IntervalSet
    shelved: IntervalSet
    stored: IntervalSet = field(default_factory=IntervalSet)
    held: IntervalSet = field(default_factory=IntervalSet)

    @classmethod
    def of(cls, span: SegmentSpan) -> SegmentView:
        """A fresh view: the collector has said nothing yet."""
        return cls(span.segment, span.ordinal, span.tail, span.absent, span.shelved)

    def skip_to(self, seq: int) -> int | None:
        """None when ``seq`` wants sending; else the last seq of the run around it that does not."""
        for settled in (self.gone, self.stored, self.held, self.shelved):
            end = settled.end_of(seq)
            if end is not None:
                return end
        return None

    def settled(self, seq: int) -> bool:
        """Whether the collector has spoken about this block."""
        return seq in self.stored or seq in self.held or seq in self.gone or seq in self.shelved

    def trimmable(self, safe: IntervalSet) -> IntervalSet:
        """Seqs that ``safe`` allows to delete and that are still kept for sending."""
        return safe.subtract(self.gone).subtract(self.shelved)
