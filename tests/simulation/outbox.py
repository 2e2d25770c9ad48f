"""The agent's outbox on a model disk: rows, blocks, segments and loss records, each change one transaction."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from device_profiles.wire.delivery.ports import BlockRef, SegmentSpan
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.model import LossReason, LossRecord, OpenRecord
from tests.simulation.blocks import Reading, SimBlock, sealed
from tests.simulation.disk import Change, Disk
from tests.simulation.rules import Rules


class SegmentLine(NamedTuple):
    """A segment's row."""

    segment: int
    ordinal: int
    tail: int
    absent: IntervalSet
    shelved: IntervalSet
    readings_total: int
    last_digest: bytes
    opened: OpenRecord


class LossLine(NamedTuple):
    """A loss record and the block that carries it; (0, 0) while none does."""

    record: LossRecord
    carrier: tuple[int, int]


class ModelOutbox:
    """Implements `OutboxIndex`."""

    def __init__(self, disk: Disk, rules: Rules) -> None:
        self.disk = disk
        self.rules = rules
        self._keys: list[tuple[int, int]] = []
        self._keys_version = -1

    # ---- the port ---------------------------------------------------------------------------------------------

    @property
    def outbox_id(self) -> bytes:
        found: bytes = self.disk.table("meta")["outbox_id"]
        return found

    def keys(self) -> list[tuple[int, int]]:
        if self._keys_version != self.disk.version:
            self._keys = sorted(self.disk.table("block"))
            self._keys_version = self.disk.version
        return self._keys

    def after(self, ordinal: int, seq: int, limit: int) -> Sequence[BlockRef]:
        keys = self.keys()
        blocks = self.disk.table("block")
        lines = self.disk.table("segment")
        found: list[BlockRef] = []
        for at in range(bisect_right(keys, (ordinal, seq)), len(keys)):
            key = keys[at]
            if key[1] in lines[key[0]].shelved:
                continue
            found.append(blocks[key].ref())
            if len(found) == limit:
                break
        return found

    def _ordinal(self, segment: int) -> int | None:
        return next((o for o, line in self.disk.table("segment").items() if line.segment == segment), None)

    def block(self, segment: int, seq: int) -> SimBlock | None:
        ordinal = self._ordinal(segment)
        return None if ordinal is None else self.disk.table("block").get((ordinal, seq))

    def get(self, segment: int, seq: int) -> BlockRef | None:
        block = self.block(segment, seq)
        return None if block is None else block.ref()

    def segments(self, after_ordinal: int, limit: int) -> Sequence[SegmentSpan]:
        lines = self.disk.table("segment")
        return [self._span(lines[o]) for o in sorted(lines) if o > after_ordinal][:limit]

    def newest_segment(self) -> SegmentSpan | None:
        line = self.newest()
        return None if line is None else self._span(line)

    def _span(self, line: SegmentLine) -> SegmentSpan:
        keys = self.keys()
        at = bisect_right(keys, (line.ordinal, 0))
        first = keys[at][1] if at < len(keys) and keys[at][0] == line.ordinal else line.tail + 1
        return SegmentSpan(
            line.segment,
            line.ordinal,
            first,
            line.tail,
            line.absent,
            line.shelved,
            line.readings_total,
        )

    # ---- what the process does --------------------------------------------------------------------------------

    def newest(self) -> SegmentLine | None:
        lines = self.disk.table("segment")
        return lines[max(lines)] if lines else None

    def write(self, changes: list[Change]) -> None:
        self.disk.write(changes, sync=self.rules.outbox_full_sync)

    def open_segment(self, segment: int, fingerprint: bytes, reason: str) -> None:
        """A new segment, durable before its first block.

        Its parent is the newest segment that sealed a block: an empty one leaves no open record at the collector, and
        the line of descent would break there.
        """
        newest = self.newest()
        ordinal = 1 if newest is None else newest.ordinal + 1
        lines = self.disk.table("segment")
        parent = next((lines[o] for o in sorted(lines, reverse=True) if lines[o].tail), None)
        opened = OpenRecord(
            parent_segment=0 if parent is None else parent.segment,
            parent_tail=0 if parent is None else parent.tail,
            outbox_id=self.outbox_id,
            fingerprint=fingerprint,
            reason=reason,
        )
        line = SegmentLine(segment, ordinal, 0, EMPTY, EMPTY, 0, bytes(16), opened)
        self.write([("segment", ordinal, line)])

    def add_row(self, reading: Reading) -> None:
        """Accept a reading: committed with fsync (rule A1)."""
        self.write([("row", reading.number, reading)])

    def seal(self, agent: str, *, version: int, poison: bool) -> SimBlock | None:
        """Turn the open rows into a block, in one transaction."""
        rows = self.disk.table("row")
        line = self.newest()
        if line is None:
            return None
        losses = [(n, found) for n, found in self.disk.table("loss").items() if found.carrier == (0, 0)]
        if not rows and not losses:
            return None
        readings = tuple(rows[number] for number in sorted(rows))
        block = self._next(line, agent, readings, tuple(found.record for _, found in losses), version, poison=poison)
        key = (line.ordinal, block.seq)
        self.write(
            [
                *(("row", number, None) for number in list(rows)),
                *(("loss", n, found._replace(carrier=key)) for n, found in losses),
                ("block", key, block),
                ("segment", line.ordinal, self._grown(line, block)),
            ]
        )
        return block

    def _next(
        self,
        line: SegmentLine,
        agent: str,
        readings: tuple[Reading, ...],
        losses: tuple[LossRecord, ...],
        version: int,
        *,
        poison: bool,
    ) -> SimBlock:
        seq = line.tail + 1
        return sealed(
            SimBlock(
                agent=agent,
                segment=line.segment,
                ordinal=line.ordinal,
                seq=seq,
                readings=readings,
                readings_total=line.readings_total + len(readings),
                previous=line.last_digest[:8],
                version=version,
                poison=poison,
                opened=line.opened if seq == 1 else None,
                losses=losses,
                digest=b"",
            )
        )

    @staticmethod
    def _grown(line: SegmentLine, block: SimBlock) -> SegmentLine:
        return line._replace(tail=block.seq, readings_total=block.readings_total, last_digest=block.digest)

    def _freed_losses(self, keys: list[tuple[int, int]]) -> list[Change]:
        """Loss records whose carrier goes away undelivered must go out again."""
        if not self.rules.records_travel_again:
            return []
        gone = set(keys)
        return [
            ("loss", n, found._replace(carrier=(0, 0)))
            for n, found in self.disk.table("loss").items()
            if found.carrier in gone
        ]

    def trim(self, segment: int, seqs: IntervalSet) -> list[SimBlock]:
        """Delete what is safe; returns it."""
        return self._delete(segment, seqs, settle_losses=True)

    def drop(self, segment: int, seqs: IntervalSet) -> list[SimBlock]:
        """Delete what is only stored; returns it."""
        return self._delete(segment, seqs, settle_losses=False)

    def _delete(self, segment: int, seqs: IntervalSet, *, settle_losses: bool) -> list[SimBlock]:
        ordinal = self._ordinal(segment)
        if ordinal is None:
            return []
        line: SegmentLine = self.disk.table("segment")[ordinal]
        blocks = self.disk.table("block")
        going = [k for k in self.keys() if k[0] == ordinal and k[1] in seqs and k[1] not in line.shelved]
        if not going:
            return []
        deleted = [blocks[key] for key in going]
        absent = line.absent.union(IntervalSet.from_numbers(key[1] for key in going))
        changes: list[Change] = [("block", key, None) for key in going]
        changes.append(("segment", ordinal, line._replace(absent=absent)))
        if settle_losses:
            gone = set(going)
            changes += [("loss", n, None) for n, found in self.disk.table("loss").items() if found.carrier in gone]
        else:
            changes += self._freed_losses(going)
        self.write(changes)
        return deleted

    def give_up(
        self, segment: int, seqs: IntervalSet, readings: int, reason: LossReason, *, shelve: bool
    ) -> list[SimBlock]:
        """Write a loss record and delete or shelve; returns the blocks concerned."""
        ordinal = self._ordinal(segment)
        if ordinal is None:
            return []
        line: SegmentLine = self.disk.table("segment")[ordinal]
        blocks = self.disk.table("block")
        going = [k for k in self.keys() if k[0] == ordinal and k[1] in seqs]
        concerned = [blocks[key] for key in going]
        if shelve and reason is LossReason.REJECTED:
            line = line._replace(shelved=line.shelved.union(seqs))
            changes: list[Change] = []
        else:
            line = line._replace(absent=line.absent.union(seqs))
            changes = [("block", key, None) for key in going]
        record = LossRecord(reason, segment, seqs, readings)
        number = max(self.disk.table("loss"), default=0) + 1
        changes += [("segment", ordinal, line), ("loss", number, LossLine(record, (0, 0)))]
        changes += self._freed_losses(going)
        self.write(changes)
        return concerned

    def unshelve(self, segment: int, seqs: IntervalSet) -> None:
        ordinal = self._ordinal(segment)
        if ordinal is not None:
            line = self.disk.table("segment")[ordinal]
            self.write([("segment", ordinal, line._replace(shelved=line.shelved.subtract(seqs)))])

    def forget(self, segment: int) -> None:
        ordinal = self._ordinal(segment)
        if ordinal is not None:
            self.write([("segment", ordinal, None)])

    @property
    def size_bytes(self) -> int:
        """Bytes of all blocks kept."""
        return sum(block.size_bytes for block in self.disk.table("block").values())
