"""Tables of the journal's file.

==============  =====================================================================================================
``meta``        one sealed record a key: identity, counters, durable offset
``batch``       blocks, in order: one row for what one transaction brought (or a MiB of it); its id is the last position
``stream``      the ledger: one row for each (agent, segment), never deleted
``digests``     digests of stored blocks, those of one stream in one row of ``batch`` together
``epoch``       outboxes in the order in which each agent's were first seen
``loss``        losses claimed or inferred
``aside``       the quarantine
==============  =====================================================================================================

A segment id is an unsigned 64-bit number and stands here as the signed one of the same bits.
"""

from __future__ import annotations

from typing import Final

from harkara_io.sqlite_log import LogFormat

FORMAT: Final = LogFormat(
    application_id=0x484B4A31,  # "HKJ1"
    version=1,
    statements=(
        *(
            f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {columns})"
            for name, columns in {
                "meta": "record BLOB NOT NULL",
                "batch": "received_at_ns INTEGER NOT NULL, size INTEGER NOT NULL, record BLOB NOT NULL",
                "stream": "agent TEXT NOT NULL, segment INTEGER NOT NULL, parent INTEGER, readings INTEGER NOT NULL,"
                " blocks INTEGER NOT NULL, bytes INTEGER NOT NULL, lost INTEGER NOT NULL, record BLOB NOT NULL",
                "digests": "stream INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,"
                " last INTEGER NOT NULL, record BLOB NOT NULL",
                "epoch": "agent TEXT NOT NULL, outbox_id BLOB NOT NULL, number INTEGER NOT NULL",
                "loss": "agent TEXT NOT NULL, segment INTEGER NOT NULL, seqs BLOB NOT NULL, readings INTEGER,"
                " reason TEXT NOT NULL, claimed INTEGER NOT NULL, at_ns INTEGER NOT NULL",
                "aside": "kind TEXT NOT NULL, agent TEXT NOT NULL, segment INTEGER NOT NULL, seq INTEGER NOT NULL,"
                " digest BLOB NOT NULL, reason TEXT NOT NULL, at_ns INTEGER NOT NULL, data BLOB NOT NULL",
            }.items()
        ),
        "CREATE UNIQUE INDEX stream_key ON stream (agent, segment)",
        "CREATE INDEX stream_parent ON stream (agent, parent) WHERE parent IS NOT NULL",
        "CREATE INDEX digests_key ON digests (stream, high)",
        "CREATE UNIQUE INDEX epoch_key ON epoch (agent, outbox_id)",
        "CREATE INDEX loss_key ON loss (agent, segment)",
        "CREATE INDEX aside_key ON aside (agent, segment, seq, digest)",
    ),
    small_tables=("meta", "epoch"),
)

IDENTITY: Final = 1
"""Key of the identity in ``meta``."""

COUNTERS: Final = 2
"""Key of the counters in ``meta``."""

DURABLE: Final = 3
"""Key of the durable offset in ``meta``."""


def signed(segment: int) -> int:
    """A segment id as SQLite can hold it."""
    return segment - (1 << 64) if segment >= 1 << 63 else segment


def unsigned(segment: int) -> int:
    """The inverse of `signed`."""
    return segment + (1 << 64) if segment < 0 else segment
