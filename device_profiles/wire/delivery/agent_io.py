"""Events into and actions out of the agent's delivery machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import Receipt, Sync, Synced
from device_profiles.wire.model import LossReason

Lane = Literal["live", "backlog"]
OF_SYNC: Final = 0
"""Segment in a `Puback` that is a sync's: no segment has this number."""
OUTBOX_FAILS: Final = "the outbox fails"
"""Reason of the `Reconnect` that follows `Undone`."""


# ---- events -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Connected:
    """A session with the broker began; subscriptions to ``receipt`` and ``synced`` are granted.

    Attributes:
        connection: Number of this connection, counted up by the caller for as long as the process lives.
    """

    connection: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The session ended, however. Stale numbers are ignored."""

    connection: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block was sealed and committed with fsync. A nudge: the machine reads the outbox itself."""


@dataclass(frozen=True, slots=True)
class Puback:
    """The broker acknowledged a PUBLISH with QoS 1.

    Attributes:
        connection: Connection the acknowledgement came on.
        segment: Segment of the acknowledged block; `OF_SYNC` when it was a sync.
        seq: Its number.
        delivered: False when MQTT 5 said "no matching subscribers" (reason 0x10): nobody took it.
    """

    connection: int
    segment: int
    seq: int
    delivered: bool = True


@dataclass(frozen=True, slots=True)
class ReceiptCame:
    """A parsed ``receipt`` message."""

    connection: int
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class SyncedCame:
    """A parsed ``synced`` message."""

    connection: int
    synced: Synced


@dataclass(frozen=True, slots=True)
class BlockUnreadable:
    """The caller read a block to publish it and its digest did not verify, or it could not be read (rule A2)."""

    segment: int
    seq: int


@dataclass(frozen=True, slots=True)
class Pressure:
    """The outbox needs room.

    Attributes:
        excess_bytes: Encoded block bytes to give up, at least. [bytes]
    """

    excess_bytes: int


@dataclass(frozen=True, slots=True)
class Undone:
    """The outbox failed while a decision was made or carried out: what of it is on the disk is not known.

    The machine forgets what it believed of both sides and ends the connection; the next sync tells.
    """


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed; nothing else. Send one whenever ``next_wake_s`` is reached."""


KnownEvent = Connected | Disconnected | Sealed | Puback | ReceiptCame | SyncedCame | BlockUnreadable | Pressure | Tick
"""Events after which the machine knows where it stands."""
AgentEvent = KnownEvent | Undone


# ---- actions ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class SendSync:
    """Publish on ``sync``, QoS 1; answer with `Puback` of segment `OF_SYNC`."""

    connection: int
    sync: Sync


@dataclass(frozen=True, slots=True)
class Publish:
    """Read the block, check its digest, publish its bytes on ``block``.

    When it does not verify, do not publish: answer with `BlockUnreadable`.

    Attributes:
        connection: The connection to publish on.
        ref: The block.
        lane: Why it goes now.
        acknowledged: True: QoS 1, answer with `Puback`. False: QoS 0, no answer; the receipt is the acknowledgement.
    """

    connection: int
    ref: BlockRef
    lane: Lane
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class Trim:
    """Delete these blocks: the collector's journal holds them ``safe``. May ride the next insert's commit.

    Shelved blocks in the range stay. ``absent`` of the segment grows in the same transaction.
    """

    segment: int
    seqs: IntervalSet


@dataclass(frozen=True, slots=True)
class DropStored:
    """Delete these blocks to make room: stored at the collector, though not yet safe. No loss record.

    Should the store be restored without them, the sync shows them absent and the collector records the loss.
    """

    segment: int
    seqs: IntervalSet


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Write a loss record and delete the blocks (or shelve their bytes), in one transaction with fsync.

    The record goes out in the next block sealed. Loss records carried by the blocks given up must go out again too:
    the caller keeps records until the block that carries them is trimmed.

    Attributes:
        segment: Segment of the blocks.
        seqs: Their numbers.
        readings: Readings they held together.
        reason: Why.
        shelve: Keep the bytes within the shelf's cap. ``rejected`` ones count as ``shelved``, may be offered again by
            `Unshelve` and stay out of `OutboxIndex.after`; ``corrupt`` ones are moved aside and count as ``absent``.
    """

    segment: int
    seqs: IntervalSet
    readings: int
    reason: LossReason
    shelve: bool


@dataclass(frozen=True, slots=True)
class Unshelve:
    """The collector no longer refuses these: offer them again. Their arrival voids the loss record there."""

    segment: int
    seqs: IntervalSet


@dataclass(frozen=True, slots=True)
class ForgetSegment:
    """Nothing of this segment is kept and every seq is settled: drop its row."""

    segment: int


@dataclass(frozen=True, slots=True)
class PinLineage:
    """First contact: remember durably to whom this agent belongs."""

    lineage: bytes


@dataclass(frozen=True, slots=True)
class Reconnect:
    """Close this connection and open another after the usual back-off. The machine is offline from here on."""

    connection: int
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A person should know. Emitted once per change, not per message.

    Attributes:
        kind: ``void_receipt``, ``lineage``, ``store_changed``, ``fork``, ``rolled_back``, ``refused``, ``held``,
            ``rejected``, ``shed`` or ``corrupt``.
        detail: One line for the log.
    """

    kind: str
    detail: str


AgentAction = (
    SendSync | Publish | Trim | DropStored | GiveUp | Unshelve | ForgetSegment | PinLineage | Reconnect | Alarm
)
