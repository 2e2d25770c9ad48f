"""Events into and actions out of the collector's delivery machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from device_profiles.wire.delivery.ports import SegmentRow
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, Sync, Synced
from device_profiles.wire.model import LossReason, LossRecord, OpenRecord


class BlockFacts(NamedTuple):
    """A verified block (identity and digest hold), as far as admission needs to know it.

    Attributes:
        agent: Agent id, equal in topic and block.
        segment: Segment id.
        ordinal: Place of the segment in its outbox.
        seq: Number in the segment, from 1.
        readings: Readings inside.
        readings_total: Readings of the segment up to and including this block.
        digest: 16-byte digest.
        previous: First 8 bytes of the digest of block ``seq - 1``.
        verdict: ``store``; ``hold`` for a version unknown here; ``reject`` for a block that can never be stored.
        reason: Why it is held or rejected.
        opened: Open record, when the block carries one.
        losses: Loss records it carries.
    """

    agent: str
    segment: int
    ordinal: int
    seq: int
    readings: int
    readings_total: int
    digest: bytes
    previous: bytes
    verdict: Literal["store", "hold", "reject"] = "store"
    reason: str = ""
    opened: OpenRecord | None = None
    losses: tuple[LossRecord, ...] = ()


class Token(NamedTuple):
    """Names one delivered MQTT message so that it can be acknowledged.

    Attributes:
        connection: Connection it came on; acknowledgements of earlier connections are dropped (rule C1).
        mid: Packet identifier.
        slot: The caller's own handle of the message bytes.
    """

    connection: int
    mid: int
    slot: int


AsideKind = Literal["held", "rejected", "fork", "unverified"]


# ---- events -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Connected:
    """A session with the broker began."""

    connection: int


class BlockCame(NamedTuple):
    """A message on ``block``.

    Attributes:
        token: What to acknowledge.
        agent: Agent id of the topic.
        size_bytes: Payload length. [bytes]
        facts: What verification found; None when identity or digest do not hold.
        fault: Why not, when ``facts`` is None.
    """

    token: Token
    agent: str
    size_bytes: int
    facts: BlockFacts | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class SyncCame:
    """A parsed message on ``sync``."""

    token: Token
    agent: str
    sync: Sync


@dataclass(frozen=True, slots=True)
class Committed:
    """The batch is on the disk, fsync included."""

    batch: int


@dataclass(frozen=True, slots=True)
class CommitFailed:
    """The batch is not on the disk and will not be tried again by the caller."""

    batch: int
    reason: str


CollectorEvent = Connected | BlockCame | SyncCame | Committed | CommitFailed


# ---- actions ------------------------------------------------------------------------------------------------------
class StoreBlock(NamedTuple):
    """One block to append to the journal, in this order; ``epoch`` may still be 0 (look it up by segment later)."""

    token: Token
    facts: BlockFacts


@dataclass(frozen=True, slots=True)
class KeepAside:
    """Bytes to keep in quarantine within its cap: held, rejected, forked or not verifiable."""

    token: Token
    agent: str
    kind: AsideKind
    reason: str
    facts: BlockFacts | None


@dataclass(frozen=True, slots=True)
class LossEntry:
    """A loss to record: what the agent claimed, net of what the ledger holds, or what the collector inferred.

    Attributes:
        agent: Agent id.
        segment: Segment of the lost blocks.
        seqs: Lost seqs: never stored, not already covered.
        readings: Readings lost with them as far as known; None where nobody can tell.
        reason: Why.
        claimed: True when the agent said so, False when inferred here.
    """

    agent: str
    segment: int
    seqs: IntervalSet
    readings: int | None
    reason: LossReason
    claimed: bool


@dataclass(frozen=True, slots=True)
class LossVoid:
    """Blocks that are here after all: they no longer count as lost.

    Attributes:
        agent: Agent id.
        segment: Segment of the blocks.
        seqs: Their numbers.
        readings: Readings they hold; None when they were stored before they were claimed as lost (the journal knows).
    """

    agent: str
    segment: int
    seqs: IntervalSet
    readings: int | None


@dataclass(frozen=True, slots=True)
class Commit:
    """One transaction: everything in it or nothing; answer with `Committed` after fsync or with `CommitFailed`.

    Attributes:
        batch: Number of the batch.
        blocks: Blocks to append, with their digests.
        aside: Bytes for the quarantine.
        rows: Ledger rows to replace, by (agent, segment).
        losses: Loss entries to add.
        voids: Loss coverage to take back.
        epochs: Outboxes seen for the first time: (agent, outbox_id, epoch).
    """

    batch: int
    blocks: tuple[StoreBlock, ...]
    aside: tuple[KeepAside, ...]
    rows: tuple[tuple[str, int, SegmentRow], ...]
    losses: tuple[LossEntry, ...]
    voids: tuple[LossVoid, ...]
    epochs: tuple[tuple[str, bytes, int], ...]


@dataclass(frozen=True, slots=True)
class SendReceipt:
    """Publish on the agent's ``receipt``, QoS 1."""

    agent: str
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class SendSynced:
    """Publish on the agent's ``synced``, QoS 1. The caller fills ``utc_ns`` in, as late as it can."""

    agent: str
    synced: Synced


@dataclass(frozen=True, slots=True)
class Ack:
    """PUBACK these messages, in this order. Always after the receipts that cover them."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """The machine is done with the bytes of these messages, acknowledged or not; the caller may free them."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class PauseReading:
    """Stop reading the broker's socket: too many bytes wait for the journal (rule C4)."""


@dataclass(frozen=True, slots=True)
class ResumeReading:
    """Read the socket again."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Leave the broker and come back: what was not acknowledged will be sent again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A person should know.

    Attributes:
        agent: Agent id.
        kind: ``fork``, ``clone``, ``rolled_back``, ``rejected``, ``held``, ``unverified``, ``refused``,
            ``fragmented`` or ``journal``.
        detail: One line for the log.
    """

    agent: str
    kind: str
    detail: str


CollectorAction = Commit | SendReceipt | SendSynced | Ack | Release | PauseReading | ResumeReading | Reconnect | Alarm
