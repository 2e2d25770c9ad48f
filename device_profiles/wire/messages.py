"""Receipts, sync, synced and state as values, and their bytes. Limits are checked before anything is parsed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire import limits
from device_profiles.wire.checks import at_most, sized
from device_profiles.wire.intervals import EMPTY, IntervalSet
from device_profiles.wire.model import ClockState, ProfileRef

ID_BYTES: Final = 16
_MessageT = TypeVar("_MessageT", bound=Message)
_ResultT = TypeVar("_ResultT")


class MessageRejected(Exception):
    """A message that cannot be read.

    Attributes:
        reason: One word: ``too_large``, ``garbled`` or ``invalid``.
        detail: What exactly.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Rejection:
    """A verified block the collector will never take.

    Attributes:
        seq: Its number.
        digest: Its digest; a rejection of other bytes under the same number does not count. [16 byte]
        reason: Why.
    """

    seq: int
    digest: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class SegmentReceipt:
    """What the collector has of one segment.

    Attributes:
        segment: The segment.
        stored: Durable in the journal.
        safe: May be deleted by the agent.
        held: Kept, not readable yet; the agent keeps them too and stops sending.
        rejected: Refused for good.
        lost: Covered by a loss record in the ledger.
    """

    segment: int
    stored: IntervalSet = EMPTY
    safe: IntervalSet = EMPTY
    held: IntervalSet = EMPTY
    rejected: tuple[Rejection, ...] = ()
    lost: IntervalSet = EMPTY


@dataclass(frozen=True, slots=True)
class Refusal:
    """Nothing was taken and nothing rejected; try again later.

    Attributes:
        reason: Why, e.g. ``"not registered"``.
        retry_after_s: Wait at least this long. [s]
    """

    reason: str
    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is durable at the collector at this moment.

    Attributes:
        lineage: The operator's store. [16 byte]
        store_id: The journal. [16 byte]
        generation: Rises with every restore of the journal.
        segments: Per segment what it has.
        window_bytes: Blocks in flight granted to the agent. [byte]
        refused: Why nothing is taken; ``None`` when blocks are taken.
    """

    lineage: bytes
    store_id: bytes
    generation: int
    segments: tuple[SegmentReceipt, ...]
    window_bytes: int
    refused: Refusal | None = None

    def encode(self) -> bytes:
        """The bytes of this receipt. Raises ``ValueError`` when it is too large to be read."""
        return _bytes(_receipt_to_pb(self))


@dataclass(frozen=True, slots=True)
class SegmentExtent:
    """What an agent has of one segment.

    Attributes:
        segment: The segment.
        ordinal: Its place among the outbox's segments.
        first_kept: Oldest block number kept; ``tail + 1`` when none is.
        tail: Highest block number given so far.
        readings_total: Readings of the segment up to and with ``tail``.
        absent: Numbers within ``first_kept..tail`` the agent no longer has.
    """

    segment: int
    ordinal: int
    first_kept: int
    tail: int
    readings_total: int
    absent: IntervalSet = EMPTY


@dataclass(frozen=True, slots=True)
class Sync:
    """What an agent has; asks the collector to say what it has.

    Attributes:
        nonce: Unsigned 64-bit number that the answer repeats.
        outbox_id: The outbox. [16 byte]
        segments: Its segments.
    """

    nonce: int
    outbox_id: bytes
    segments: tuple[SegmentExtent, ...]

    def encode(self) -> bytes:
        """The bytes of this sync. Raises ``ValueError`` when it is too large to be read."""
        message = pb.Sync(nonce=self.nonce, outbox_id=self.outbox_id)
        for extent in self.segments:
            message.segments.add(
                segment=extent.segment,
                ordinal=extent.ordinal,
                first_kept=extent.first_kept,
                tail=extent.tail,
                readings_total=extent.readings_total,
                absent=extent.absent.to_bytes(),
            )
        return _bytes(message)


@dataclass(frozen=True, slots=True)
class Synced:
    """The answer to a sync.

    Attributes:
        nonce: The sync's.
        utc_ns: The collector's clock, UTC Unix time. [ns]
        receipt: What it has.
    """

    nonce: int
    utc_ns: int
    receipt: Receipt

    def encode(self) -> bytes:
        """The bytes of this answer. Raises ``ValueError`` when it is too large to be read."""
        message = pb.Synced(nonce=self.nonce, utc_ns=self.utc_ns, receipt=_receipt_to_pb(self.receipt))
        return _bytes(message)


@dataclass(frozen=True, slots=True)
class DeviceState:
    """A device of an agent and the profile it runs with."""

    device: str
    profile: ProfileRef


@dataclass(frozen=True, slots=True)
class State:
    """Birth or death of an agent's connection; retained at the broker.

    Attributes:
        alive: False in the will.
        connection: Number of the connection, rising.
        agent_version: Version of the software.
        outbox_id: The outbox, or empty. [16 byte]
        devices: Its devices.
        clock: State of its clock.
        accepted: Readings accepted since the outbox was created.
        pending: Of these, readings the agent still waits for a receipt of.
        recorded_loss: Of these, readings under a loss record.
        sent_at_ns: The agent's wall clock, UTC Unix time. [ns]
        trouble: One line on what does not work; empty when all is well. A longer one is cut.
    """

    alive: bool
    connection: int
    agent_version: str = ""
    outbox_id: bytes = b""
    devices: tuple[DeviceState, ...] = ()
    clock: ClockState = ClockState.UNSET
    accepted: int = 0
    pending: int = 0
    recorded_loss: int = 0
    sent_at_ns: int = 0
    trouble: str = ""

    def encode(self) -> bytes:
        """The bytes of this state. Raises ``ValueError`` when it is too large to be read."""
        message = pb.State(
            alive=self.alive,
            connection=self.connection,
            agent_version=self.agent_version,
            outbox_id=self.outbox_id,
            clock_state=int(self.clock),
            accepted=self.accepted,
            pending=self.pending,
            recorded_loss=self.recorded_loss,
            sent_at_ns=self.sent_at_ns,
            trouble=self.trouble.encode()[: limits.MAX_REASON_BYTES].decode(errors="ignore"),
        )
        for device in self.devices:
            message.devices.add(
                device=device.device,
                profile=device.profile.profile,
                profile_version=device.profile.version,
                profile_digest=device.profile.digest,
            )
        return _bytes(message)


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt.

    Raises:
        MessageRejected: It breaks a limit or is no receipt.
    """
    return _parse(data, pb.Receipt(), _receipt_from_pb)


def parse_sync(data: bytes) -> Sync:
    """Read a sync.

    Raises:
        MessageRejected: It breaks a limit or is no sync.
    """
    return _parse(data, pb.Sync(), _sync_from_pb)


def parse_synced(data: bytes) -> Synced:
    """Read the answer to a sync.

    Raises:
        MessageRejected: It breaks a limit or is no such answer.
    """
    return _parse(data, pb.Synced(), _synced_from_pb)


def parse_state(data: bytes) -> State:
    """Read a state message.

    Raises:
        MessageRejected: It breaks a limit or is no state.
    """
    return _parse(data, pb.State(), _state_from_pb)


def _bytes(message: Message) -> bytes:
    data = message.SerializeToString(deterministic=True)
    at_most(len(data), limits.MAX_MESSAGE_BYTES, "bytes in a message")
    return data


def _parse(data: bytes, message: _MessageT, read: Callable[[_MessageT], _ResultT]) -> _ResultT:
    if len(data) > limits.MAX_MESSAGE_BYTES:
        raise MessageRejected("too_large", f"{len(data)} bytes")
    try:
        message.ParseFromString(data)
    except DecodeError as exc:
        raise MessageRejected("garbled", "no such message") from exc
    try:
        return read(message)
    except ValueError as exc:
        raise MessageRejected("invalid", str(exc)) from exc


def _receipt_to_pb(receipt: Receipt) -> pb.Receipt:
    message = pb.Receipt(
        lineage=receipt.lineage,
        store_id=receipt.store_id,
        generation=receipt.generation,
        window_bytes=receipt.window_bytes,
    )
    if receipt.refused is not None:
        message.refused = receipt.refused.reason or "refused"
        message.retry_after_s = receipt.refused.retry_after_s
    for segment in receipt.segments:
        made = message.segments.add(
            segment=segment.segment,
            stored=segment.stored.to_bytes(),
            safe=segment.safe.to_bytes(),
            held=segment.held.to_bytes(),
            lost=segment.lost.to_bytes(),
        )
        for rejection in segment.rejected:
            made.rejected.add(seq=rejection.seq, digest=rejection.digest, reason=rejection.reason)
    return message


def _receipt_from_pb(message: pb.Receipt) -> Receipt:
    at_most(len(message.segments), limits.MAX_SEGMENTS, "segments")
    refused = Refusal(_words(message.refused), message.retry_after_s) if message.refused else None
    return Receipt(
        lineage=sized(message.lineage, ID_BYTES, "lineage"),
        store_id=sized(message.store_id, ID_BYTES, "store id"),
        generation=message.generation,
        segments=tuple(_segment_from_pb(segment) for segment in message.segments),
        window_bytes=message.window_bytes,
        refused=refused,
    )


def _segment_from_pb(message: pb.SegmentReceipt) -> SegmentReceipt:
    at_most(len(message.rejected), limits.MAX_REJECTIONS, "rejections")
    return SegmentReceipt(
        segment=message.segment,
        stored=_intervals(message.stored),
        safe=_intervals(message.safe),
        held=_intervals(message.held),
        rejected=tuple(
            Rejection(entry.seq, sized(entry.digest, ID_BYTES, "digest"), _words(entry.reason))
            for entry in message.rejected
        ),
        lost=_intervals(message.lost),
    )


def _sync_from_pb(message: pb.Sync) -> Sync:
    at_most(len(message.segments), limits.MAX_SEGMENTS, "segments")
    extents = []
    for extent in message.segments:
        if extent.first_kept > extent.tail + 1:
            raise ValueError(f"first kept {extent.first_kept} behind tail {extent.tail}")
        extents.append(
            SegmentExtent(
                extent.segment,
                extent.ordinal,
                extent.first_kept,
                extent.tail,
                extent.readings_total,
                _intervals(extent.absent),
            )
        )
    return Sync(message.nonce, sized(message.outbox_id, ID_BYTES, "outbox id"), tuple(extents))


def _synced_from_pb(message: pb.Synced) -> Synced:
    return Synced(message.nonce, message.utc_ns, _receipt_from_pb(message.receipt))


def _state_from_pb(message: pb.State) -> State:
    at_most(len(message.devices), limits.MAX_DEVICES, "devices")
    if message.outbox_id:
        sized(message.outbox_id, ID_BYTES, "outbox id")
    return State(
        alive=message.alive,
        connection=message.connection,
        agent_version=_name(message.agent_version),
        outbox_id=message.outbox_id,
        devices=tuple(
            DeviceState(
                _name(entry.device),
                ProfileRef(_name(entry.profile), entry.profile_version, sized(entry.profile_digest, 8, "digest")),
            )
            for entry in message.devices
        ),
        clock=ClockState(message.clock_state),
        accepted=message.accepted,
        pending=message.pending,
        recorded_loss=message.recorded_loss,
        sent_at_ns=message.sent_at_ns,
        trouble=_words(message.trouble),
    )


def _name(text: str) -> str:
    at_most(len(text.encode()), limits.MAX_NAME_BYTES, "bytes in a name")
    return text


def _words(text: str) -> str:
    at_most(len(text.encode()), limits.MAX_REASON_BYTES, "bytes in a reason")
    return text


def _intervals(data: bytes) -> IntervalSet:
    return IntervalSet.from_bytes(data, limits.MAX_INTERVALS)
