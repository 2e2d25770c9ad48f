"""The nine invariants, checked from outside: the oracle knows what every part did and believes none of them.

1 Every accepted reading is stored, or covered by a durable loss record whose reason is what really happened.
2 Each block is stored once; each reading appears once in the lake.
3 What is stored is bit-equal to what the sensor said.
4 A block deleted as safe is in the collector's journal (or its lake), durably, and in the verified backup if any.
5 Neither a receipt nor an acknowledgement names a block that a crash at that instant would lose.
6 accepted = stored + recorded loss + pending, at any time; nothing counts twice.
7 After the faults the backlog reaches zero; a poisoned block never stops those behind it.
8 Bounds hold.
9 Nothing published under one identity is stored under another.

A card that lies about fsync may take back readings after they were accepted. Only that is excused, and only from 1 and
6: readings that a power cut took from a lying card, and of which no copy reached the collector. Once a later block of
the same segment had arrived, even these must be covered: the collector infers the gap and records it.

Two lives of one outbox (a clone, an old image, a card that forgot a sealing) may each seal the same open rows. Only
such a reading may lie in the lake twice, and only if the collector marked one of the two segments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from device_profiles.wire.delivery.ports import SegmentRow
from device_profiles.wire.messages import Receipt
from device_profiles.wire.model import LossReason
from tests.simulation.blocks import Reading, SimBlock

if TYPE_CHECKING:
    from tests.simulation.agent import AgentNode
    from tests.simulation.collector import CollectorNode
    from tests.simulation.world import World

Key = tuple[str, int, int]
INVARIANTS = range(1, 10)


class Oracle:
    """Collects what happened and counts what must not have."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: Counter[int] = Counter()
        self.first: list[str] = []
        self.accepted: dict[tuple[str, int], Reading] = {}
        self.excused: set[tuple[str, int]] = set()
        self.twice: set[tuple[str, int]] = set()
        self.known: dict[bytes, SimBlock] = {}  # every block ever sealed, by digest
        self.by_key: dict[Key, list[SimBlock]] = {}
        self.ever_stored: set[bytes] = set()
        self.given: dict[bytes, LossReason] = {}
        self.dropped_stored: set[bytes] = set()
        self.stored_now_unsure = False  # between a restore and the end of the run

    def violate(self, invariant: int, what: str) -> None:
        self.violations[invariant] += 1
        if len(self.first) < 12:
            self.first.append(f"invariant {invariant} at {self.world.time.now:.1f} s: {what}")
        self.world.time.note("ORACLE", f"invariant {invariant}: {what}")

    # ---- reports of the parts ---------------------------------------------------------------------------------

    def accept(self, reading: Reading) -> None:
        self.accepted[reading.owner, reading.number] = reading

    def lied(self, taken: set[tuple[str, int]]) -> None:
        self.excused |= taken

    def lives_twice(self, readings: set[tuple[str, int]]) -> None:
        """These lie on two cards now, or lie on one again that had passed them on."""
        self.twice |= readings

    def sealed(self, block: SimBlock) -> None:
        if block.digest not in self.known:
            self.known[block.digest] = block
            self.by_key.setdefault(block.key, []).append(block)

    def stored(self, agent: str, block: SimBlock, *, again: bool) -> None:
        if again:
            self.violate(2, f"block {block.segment:x}:{block.seq} stored twice")
        true = self.known.get(block.digest)
        if true is None or true.readings != block.readings or true.seq != block.seq:
            self.violate(3, f"block {block.segment:x}:{block.seq} is stored altered")
        elif agent != true.agent or true.segment != block.segment:
            self.violate(9, f"block of {true.agent} is stored under {agent}")
        self.ever_stored.add(block.digest)

    def given_up(self, blocks: Iterable[SimBlock], reason: LossReason) -> None:
        for block in blocks:
            self.given[block.digest] = reason

    def dropped(self, node: AgentNode, blocks: Iterable[SimBlock]) -> None:
        for block in blocks:
            self.dropped_stored.add(block.digest)
            if block.digest not in self.ever_stored:
                self.violate(1, f"{node.owner} dropped {block.segment:x}:{block.seq} without a record, never stored")

    def restored(self) -> None:
        self.stored_now_unsure = True

    def bound(self, what: str, value: int, limit: int) -> None:
        if value > limit:
            self.violate(8, f"{what} is {value}, bound {limit}")

    # ---- invariants 4 and 5 -----------------------------------------------------------------------------------

    def _durable(self, collector: CollectorNode, block: SimBlock) -> bool:
        """Whether a power cut at this instant would leave journal or lake with these very bytes."""
        line = collector.disk.durable("key", block.key)
        if line is None or line.digest != block.digest:
            return False
        return collector.disk.durable("journal", line.position) is not None or collector.lake.durably_has(block.key)

    def trimmed(self, node: AgentNode, blocks: Iterable[SimBlock]) -> None:
        collector = self.world.collector
        for block in blocks:
            true = self.known.get(block.digest)
            where = f"{node.owner} deleted {block.segment:x}:{block.seq}"
            if true is None or not self._durable(collector, true):
                self.violate(4, f"{where}, which the journal does not hold durably")
            elif self.world.backups:
                backed = collector.journal.backed_up(true.agent, true.segment)
                if true.seq not in backed:
                    self.violate(4, f"{where}, which no verified backup holds")

    def promised(self, collector: CollectorNode, agent: str, receipt: Receipt) -> None:
        for answer in receipt.segments:
            for seq in answer.stored.union(answer.safe).numbers():
                line = collector.disk.durable("key", (agent, answer.segment, seq))
                if line is None:
                    self.violate(5, f"receipt names {answer.segment:x}:{seq}, which a crash would lose")
                elif collector.disk.durable("journal", line.position) is None and not collector.lake.durably_has(
                    (agent, answer.segment, seq)
                ):
                    self.violate(5, f"receipt names {answer.segment:x}:{seq}, whose bytes a crash would lose")

    def acknowledged(self, collector: CollectorNode, agent: str, payload: Any) -> None:
        """The broker forgets this message now."""
        if not isinstance(payload, SimBlock) or agent not in self.world.registered:
            return
        true = self.known.get(payload.digest)
        if true is None or true != payload or true.agent != agent:
            return  # garbled or misrouted: kept aside
        line = collector.disk.durable("key", payload.key)
        row: SegmentRow | None = collector.disk.durable("row", (agent, payload.segment))
        if line is not None:
            return
        if row is not None and (
            payload.seq in row.held
            or payload.seq in row.stored
            or any(rejection.digest == payload.digest for rejection in row.rejected)
        ):
            return
        if collector.refused_lately(agent):
            return
        self.violate(5, f"{payload.segment:x}:{payload.seq} acknowledged, and a crash would lose it")

    # ---- accounting -------------------------------------------------------------------------------------------

    def _pending(self) -> set[tuple[str, int]]:
        found: set[tuple[str, int]] = set()
        for node in self.world.nodes:
            found |= node.readings()
        return found

    def _stored(self) -> set[tuple[str, int]]:
        collector = self.world.collector
        blocks: list[SimBlock] = [*collector.disk.table("journal").values(), *collector.lake.blocks()]
        return {(reading.owner, reading.number) for block in blocks for reading in block.readings}

    def _lost_blocks(self) -> Iterator[tuple[SimBlock, str]]:
        """Blocks the ledger, or a record still in an outbox, calls lost or rejected."""
        rows: dict[tuple[str, int], SegmentRow] = self.world.collector.disk.table("row")
        for (agent, segment), row in rows.items():
            for seq in row.lost.numbers():
                for block in self.by_key.get((agent, segment, seq), ()):
                    yield block, "ledger"
            for rejection in row.rejected:
                block_ = self.known.get(rejection.digest)
                if block_ is not None:
                    yield block_, "rejected"

    def _local_losses(self) -> Iterator[SimBlock]:
        for node in self.world.nodes:
            for line in node.disk.table("loss").values():
                for seq in line.record.intervals.numbers():
                    yield from self.by_key.get((node.name, line.record.segment, seq), ())

    def _claims(self) -> set[Key]:
        return {
            (entry.agent, entry.segment, seq)
            for entry in self.world.collector.journal.losses()
            if entry.claimed
            for seq in entry.seqs.numbers()
        }

    def check_identity(self) -> None:
        """Invariant 6, in the middle of everything."""
        covered = self._pending() | self._stored()
        for block, _ in self._lost_blocks():
            covered.update((reading.owner, reading.number) for reading in block.readings)
        for block in self._local_losses():
            covered.update((reading.owner, reading.number) for reading in block.readings)
        missing = self.accepted.keys() - covered - self.excused
        if missing and not self.stored_now_unsure:
            self.violate(6, f"{len(missing)} readings are nowhere, e.g. {min(missing)}")
        for (agent, segment), row in self.world.collector.disk.table("row").items():
            both = row.lost.intersection(row.stored)
            if both:
                self.violate(6, f"{agent} {segment:x}: {both} counts as stored and as lost")

    def check_end(self) -> None:
        """After the faults: invariants 1, 2, 3, 6, 7 and 9 on the final state."""
        self.stored_now_unsure = False
        self.check_identity()
        self._check_lake()
        self._check_coverage()
        self._check_backlog()

    def _check_lake(self) -> None:
        places: dict[tuple[str, int], list[SimBlock]] = {}
        for block in self.world.collector.lake.blocks():
            for reading in block.readings:
                key = (reading.owner, reading.number)
                places.setdefault(key, []).append(block)
                if self.accepted.get(key) != reading:
                    self.violate(3, f"reading {key} in the lake is not what the sensor said")
                if block.agent != reading.agent:
                    self.violate(9, f"reading {key} of {reading.agent} lies in the lake under {block.agent}")
        for key, blocks in places.items():
            if len(blocks) > 1 and not self._marked_double(key, blocks):
                self.violate(2, f"reading {key} appears {len(blocks)} times in the lake")

    def _marked_double(self, key: tuple[str, int], blocks: list[SimBlock]) -> bool:
        """Two lives of one outbox sealed the reading twice, and the collector says which segment is the second life."""
        if key not in self.twice or len({block.digest for block in blocks}) < len(blocks):
            return False
        rows: dict[tuple[str, int], SegmentRow] = self.world.collector.disk.table("row")
        return any(rows[block.agent, block.segment].suspect for block in blocks)

    def _check_coverage(self) -> None:
        lake = {(reading.owner, reading.number) for _, reading in self.world.collector.lake.readings()}
        claims = self._claims()
        covered: set[tuple[str, int]] = set()
        for block, source in self._lost_blocks():
            keys = {(reading.owner, reading.number) for reading in block.readings}
            covered |= keys
            if source == "ledger" and not keys <= lake and not self._reason_holds(block, claims):
                self.violate(1, f"block {block.segment:x}:{block.seq} is recorded lost, with a reason that is not true")
        missing = self.accepted.keys() - lake - covered - self.excused
        if missing:
            self.violate(1, f"{len(missing)} accepted readings are neither stored nor recorded lost: {min(missing)}")

    def _reason_holds(self, block: SimBlock, claims: set[Key]) -> bool:
        """A loss is allowed when the agent gave the block up and said so, or when a fault took it."""
        if any((reading.owner, reading.number) in self.excused for reading in block.readings):
            return True
        if block.digest in self.given:
            return block.key in claims or self.world.lies
        return block.digest in self.dropped_stored or self.world.lies

    def _check_backlog(self) -> None:
        for node in self.world.nodes:
            if not node.settled:
                kept = [f"{block.segment:x}:{block.seq}" for block in node.unsettled()][:5]
                phase = node.machine.phase if node.machine is not None else "down"
                self.violate(7, f"{node.owner} ({phase}) still keeps {kept}, {len(node.disk.table('row'))} rows")
        if not self.world.collector.drained:
            self.violate(7, "the lake lags behind the journal")
