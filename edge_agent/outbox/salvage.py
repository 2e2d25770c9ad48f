"""Taking what verifies from a damaged or mistrusted outbox into a new file, and stating what is lost.

Blocks carry their own digest, number and running count of readings, so what is missing between two of them is known
exactly even when every small record is gone.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

from device_profiles.wire.decode import verify
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.model import BlockHeader, LossReason, LossRecord
from device_profiles.wire.rejected import BlockRejected
from edge_agent.outbox import marks
from edge_agent.outbox.records import (
    OWNER,
    SEGMENTS,
    SEQ_BITS,
    TOTALS,
    Owner,
    Segment,
    Totals,
    key_of,
    loss_record,
    parse_loss,
    put,
    put_segment,
)
from edge_agent.outbox.settle import add_loss
from edge_agent.outbox.state import parse_chunk
from harkara_io.log_errors import LogCorrupt, LogForeign
from harkara_io.log_salvage import Reader


class Salvage:
    """One copy from a damaged file to a new one.

    Attributes:
        kept: Blocks and open chunks that went on.
        lost: Blocks known to be lost.
    """

    def __init__(self, reader: Reader, target: sqlite3.Connection, owner: Owner, random_id: Callable[[], int]) -> None:
        self.kept = 0
        self.lost = 0
        self._reader = reader
        self._target = target
        self._owner = owner
        self._random_id = random_id
        self._totals: Totals | None = None
        self._segments: dict[int, Segment] = {}
        self._present: dict[int, IntervalSet] = {}
        self._ends: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)

    def run(self, reason: str) -> None:
        """Copy everything; ends with a new segment, opened for this reason."""
        lineage, outbox_id, agent = b"", b"", self._owner.agent
        for number, record in self._reader.rows("record", "id", "record"):
            try:
                if number == OWNER:
                    found = Owner.parse(record)
                    lineage, outbox_id, agent = found.lineage, found.outbox_id, found.agent
                elif number == TOTALS:
                    self._totals = Totals.parse(record)
                elif number > SEGMENTS:
                    self._segments[number - SEGMENTS] = Segment.parse(record)
            except (LogCorrupt, ValueError, KeyError, TypeError):
                continue
        if agent != self._owner.agent:
            raise LogForeign(f"a damaged outbox of {agent}, not of {self._owner.agent}")
        if reason == "broken" and outbox_id:  # the file was exchanged, not damaged: the outbox is the same one
            self._owner = replace(self._owner, outbox_id=outbox_id)
        self._owner = replace(self._owner, lineage=lineage)
        pending, sizes = self._copy_blocks()
        pending += self._copy_chunks()
        reported = self._copy_losses()
        self._copy_imported()
        self._copy_marks()
        self._finish(reason, pending, sizes, reported)

    def _copy_blocks(self) -> tuple[int, tuple[int, int, int]]:
        """Copy what verifies; gives pending readings and (blocks, bytes, shelved bytes)."""
        pending = blocks = size = shelved_size = 0
        numbers: dict[int, list[int]] = defaultdict(list)
        for low, high in self._ranges():
            for key, shelved, live, data in self._reader.rows("block", "id", "shelved, live, data", low=low, high=high):
                header = self._verified(key, data)
                if header is None:
                    continue
                aside = shelved == 1
                self._target.execute(
                    "INSERT OR IGNORE INTO block (id, readings, size_bytes, shelved, live, digest, data)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (key, header.readings, len(data), aside, live == 1, header.digest, data),
                )
                blocks, size = blocks + 1, size + len(data)
                shelved_size += len(data) if aside else 0
                pending += 0 if aside else header.readings
                numbers[header.ordinal].append(header.seq)
                self._note(header)
        self._present = {ordinal: IntervalSet.from_numbers(found) for ordinal, found in numbers.items()}
        self.kept += blocks
        return pending, (blocks, size, shelved_size)

    def _ranges(self) -> list[tuple[int, int]]:
        """Keys to look at: the known segments one by one, so that damage is cornered fast; then everything else."""
        ranges: list[tuple[int, int]] = []
        next_ordinal = 0
        for ordinal, segment in sorted(self._segments.items()):
            if ordinal > next_ordinal:
                ranges.append((key_of(next_ordinal, 0), key_of(ordinal, 0) - 1))
            ranges.append((key_of(ordinal, 0), key_of(ordinal, max(segment.tail, 1))))
            next_ordinal = ordinal + 1
        ranges.append((key_of(next_ordinal, 0), (1 << 62)))
        return ranges

    def _verified(self, key: int, data: object) -> BlockHeader | None:
        if not isinstance(data, bytes):
            return None
        try:
            header = verify(data, self._owner.agent)
        except BlockRejected:
            return None
        return header if key == key_of(header.ordinal, header.seq) else None

    def _note(self, header: BlockHeader) -> None:
        """Remember the running counts at the edges of what is present, and rebuild a lost segment record."""
        ends = self._ends[header.ordinal]
        ends[header.seq] = (header.readings_total - header.readings, header.readings_total)
        for neighbour in (header.seq - 1, header.seq - 2):
            if neighbour in ends and neighbour - 1 in ends and neighbour + 1 in ends:
                del ends[neighbour]
        known = self._segments.get(header.ordinal)
        if known is None:
            known = Segment(
                segment=header.segment, ordinal=header.ordinal, tail=0, readings=0, last_digest=b"",
                absent=IntervalSet.of((1, header.seq - 1)) if header.seq > 1 else EMPTY, shelved=EMPTY, parent=0,
                parent_tail=0, reason="corrupt", outbox_id=self._owner.outbox_id, fingerprint=self._owner.fingerprint,
            )  # fmt: skip
        if header.seq > known.tail:
            known = replace(known, tail=header.seq, readings=header.readings_total, last_digest=header.digest)
        self._segments[header.ordinal] = known

    def _copy_chunks(self) -> int:
        pending = 0
        for key, record in self._reader.rows("open_chunk", "id", "record"):
            try:
                chunk = parse_chunk(record)
            except (LogCorrupt, ValueError):
                continue
            self._target.execute("INSERT OR IGNORE INTO open_chunk (id, record) VALUES (?, ?)", (key, record))
            pending += chunk.readings
            self.kept += 1
        return pending

    def _copy_imported(self) -> None:
        """Keys of rows from files, where there are any: without them a second import would add the rows again."""
        keys = [(row[0],) for row in self._reader.rows("imported", "id", "id")]
        if keys:
            self._target.execute("CREATE TABLE IF NOT EXISTS imported (id INTEGER PRIMARY KEY)")
            self._target.executemany("INSERT OR IGNORE INTO imported (id) VALUES (?)", keys)

    def _copy_marks(self) -> None:
        """How far files have been read, where there are any: without it they would be read again."""
        found = [mark for row in self._reader.rows("mark", "id", "record") if (mark := marks.parse(row[1])) is not None]
        if found:
            marks.put(self._target, found)

    def _copy_losses(self) -> dict[int, IntervalSet]:
        """Copy loss records; gives the seqs they cover by segment id."""
        covered: dict[int, IntervalSet] = {}
        for key, carried_by, record in self._reader.rows("loss", "id", "carried_by, record"):
            try:
                loss = parse_loss(record)
            except (LogCorrupt, ValueError, KeyError, TypeError):
                continue
            carrier = carried_by if isinstance(carried_by, int) and self._holds(carried_by) else 0
            self._target.execute(
                "INSERT OR IGNORE INTO loss (id, carried_by, record) VALUES (?, ?, ?)",
                (key, carrier, loss_record(loss)),
            )
            covered[loss.segment] = covered.get(loss.segment, EMPTY).union(loss.intervals)
        return covered

    def _holds(self, key: int) -> bool:
        return (key & ((1 << SEQ_BITS) - 1)) in self._present.get(key >> SEQ_BITS, EMPTY)

    def _finish(self, reason: str, pending: int, sizes: tuple[int, int, int], reported: dict[int, IntervalSet]) -> None:
        lost_readings = 0
        for ordinal, segment in sorted(self._segments.items()):
            present = self._present.get(ordinal, EMPTY)
            gone = IntervalSet.of((1, segment.tail)) if segment.tail else EMPTY
            gone = gone.subtract(present).subtract(segment.absent)
            # the loss of shelved blocks was recorded when they were shelved
            missing = gone.subtract(segment.shelved).subtract(reported.get(segment.segment, EMPTY))
            for low, high in missing:
                readings = self._readings_between(segment, low, high)
                self.lost += high - low + 1
                lost_readings += readings
                intervals = IntervalSet.of((low, high))
                add_loss(self._target, LossRecord(LossReason.CORRUPT, segment.segment, intervals, readings))
            shelved = segment.shelved.intersection(present)
            final = replace(segment, absent=segment.absent.subtract(present).union(gone), shelved=shelved, clean=False)
            self._segments[ordinal] = final
            put_segment(self._target, final)
        if self._totals is not None:  # what neither a block nor a gap accounts for was open or at a segment's end
            unexplained = self._totals.pending - pending - lost_readings
            if unexplained > 0:
                add_loss(self._target, LossRecord(LossReason.CORRUPT, 0, EMPTY, unexplained))
                lost_readings += unexplained
        self._open_segment(reason)
        put(self._target, OWNER, self._owner.record())
        put(self._target, TOTALS, self._sums(pending, lost_readings, sizes).record())

    def _sums(self, pending: int, lost: int, sizes: tuple[int, int, int]) -> Totals:
        blocks, size, shelved = sizes
        sealed = sum(segment.readings for segment in self._segments.values())
        before = self._totals or Totals(accepted=sealed)  # without open rows and forgotten segments: the least it was
        gone = before.lost + lost
        accepted = max(before.accepted, before.stored + gone + pending)
        return Totals(accepted, accepted - gone - pending, gone, blocks, size, shelved)

    def _readings_between(self, segment: Segment, low: int, high: int) -> int:
        """Readings of lost blocks, from the running counts beside the gap; 0 where nobody can tell."""
        ends = self._ends[segment.ordinal]
        before = 0 if low == 1 else ends.get(low - 1, (0, None))[1]
        after = segment.readings if high == segment.tail else ends.get(high + 1, (None, 0))[0]
        return after - before if before is not None and after is not None else 0

    def _open_segment(self, reason: str) -> None:
        parent = self._segments[max(self._segments)] if self._segments else None
        put_segment(self._target, successor(parent, self._owner, reason, self._random_id()))


def successor(parent: Segment | None, owner: Owner, reason: str, segment_id: int) -> Segment:
    """The segment that follows ``parent``; nothing sealed in it yet.

    A parent that never sealed a block is unknown to the collector: its own parent is named instead.
    """
    line = (0, 0)
    if parent is not None:
        line = (parent.segment, parent.tail) if parent.tail else (parent.parent, parent.parent_tail)
    return Segment(
        segment=segment_id,
        ordinal=parent.ordinal + 1 if parent else 1,
        tail=0,
        readings=0,
        last_digest=b"",
        absent=EMPTY,
        shelved=EMPTY,
        parent=line[0],
        parent_tail=line[1],
        reason=reason,
        outbox_id=owner.outbox_id,
        fingerprint=owner.fingerprint,
    )
