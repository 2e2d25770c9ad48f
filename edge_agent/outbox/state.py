"""What the outbox keeps in memory: sums and segments, never the backlog."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_agent.outbox.records import OWNER, SEGMENTS, TOTALS, Owner, Segment, Totals, put, put_segment
from edge_agent.outbox.types import OpenChunk
from harkara_io import checked
from harkara_io.log_errors import LogCorrupt

_CHUNK_HEAD = struct.Struct("<HII")


class OpenSlot(NamedTuple):
    """Where one open chunk lies.

    Attributes:
        key: Row in the open table.
        rows: Rows inside.
        readings: Readings inside.
        size_bytes: Of its record. [bytes]
    """

    key: int
    rows: int
    readings: int
    size_bytes: int


@dataclass(slots=True)
class State:
    """Everything a transaction needs to know; a transaction works on a copy that replaces it after the commit.

    Attributes:
        owner: Whose outbox.
        totals: Running sums.
        segments: By ordinal, oldest first; the last one takes new blocks.
        open: Open chunks by device, in order.
        next_chunk: Next key of the open table.
        losses_waiting: Whether loss records wait for a block to carry them.
    """

    owner: Owner
    totals: Totals
    segments: dict[int, Segment] = field(default_factory=dict)
    open: dict[str, tuple[OpenSlot, ...]] = field(default_factory=dict)
    next_chunk: int = 1
    losses_waiting: bool = False

    def copy(self) -> State:
        """An independent copy; its parts are immutable."""
        return State(
            self.owner, self.totals, dict(self.segments), dict(self.open), self.next_chunk, self.losses_waiting
        )

    @property
    def newest(self) -> Segment | None:
        """The segment of the highest ordinal."""
        return self.segments[max(self.segments)] if self.segments else None

    def by_id(self, segment: int) -> Segment | None:
        """The segment of this id."""
        return next((found for found in self.segments.values() if found.segment == segment), None)

    def open_sums(self) -> tuple[int, int]:
        """Open rows and readings."""
        slots = [slot for chunks in self.open.values() for slot in chunks]
        return sum(slot.rows for slot in slots), sum(slot.readings for slot in slots)

    def save(self, connection: sqlite3.Connection, before: State) -> None:
        """Write the records that differ from ``before``."""
        if self.owner is not before.owner:
            put(connection, OWNER, self.owner.record())
        if self.totals is not before.totals:
            put(connection, TOTALS, self.totals.record())
        for ordinal, segment in self.segments.items():
            if segment is not before.segments.get(ordinal):
                put_segment(connection, segment)
        for ordinal in before.segments.keys() - self.segments.keys():
            connection.execute("DELETE FROM record WHERE id = ?", (SEGMENTS + ordinal,))


def load(connection: sqlite3.Connection) -> State:
    """Read the state of a file; every record is verified. Raises `LogCorrupt`."""
    records = dict(connection.execute("SELECT id, record FROM record ORDER BY id").fetchall())
    if OWNER not in records or TOTALS not in records:
        raise LogCorrupt("the outbox does not say whose it is")
    state = State(Owner.parse(records[OWNER]), Totals.parse(records[TOTALS]))
    for number, record in records.items():
        if number >= SEGMENTS:
            state.segments[number - SEGMENTS] = Segment.parse(record)
    for key, chunk, size in open_chunks(connection):
        slots = state.open.get(chunk.device, ())
        state.open[chunk.device] = (*slots, OpenSlot(key, chunk.rows, chunk.readings, size))
        state.next_chunk = key + 1
    state.losses_waiting = bool(connection.execute("SELECT count(*) FROM loss WHERE carried_by = 0").fetchone()[0])
    return state


def open_chunks(connection: sqlite3.Connection) -> Iterator[tuple[int, OpenChunk, int]]:
    """Key, chunk and size of every row of the open table, oldest first. Raises `LogCorrupt`."""
    for key, record in connection.execute("SELECT id, record FROM open_chunk ORDER BY id"):
        yield key, parse_chunk(record), len(record)


def chunk_record(chunk: OpenChunk) -> bytes:
    """A chunk as stored: digest, lengths, device, data."""
    device = chunk.device.encode()
    return checked.seal(_CHUNK_HEAD.pack(len(device), chunk.rows, chunk.readings) + device + chunk.data)


def parse_chunk(record: object) -> OpenChunk:
    """The inverse of `chunk_record`. Raises `LogCorrupt`."""
    content = checked.unseal(record)
    length, rows, readings = _CHUNK_HEAD.unpack_from(content)
    end = _CHUNK_HEAD.size + length
    return OpenChunk(content[_CHUNK_HEAD.size : end].decode(), rows, readings, content[end:])
