"""Bytes that were put aside with their reason, within a cap of bytes."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from collector.journal.schema import signed, unsigned

EVICTION_ORDER: Final = ("unverified", "rejected", "poisoned", "fork", "held")
"""What goes first when the cap is reached: noise that nobody signed for, last what an upgrade can still read. The agent
keeps held and rejected blocks too."""


class QuarantineEntry(NamedTuple):
    """One message put aside.

    Attributes:
        id: Number within the quarantine, ascending with time.
        kind: ``unverified``, ``rejected``, ``poisoned``, ``fork`` or ``held``.
        agent: Agent of the topic it came on.
        segment: Segment, 0 where the block could not be verified.
        seq: Block number, 0 where the block could not be verified.
        digest: Digest, empty where the block could not be verified.
        reason: Why.
        at_ns: When, UTC Unix time. [ns]
        data: The bytes as they came.
    """

    id: int
    kind: str
    agent: str
    segment: int
    seq: int
    digest: bytes
    reason: str
    at_ns: int
    data: bytes


def add(connection: sqlite3.Connection, entry: QuarantineEntry) -> int:
    """Put an entry aside unless these very bytes of a verified block lie there already; gives the bytes added."""
    if entry.digest:
        known = connection.execute(
            "SELECT 1 FROM aside WHERE agent=? AND segment=? AND seq=? AND digest=? AND kind=?",
            (entry.agent, signed(entry.segment), entry.seq, entry.digest, entry.kind),
        ).fetchone()
        if known is not None:
            return 0
    connection.execute(
        "INSERT INTO aside (kind, agent, segment, seq, digest, reason, at_ns, data) VALUES (?,?,?,?,?,?,?,?)",
        (entry.kind, entry.agent, signed(entry.segment), *entry[4:]),
    )
    return len(entry.data)


def evict(connection: sqlite3.Connection, excess_bytes: int) -> tuple[int, int]:
    """Delete the least valuable entries, oldest first, until ``excess_bytes`` are gone; gives (entries, bytes)."""
    gone = gone_bytes = 0
    for kind in EVICTION_ORDER:
        while gone_bytes < excess_bytes:
            row = connection.execute(
                "SELECT id, length(data) FROM aside WHERE kind = ? ORDER BY id LIMIT 1", (kind,)
            ).fetchone()
            if row is None:
                break
            connection.execute("DELETE FROM aside WHERE id = ?", (row[0],))
            gone += 1
            gone_bytes += int(row[1])
    return gone, gone_bytes


def entries(connection: sqlite3.Connection, limit: int) -> list[QuarantineEntry]:
    """The newest entries first."""
    query = "SELECT id, kind, agent, segment, seq, digest, reason, at_ns, data FROM aside ORDER BY id DESC LIMIT ?"
    rows = connection.execute(query, (limit,)).fetchall()
    return [QuarantineEntry._make((*row[:3], unsigned(row[3]), *row[4:])) for row in rows]
