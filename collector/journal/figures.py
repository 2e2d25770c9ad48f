"""The journal in figures: for status, page and those who ask what was lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collector.journal.counters import Counters
from collector.journal.schema import unsigned
from device_profiles.wire.intervals import IntervalSet


@dataclass(frozen=True, slots=True)
class JournalStats:
    """The journal in figures.

    Attributes:
        counters: Totals and what lies there now.
        durable: Offset up to which the lake survives a power cut.
        first: Oldest position kept; ``head + 1`` when none is.
        streams: Rows of the ledger.
        file_bytes: Bytes of the file and its write-ahead log. [bytes]
        room_bytes: Bytes left below the cap. [bytes]
    """

    counters: Counters
    durable: int
    first: int
    streams: int
    file_bytes: int
    room_bytes: int


@dataclass(frozen=True, slots=True)
class AgentStored:
    """What the ledger has of one agent: readings, blocks, bytes stored, and readings covered by loss records."""

    readings: int
    blocks: int
    bytes: int
    lost: int


def losses(connection: Any, agent: str | None) -> list[dict[str, object]]:  # noqa: ANN401
    """Loss records in force: agent, segment, seqs, readings (None: unknown), reason, claimed, at_ns."""
    query = "SELECT agent, segment, seqs, readings, reason, claimed, at_ns FROM loss WHERE ? IS NULL OR agent = ?"
    rows = connection.execute(query + " ORDER BY id", (agent, agent)).fetchall()
    return [
        {
            "agent": row[0],
            "segment": unsigned(row[1]),
            "seqs": list(IntervalSet.from_bytes(row[2])),
            "readings": row[3],
            "reason": row[4],
            "claimed": bool(row[5]),
            "at_ns": row[6],
        }
        for row in rows
    ]


def agents(connection: Any) -> dict[str, AgentStored]:  # noqa: ANN401
    """What the ledger has of each agent."""
    query = "SELECT agent, sum(readings), sum(blocks), sum(bytes), sum(lost) FROM stream GROUP BY agent"
    return {row[0]: AgentStored(*row[1:]) for row in connection.execute(query).fetchall()}
