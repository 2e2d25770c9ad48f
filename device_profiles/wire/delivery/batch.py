"""What the collector gathers for one transaction, and what it owes the agents once that is on the disk."""

from __future__ import annotations

from dataclasses import dataclass, field

from device_profiles.wire.delivery.collector_io import Commit, KeepAside, LossEntry, LossVoid, StoreBlock, Token
from device_profiles.wire.delivery.entries import Key, SegmentEntry
from device_profiles.wire.delivery.ports import SegmentRow
from device_profiles.wire.messages import Refusal, Sync


@dataclass(slots=True)
class Batch:
    """One open batch.

    Attributes:
        number: Counted up over the life of the process.
        blocks: Blocks to append.
        aside: Bytes for the quarantine.
        changed: Ledger rows to write, by key.
        losses: Loss entries to add.
        voids: Loss coverage to take back.
        epochs: Outboxes seen for the first time.
        told: Seqs to name in receipts, by agent and segment.
        refused: Agents to refuse.
        syncs: Last sync of each agent, to answer.
        tokens: Messages to acknowledge afterwards, in order of arrival.
        size_bytes: Bytes of all messages in it. [bytes]
    """

    number: int
    blocks: list[StoreBlock] = field(default_factory=list)
    aside: list[KeepAside] = field(default_factory=list)
    changed: dict[Key, SegmentEntry] = field(default_factory=dict)
    losses: list[LossEntry] = field(default_factory=list)
    voids: list[LossVoid] = field(default_factory=list)
    epochs: list[tuple[str, bytes, int]] = field(default_factory=list)
    told: dict[str, dict[int, list[int]]] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    syncs: dict[str, Sync] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)
    size_bytes: int = 0

    def touch(self, entry: SegmentEntry) -> None:
        """Its row changes with this batch."""
        self.changed[entry.agent, entry.segment] = entry

    def tell(self, agent: str, segment: int, seq: int) -> None:
        """A receipt is owed for this block."""
        segments = self.told.get(agent)
        if segments is None:
            segments = self.told[agent] = {}
        seqs = segments.get(segment)
        if seqs is None:
            segments[segment] = [seq]
        else:
            seqs.append(seq)

    @property
    def writes(self) -> bool:
        """Whether anything has to reach the disk."""
        return bool(self.blocks or self.aside or self.changed or self.losses or self.voids or self.epochs)

    def commit(self) -> Commit:
        """The transaction."""
        rows: tuple[tuple[str, int, SegmentRow], ...] = tuple(
            (agent, segment, entry.row()) for (agent, segment), entry in self.changed.items()
        )
        return Commit(
            batch=self.number,
            blocks=tuple(self.blocks),
            aside=tuple(self.aside),
            rows=rows,
            losses=tuple(self.losses),
            voids=tuple(self.voids),
            epochs=tuple(self.epochs),
        )
