"""What the projector needs of others: a journal to read, a place for blocks that cannot be projected.

``collector.journal.Journal`` is the journal of the running collector; tests bring a small one of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from collector.journal.packing import JournalEntry
from device_profiles.wire.delivery.ports import StoreIdentity

__all__ = ["JournalEntry", "JournalSource", "PoisonSink", "StoreIdentity", "StoreKey"]


class StoreKey(NamedTuple):
    """The identity of a journal as the lake remembers it."""

    store_id: bytes
    generation: int


class JournalSource(Protocol):
    """A journal, read in order. Called from the projector's thread, which may wait in it."""

    @property
    def identity(self) -> StoreIdentity:
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
