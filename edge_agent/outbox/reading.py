"""The reading side of the outbox: the delivery machine's index, block bytes, accounting, integrity check."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from device_profiles.wire.delivery.ports import BlockRef, SegmentSpan
from device_profiles.wire.digest import block_digest, computed_digest
from device_profiles.wire.intervals import EMPTY, IntervalSet
from edge_agent.outbox import marks
from edge_agent.outbox.records import SEQ_BITS, SEQ_MASK, Segment, key_of
from edge_agent.outbox.state import State, open_chunks
from edge_agent.outbox.types import BlockUnreadable, Mark, OpenChunk, OutboxStats
from harkara_io.kept_log import KeptLog
from harkara_io.log_errors import Incident, LogError

_KEYS_A_QUESTION = 500


class OutboxReading(KeptLog):
    """Answers from committed state only. Satisfies `OutboxIndex` of the delivery ports."""

    _state: State
    _checked_to: int

    @property
    def outbox_id(self) -> bytes:
        """Random 16-byte identity of the outbox file."""
        return self._state.owner.outbox_id

    @property
    def lineage(self) -> bytes | None:
        """The store this agent belongs to, once it has met it."""
        return self._state.owner.lineage or None

    def after(self, ordinal: int, seq: int, limit: int) -> list[BlockRef]:
        """At most ``limit`` kept, not shelved blocks after ``(ordinal, seq)``, oldest first."""
        with self.lock:
            rows = self._read(
                lambda connection: connection.execute(
                    "SELECT id, size_bytes, readings, digest FROM block WHERE id > ? AND shelved = 0"
                    " ORDER BY id LIMIT ?",
                    (key_of(ordinal, seq), limit),
                ).fetchall()
            )
            return [self._ref(*row) for row in rows]

    def get(self, segment: int, seq: int) -> BlockRef | None:
        """The kept block of this key, shelved or not; None when it is gone."""
        with self.lock:
            found = self._state.by_id(segment)
            if found is None:
                return None
            query = "SELECT id, size_bytes, readings, digest FROM block WHERE id = ?"
            key = key_of(found.ordinal, seq)
            row = self._read(lambda connection: connection.execute(query, (key,)).fetchone())
            return None if row is None else self._ref(*row)

    def _ref(self, key: int, size_bytes: int, readings: int, digest: bytes) -> BlockRef:
        ordinal = key >> SEQ_BITS
        return BlockRef(self._state.segments[ordinal].segment, ordinal, key & SEQ_MASK, size_bytes, readings, digest)

    def imported(self, keys: Sequence[int]) -> set[int]:
        """Which of these keys of rows from files are here already."""

        def ask(connection: sqlite3.Connection) -> set[int]:
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'imported'").fetchone():
                return set()
            found: set[int] = set()
            for at in range(0, len(keys), _KEYS_A_QUESTION):
                part = keys[at : at + _KEYS_A_QUESTION]
                query = f"SELECT id FROM imported WHERE id IN ({','.join('?' * len(part))})"  # noqa: S608 - only marks
                found.update(row[0] for row in connection.execute(query, part))
            return found

        with self.lock:
            return self._read(ask)

    def marks(self) -> list[Mark]:
        """How far the files of all devices have been read."""
        with self.lock:
            return self._read(marks.load)

    def segments(self, after_ordinal: int, limit: int) -> list[SegmentSpan]:
        """At most ``limit`` segments with an ordinal above ``after_ordinal``, in order."""
        with self.lock:
            wanted = [found for ordinal, found in sorted(self._state.segments.items()) if ordinal > after_ordinal]
            return [self._span(found) for found in wanted[:limit]]

    def newest_segment(self) -> SegmentSpan | None:
        """The segment that new blocks are sealed in."""
        with self.lock:
            newest = self._state.newest
            return None if newest is None else self._span(newest)

    def _span(self, segment: Segment) -> SegmentSpan:
        kept = IntervalSet.of((1, segment.tail)).subtract(segment.absent) if segment.tail else EMPTY
        first = next(iter(kept))[0] if kept else segment.tail + 1
        return SegmentSpan(
            segment=segment.segment,
            ordinal=segment.ordinal,
            first_kept=first,
            tail=segment.tail,
            absent=segment.absent,
            shelved=segment.shelved,
            readings_total=segment.readings,
        )

    def open_chunks(self) -> list[OpenChunk]:
        """Rows accepted and not sealed, oldest first: after a start, what the last life left."""
        with self.lock:
            return self._read(lambda connection: [chunk for _, chunk, _ in open_chunks(connection)])

    def read(self, segment: int, seq: int) -> bytes:
        """A block's bytes, its digest checked.

        A disk that fails says nothing about the block: what verifies moves to a new file, and is read there.

        Raises:
            BlockUnreadable: Gone, or not what was sealed.
            LogFull: No room for a new file; nothing is known of the block.
            LogBroken: The disk cannot be used now; nothing is known of the block.
        """
        with self.lock:
            try:
                return self._block(segment, seq)
            except LogError:
                self._write(lambda _connection: None)
                return self._block(segment, seq)

    def _block(self, segment: int, seq: int) -> bytes:
        found = self._state.by_id(segment)
        if found is None:
            raise BlockUnreadable(segment, seq, "no such segment")
        key = key_of(found.ordinal, seq)
        query = "SELECT digest, data FROM block WHERE id = ?"
        row = self._read(lambda connection: connection.execute(query, (key,)).fetchone())
        if row is None:
            raise BlockUnreadable(segment, seq, "not in the outbox")
        if not _intact(*row):
            raise BlockUnreadable(segment, seq, "does not match its digest")
        return bytes(row[1])

    def stats(self) -> OutboxStats:
        """The accounting as of the last commit."""
        with self.lock:
            totals = self._state.totals
            rows, readings = self._state.open_sums()
            return OutboxStats(
                accepted=totals.accepted,
                stored=totals.stored,
                recorded_loss=totals.lost,
                pending=totals.pending,
                open_rows=rows,
                open_readings=readings,
                blocks=totals.blocks,
                block_bytes=totals.block_bytes,
                file_bytes=self._log.file_bytes if self._log is not None else 0,
                bytes_max=self.bytes_max,
                shelved_bytes=totals.shelved_bytes,
            )

    def check(self, limit: int = 64) -> bool:
        """One slice of the background integrity check: digests of the next ``limit`` blocks.

        A block that rotted is reported once a round; it becomes a loss record when its turn to be sent comes.

        Returns:
            True when the round is complete.
        """
        with self.lock:
            query = "SELECT id, digest, data FROM block WHERE id > ? ORDER BY id LIMIT ?"
            at = self._checked_to
            try:
                rows = self._read(lambda connection: connection.execute(query, (at, limit)).fetchall())
            except LogError:
                self._write(lambda _connection: None)  # moves to a new file and reports
                return True
            for key, digest, data in rows:
                if not _intact(digest, data):
                    detail = f"block {key >> SEQ_BITS}/{key & SEQ_MASK} does not match its digest"
                    self._on_incident(Incident("rotted", None, kept=0, lost=1, detail=detail))
            self._checked_to = rows[-1][0] if rows else 0
            return len(rows) < limit


def _intact(digest: object, data: object) -> bool:
    return isinstance(data, bytes) and block_digest(data) == digest == computed_digest(data)
