"""The collector's journal and ledger on a model disk: one transaction per batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from device_profiles.wire.delivery.collector_io import Commit, LossEntry
from device_profiles.wire.delivery.ports import SegmentRow, StoreIdentity
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.model import LossRecord, OpenRecord
from tests.simulation.blocks import SimBlock
from tests.simulation.disk import Change, Disk

if TYPE_CHECKING:
    from tests.simulation.world import World


class KeyLine(NamedTuple):
    """Where a block lies."""

    digest: bytes
    previous: bytes
    position: int
    stored_at_s: float


class ModelJournal:
    """Implements `Ledger`; shows committed state only."""

    def __init__(self, world: World, disk: Disk) -> None:
        self.world = world
        self.disk = disk

    @property
    def identity(self) -> StoreIdentity:
        found: StoreIdentity = self.disk.table("meta")["identity"]
        return found

    def segment(self, agent: str, segment: int) -> SegmentRow | None:
        row: SegmentRow | None = self.disk.table("row").get((agent, segment))
        window_s = self.world.rules.dedupe_window_s
        if row is None or window_s is None:
            return row
        horizon_s = self.world.time.now - window_s
        old = IntervalSet.from_numbers(
            seq for seq in row.stored.numbers() if self.disk.table("key")[agent, segment, seq].stored_at_s < horizon_s
        )
        return replace(row, stored=row.stored.subtract(old))

    def digest(self, agent: str, segment: int, seq: int) -> tuple[bytes, bytes] | None:
        line = self.disk.table("key").get((agent, segment, seq))
        return None if line is None else (line.digest, line.previous)

    def epoch(self, agent: str, outbox_id: bytes) -> int | None:
        return self.disk.table("epoch").get((agent, outbox_id))

    def epochs(self, agent: str) -> int:
        return sum(1 for owner, _ in self.disk.table("epoch") if owner == agent)

    def children(self, agent: str, parent_segment: int) -> Sequence[tuple[int, OpenRecord]]:
        rows: dict[tuple[str, int], SegmentRow] = self.disk.table("row")
        return [
            (segment, row.opened)
            for (owner, segment), row in rows.items()
            if owner == agent and row.opened is not None and row.opened.parent_segment == parent_segment
        ]

    def backed_up(self, agent: str, segment: int) -> IntervalSet:
        found: IntervalSet = self.disk.table("backup").get((agent, segment), EMPTY)
        return found

    # ---- writing ----------------------------------------------------------------------------------------------

    def apply(self, commit: Commit, payloads: dict[int, SimBlock]) -> None:
        """Carry out one transaction."""
        position = self.next_position
        keys = self.disk.table("key")
        changes: list[Change] = []
        for stored in commit.blocks:
            facts = stored.facts
            block = payloads[stored.token.slot]
            key = (facts.agent, facts.segment, facts.seq)
            self.world.oracle.stored(facts.agent, block, again=key in keys)
            changes.append(("journal", position, block._replace(agent=facts.agent)))
            changes.append(("key", key, KeyLine(facts.digest, facts.previous, position, self.world.time.now)))
            position += 1
        changes.append(("meta", "next_position", position))
        for agent, segment, row in commit.rows:
            if self.world.rules.dedupe_window_s is not None:
                before = self.disk.table("row").get((agent, segment), SegmentRow())
                changes.append(("row", (agent, segment), replace(row, stored=row.stored.union(before.stored))))
            else:
                changes.append(("row", (agent, segment), row))
        for agent, outbox_id, epoch in commit.epochs:
            changes.append(("epoch", (agent, outbox_id), epoch))
        base = len(self.disk.table("loss"))
        for number, entry in enumerate(commit.losses, base + 1):
            changes.append(("loss", number, entry))
        base = len(self.disk.table("aside"))
        for number, aside in enumerate(commit.aside, base + 1):
            changes.append(("aside", number, (aside.kind, aside.reason, payloads.get(aside.token.slot))))
        self.disk.write(changes, sync=self.world.rules.journal_full_sync)

    def learn(self, blocks: Iterable[SimBlock]) -> None:
        """After a restore beside a younger lake: what the lake holds is stored and claimed, whatever was backed up.

        An agent that has let go of the carrier of a loss record cannot say it again.
        """
        unknown = [block for block in blocks if block.key not in self.disk.table("key")]
        for block in unknown:
            place = (block.agent, block.segment)
            row = self.disk.table("row").get(place, SegmentRow())
            row = replace(
                row,
                stored=row.stored.add(block.seq),
                lost=row.lost.subtract(IntervalSet().add(block.seq)),
                claimed=row.claimed.subtract(IntervalSet().add(block.seq)),
                held=row.held.subtract(IntervalSet().add(block.seq)),
                ordinal=block.ordinal,
                opened=row.opened or block.opened,
            )
            line = KeyLine(block.digest, block.previous, 0, self.world.time.now)
            self.disk.write([("key", block.key, line), ("row", place, row)])
        for block in unknown:
            for record in block.losses:
                self._learn_loss(block.agent, record)

    def _learn_loss(self, agent: str, record: LossRecord) -> None:
        place = (agent, record.segment)
        row = self.disk.table("row").get(place, SegmentRow())
        fresh = record.intervals.subtract(row.claimed).subtract(row.stored)
        if fresh:
            entry = LossEntry(agent, record.segment, fresh, None, record.reason, claimed=True)
            row = replace(row, lost=row.lost.union(fresh), claimed=row.claimed.union(fresh))
            self.disk.write([("loss", len(self.disk.table("loss")) + 1, entry), ("row", place, row)])

    @property
    def next_position(self) -> int:
        found: int = self.disk.table("meta").get("next_position", 1)
        return found

    def read_after(self, position: int, limit: int) -> list[tuple[int, SimBlock]]:
        """Entries behind a position, oldest first."""
        entries = self.disk.table("journal")
        return [(at, entries[at]) for at in range(position + 1, self.next_position) if at in entries][:limit]

    def trim(self, upto: int) -> None:
        """Give up entries up to a position; the ledger stays."""
        gone = [position for position in self.disk.table("journal") if position <= upto]
        if gone:
            self.disk.write([("journal", position, None) for position in gone])

    def losses(self) -> list[LossEntry]:
        return list(self.disk.table("loss").values())
