"""What the projector needs of others: a journal to read, a place for blocks that cannot be projected.

``collector.journal.Journal`` is the journal of the running collector; tests bring a small one of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class JournalEntry(NamedTuple):
    """One block as the journal holds it.

    Attributes:
        position: Place in the journal; grows, never used twice within one (store_id, generation).
        agent: Identity the block was verified under.
        segment: Segment of the agent's outbox.
        ordinal: Number of the segment in its outbox.
        seq: Number within the segment.
        readings: Readings in the block.
        received_at_ns: When the collector took it in, UTC Unix time. [ns]
        digest: The block's digest, 16 bytes.
        data: The block's bytes as they came.
    """

    position: int
    agent: str
    segment: int
    ordinal: int
    seq: int
    readings: int
    received_at_ns: int
    digest: bytes
    data: bytes


class Identity(Protocol):
    """Which journal a position belongs to; a journal restored from a backup has another one."""

    @property
    def store_id(self) -> bytes:
        """16 bytes."""
        ...

    @property
    def generation(self) -> int:
        """Counts restores."""
        ...


class StoreKey(NamedTuple):
    """The identity of a journal as the lake remembers it."""

    store_id: bytes
    generation: int


class JournalSource(Protocol):
    """A journal, read in order. Called from the projector's thread, which may wait in it."""

    @property
    def identity(self) -> Identity:
        """Identity that the positions belong to."""
        ...

    @property
    def head(self) -> int:
        """Newest committed position; 0 in an empty journal."""
        ...

    def read(self, after: int, *, blocks_max: int, bytes_max: int) -> Sequence[JournalEntry]:
        """Committed entries behind ``after``, ascending; at least one if there is any.

        Args:
            after: Position already seen; 0 for the beginning.
            blocks_max: At most so many.
            bytes_max: Stop about here. [bytes]
        """
        ...

    def set_durable(self, position: int) -> None:
        """Everything up to ``position`` is in the lake and survives a power cut: it may be trimmed here."""
        ...


class PoisonSink(Protocol):
    """Takes note of a block that was stored and receipted but cannot be decoded, so that those behind it can pass."""

    def poisoned(self, entry: JournalEntry, reason: str, detail: str) -> None:
        """Keep the block with the reason. After a crash it may come again and must not count twice."""
        ...
