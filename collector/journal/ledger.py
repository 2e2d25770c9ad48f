"""The ledger: which (agent, segment, seq) the collector has. Answers from memory, from the file on a miss."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from collector.journal.packing import StoredDigest, unpack_digests
from collector.journal.rows import pack_row, unpack_row
from collector.journal.schema import signed, unsigned
from device_profiles.wire.delivery.ports import SegmentRow, StoreIdentity
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.model import OpenRecord

T = TypeVar("T")
Key = tuple[str, int]

STREAMS_CACHED: Final = 8192
"""Ledger rows kept in memory, the longest unused dropped first. About 1 kB each."""

DIGESTS_CACHED: Final = 65_536
"""Digests of the newest block of a stream, kept so that the chain can be checked without the file."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A ledger row with what the journal counts beside it.

    Attributes:
        id: Row number in the file.
        row: What the delivery machine knows of the segment.
        readings: Readings stored.
        blocks: Blocks stored.
        bytes: Bytes of the blocks stored. [bytes]
        lost: Readings covered by loss records, net.
    """

    id: int
    row: SegmentRow
    readings: int = 0
    blocks: int = 0
    bytes: int = 0
    lost: int = 0


class JournalLedger:
    """The delivery machine's `Ledger`, on the journal's tables.

    What it answers is committed. Any thread may ask; a miss waits for the running commit.

    Args:
        read: Runs a query under the journal's lock.
        identity: Gives the identity in force.
    """

    def __init__(
        self, read: Callable[[Callable[[sqlite3.Connection], T]], T], identity: Callable[[], StoreIdentity]
    ) -> None:
        self._read: Callable[[Callable[[sqlite3.Connection], object]], object] = read  # type: ignore[assignment]
        self._identity = identity
        self._streams: OrderedDict[Key, Stream | None] = OrderedDict()
        self._newest: OrderedDict[Key, StoredDigest] = OrderedDict()

    # -- what the machine asks
    @property
    def identity(self) -> StoreIdentity:
        """Identity of this journal."""
        return self._identity()

    def segment(self, agent: str, segment: int) -> SegmentRow | None:
        """What is known of a segment; None when it was never heard of."""
        stream = self.stream(agent, segment)
        return None if stream is None else stream.row

    def digest(self, agent: str, segment: int, seq: int) -> tuple[bytes, bytes] | None:
        """(digest, previous) of a stored block; None when it is not kept."""
        found = self.stored_digest(agent, segment, seq)
        return None if found is None else (found.digest, found.previous)

    def epoch(self, agent: str, outbox_id: bytes) -> int | None:
        """Number given to this outbox; None when it is new."""
        found = self._read(
            lambda c: c.execute(
                "SELECT number FROM epoch WHERE agent = ? AND outbox_id = ?", (agent, outbox_id)
            ).fetchone()
        )
        return None if found is None else int(found[0])  # type: ignore[index]

    def epochs(self, agent: str) -> int:
        """How many outboxes the agent has had here."""
        found = self._read(lambda c: c.execute("SELECT count(*) FROM epoch WHERE agent = ?", (agent,)).fetchone())
        return int(found[0])  # type: ignore[index]

    def children(self, agent: str, parent_segment: int) -> Sequence[tuple[int, OpenRecord]]:
        """Segments whose open record names this parent, with the record."""
        query = "SELECT segment, record FROM stream WHERE agent = ? AND parent = ? ORDER BY id"
        rows: list[tuple[int, bytes]] = self._read(
            lambda c: c.execute(query, (agent, signed(parent_segment))).fetchall()
        )  # type: ignore[assignment]
        found = [(unsigned(segment), unpack_row(record).opened) for segment, record in rows]
        return [(segment, opened) for segment, opened in found if opened is not None]

    def backed_up(self, agent: str, segment: int) -> IntervalSet:
        """Nothing: no backup is taken yet, and without backups nobody asks."""
        del agent, segment
        return EMPTY

    # -- what the journal asks
    def stream(self, agent: str, segment: int) -> Stream | None:
        """The ledger row with its counts."""
        key = (agent, segment)
        streams = self._streams
        if key in streams:
            try:
                streams.move_to_end(key)
                return streams[key]
            except KeyError:  # dropped by another thread just now
                pass

        def load(connection: sqlite3.Connection) -> Stream | None:
            stream = self._load(connection, agent, segment)
            # Still under the journal's lock: kept after it, it could take the place of what a commit wrote meanwhile.
            self._keep(key, stream)
            return stream

        return self._read(load)  # type: ignore[return-value]

    def stored_digest(self, agent: str, segment: int, seq: int) -> StoredDigest | None:
        """What is remembered of a stored block; None when it is not kept."""
        newest = self._newest.get((agent, segment))
        if newest is not None:
            if newest.seq == seq:
                return newest
            if newest.seq < seq:
                return None  # the newest is the highest ever stored in its stream
        stream = self.stream(agent, segment)
        if stream is None or seq not in stream.row.stored:
            return None
        records: list[tuple[bytes]] = self._read(
            lambda c: c.execute(
                "SELECT record FROM digests WHERE stream = ? AND high >= ? AND low <= ?", (stream.id, seq, seq)
            ).fetchall()
        )  # type: ignore[assignment]
        for (record,) in records:
            for entry in unpack_digests(record):
                if entry.seq == seq:
                    return entry
        return None

    def readings_of(self, agent: str, segment: int, seqs: IntervalSet) -> int:
        """Readings of stored blocks, as far as they are remembered."""
        found = (self.stored_digest(agent, segment, seq) for seq in seqs.numbers())
        return sum(entry.readings for entry in found if entry is not None)

    @staticmethod
    def write(connection: sqlite3.Connection, key: Key, stream: Stream) -> Stream:
        """Write a stream, new or known; gives it back with its row number."""
        row = stream.row
        parent = None if row.opened is None or not row.opened.parent_segment else signed(row.opened.parent_segment)
        values = (parent, stream.readings, stream.blocks, stream.bytes, stream.lost, pack_row(row))
        if stream.id:
            connection.execute(
                "UPDATE stream SET parent=?, readings=?, blocks=?, bytes=?, lost=?, record=? WHERE id=?",
                (*values, stream.id),
            )
            return stream
        done = connection.execute(
            "INSERT INTO stream (agent, segment, parent, readings, blocks, bytes, lost, record)"
            " VALUES (?,?,?,?,?,?,?,?)",
            (key[0], signed(key[1]), *values),
        )
        assert done.lastrowid is not None
        return replace(stream, id=done.lastrowid)

    def committed(self, streams: dict[Key, Stream], newest: dict[Key, StoredDigest]) -> None:
        """Take over what a commit wrote, now that it is on the disk."""
        for key, stream in streams.items():
            self._keep(key, stream)
        for key, entry in newest.items():
            known = self._newest.get(key)
            stored_last = None if key not in streams else streams[key].row.stored.last
            if entry.seq == stored_last and (known is None or known.seq < entry.seq):
                self._newest[key] = entry
                self._newest.move_to_end(key)
        while len(self._newest) > DIGESTS_CACHED:
            self._newest.popitem(last=False)

    def forget(self) -> None:
        """Empty the memory: the file was replaced."""
        self._streams.clear()
        self._newest.clear()

    def _keep(self, key: Key, stream: Stream | None) -> None:
        self._streams[key] = stream
        while len(self._streams) > STREAMS_CACHED:
            self._streams.popitem(last=False)

    @staticmethod
    def _load(connection: sqlite3.Connection, agent: str, segment: int) -> Stream | None:
        found = connection.execute(
            "SELECT id, record, readings, blocks, bytes, lost FROM stream WHERE agent = ? AND segment = ?",
            (agent, signed(segment)),
        ).fetchone()
        if found is None:
            return None
        return Stream(found[0], unpack_row(found[1]), *found[2:])
