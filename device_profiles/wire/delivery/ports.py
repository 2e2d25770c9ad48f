"""What the delivery machines may look up while they decide: the agent's outbox and the collector's ledger.

Ports are synchronous and read-only: everything that changes a disk leaves a machine as an action, so that one
transaction of the caller holds it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Refusal, Rejection
from device_profiles.wire.model import OpenRecord


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A sealed, committed block in the outbox, without its bytes.

    Attributes:
        segment: Segment id.
        ordinal: Place of the segment within the outbox, counted from 1; orders segments of different ids.
        seq: Number of the block in its segment, from 1.
        size_bytes: Length of the encoded block as published. [bytes]
        readings: Readings the block holds.
        digest: Its 16-byte BLAKE2b digest.
    """

    segment: int
    ordinal: int
    seq: int
    size_bytes: int
    readings: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class SegmentSpan:
    """What an outbox keeps of one segment.

    Attributes:
        segment: Segment id.
        ordinal: Place within the outbox, from 1.
        first_kept: Lowest seq still in the outbox (shelved ones included); ``tail + 1`` when nothing is.
        tail: Highest seq ever sealed in the segment; 0 before the first.
        absent: Seqs in ``1..tail`` that were deleted, for whatever reason. Kept durably as intervals, changed in the
            transaction that deletes, so that reading it does not scan the backlog.
        shelved: Seqs kept but never offered for sending (rejected by the collector).
        readings_total: Readings sealed in the segment so far.
    """

    segment: int
    ordinal: int
    first_kept: int
    tail: int
    absent: IntervalSet = field(default_factory=IntervalSet)
    shelved: IntervalSet = field(default_factory=IntervalSet)
    readings_total: int = 0


class OutboxIndex(Protocol):
    """The agent's outbox as the machine sees it: an ordered index, paged, never loaded whole."""

    @property
    def outbox_id(self) -> bytes:
        """Random 16-byte identity of the outbox file."""
        ...

    def after(self, ordinal: int, seq: int, limit: int) -> Sequence[BlockRef]:
        """At most ``limit`` kept, not shelved blocks after ``(ordinal, seq)``, in the order (ordinal, seq).

        ``(0, 0)`` starts at the oldest. Only sealed and fsynced blocks are shown (rule A2).
        """
        ...

    def get(self, segment: int, seq: int) -> BlockRef | None:
        """The kept block of this key, shelved or not; None when it is gone."""
        ...

    def segments(self, after_ordinal: int, limit: int) -> Sequence[SegmentSpan]:
        """At most ``limit`` segments with an ordinal above ``after_ordinal``, in order.

        A segment stays listed, even with nothing kept, until `ForgetSegment` names it.
        """
        ...

    def newest_segment(self) -> SegmentSpan | None:
        """The segment that new blocks are sealed in; None before the first."""
        ...


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """The ledger's knowledge of one (agent, segment). Never expires (rule C7).

    Attributes:
        stored: Seqs whose block bytes are committed in the journal (or were, and went on to the lake).
        held: Seqs kept unread because their version is unknown here; the agent keeps them too.
        lost: Seqs covered by a loss record and not stored.
        claimed: Those of ``lost`` that the agent itself reported; the rest was inferred here.
        rejected: Refused blocks with the digest that was refused. A seq may be stored and rejected at once: a fork.
        outbox_id: Which outbox the segment lives in; empty while unknown.
        epoch: The outbox's number within the agent, given here in order of first sight; 0 while unknown.
        ordinal: Place of the segment in its outbox.
        opened: The open record of its first block, once that has come.
        suspect: ``""``, ``"rolled_back"`` or ``"clone"``: what its lineage says about it.
    """

    stored: IntervalSet = field(default_factory=IntervalSet)
    held: IntervalSet = field(default_factory=IntervalSet)
    lost: IntervalSet = field(default_factory=IntervalSet)
    claimed: IntervalSet = field(default_factory=IntervalSet)
    rejected: tuple[Rejection, ...] = ()
    outbox_id: bytes = b""
    epoch: int = 0
    ordinal: int = 0
    opened: OpenRecord | None = None
    suspect: str = ""


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """Whose statements these are: a receipt counts only under the identity that answered this connection's sync.

    Attributes:
        lineage: The operator's store, 16 bytes, for ever.
        store_id: The journal, 16 bytes; new at every restore from a backup.
        generation: Counts restores.
    """

    lineage: bytes
    store_id: bytes
    generation: int


class Ledger(Protocol):
    """The collector's committed state. Answers must not show what is not yet fsynced."""

    @property
    def identity(self) -> StoreIdentity:
        """Identity of this journal."""
        ...

    def segment(self, agent: str, segment: int) -> SegmentRow | None:
        """What is known of a segment; None when it was never heard of. Called often: keep it cached."""
        ...

    def digest(self, agent: str, segment: int, seq: int) -> tuple[bytes, bytes] | None:
        """(digest, previous) of a stored block, 16 and 8 bytes; None when journal and lake no longer hold it."""
        ...

    def epoch(self, agent: str, outbox_id: bytes) -> int | None:
        """Number given to this outbox; None when it is new."""
        ...

    def epochs(self, agent: str) -> int:
        """How many outboxes the agent has had here."""
        ...

    def children(self, agent: str, parent_segment: int) -> Sequence[tuple[int, OpenRecord]]:
        """Segments whose open record names this parent, with the record."""
        ...

    def backed_up(self, agent: str, segment: int) -> IntervalSet:
        """Stored seqs inside the last verified backup; asked only when backups are on."""
        ...


class Registry(Protocol):
    """Who may send. Looked up per message; answers come from memory."""

    def refusal(self, agent: str) -> Refusal | None:
        """None when the agent is active; else why not and when to ask again."""
        ...
