"""What goes into the outbox and what comes out, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.model import LossRecord, OpenRecord


@dataclass(frozen=True, slots=True)
class OpenChunk:
    """Rows of one device that are accepted together and not yet in a block.

    Attributes:
        device: Device id.
        rows: Rows inside.
        readings: Readings inside: what accounting counts.
        data: The rows, in whatever form the block builder reads again.
    """

    device: str
    rows: int
    readings: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """What the outbox lays down for the next block; it goes into the block as it is.

    Attributes:
        agent: Agent id.
        segment: Segment id.
        ordinal: The segment's place in the outbox, from 1.
        seq: The block's number in the segment, from 1.
        device: Device id.
        readings_before: Readings of the segment before this block.
        previous: First 8 bytes of the digest of the block before it, zeros for the first.
        opened: Open record, for the segment's first block.
        losses: Loss records that this block carries.
    """

    agent: str
    segment: int
    ordinal: int
    seq: int
    device: str
    readings_before: int
    previous: bytes
    opened: OpenRecord | None
    losses: tuple[LossRecord, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """An encoded block.

    Attributes:
        data: Its bytes, as they will be published.
        digest: The digest written inside. [16 byte]
        rows: Rows inside.
        readings: Readings inside.
    """

    data: bytes
    digest: bytes
    rows: int
    readings: int


@dataclass(frozen=True, slots=True)
class Accept:
    """Take rows: from the commit on they are the outbox's responsibility."""

    chunk: OpenChunk


@dataclass(frozen=True, slots=True)
class Seal:
    """Make one block of all open rows of a device.

    Attributes:
        device: Device id.
        encode: Builds the block. Called inside the transaction, and again with another identity when the file had to
            be exchanged: it must be pure.
        live: Whether the block holds what was measured just now rather than what an earlier life left.
    """

    device: str
    encode: Callable[[Identity], Sealed]
    live: bool = True


@dataclass(frozen=True, slots=True)
class Remember:
    """Keep the keys of rows that come from a file, so that the same rows from a file are known again.

    Attributes:
        keys: Derived from what a row says; 63 bits each.
    """

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a device has read a file; it holds once the rows before it do, so both are committed together.

    Attributes:
        device: Device id.
        file: Path of the file.
        place: What its reader needs to go on from there.
    """

    device: str
    file: str
    place: Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Committed:
    """What one group commit made durable.

    Attributes:
        refs: The sealed blocks, in order.
        accepted: Readings accepted.
    """

    refs: tuple[BlockRef, ...]
    accepted: int


@dataclass(frozen=True, slots=True)
class OutboxStats:
    """The accounting of one outbox since it was created, in readings unless named otherwise.

    ``accepted = stored + recorded_loss + pending`` at any time, over restarts and crashes.

    Attributes:
        accepted: Ever accepted.
        stored: Deleted here because the collector holds them.
        recorded_loss: Covered by a loss record.
        pending: Open or sealed and still this outbox's responsibility.
        open_rows: Rows not sealed yet.
        open_readings: Readings in them.
        blocks: Sealed blocks kept, shelved ones included.
        block_bytes: Their encoded size. [bytes]
        file_bytes: Size on disk, write-ahead log included. [bytes]
        bytes_max: Cap of ``file_bytes``. [bytes]
        shelved_bytes: Encoded size of rejected blocks kept for a person to look at. [bytes]
    """

    accepted: int
    stored: int
    recorded_loss: int
    pending: int
    open_rows: int
    open_readings: int
    blocks: int
    block_bytes: int
    file_bytes: int
    bytes_max: int
    shelved_bytes: int


class BlockUnreadable(Exception):
    """A kept block's bytes are gone or no longer match its digest: report it to the delivery machine.

    Attributes:
        segment: Segment id.
        seq: Number in the segment.
    """

    def __init__(self, segment: int, seq: int, detail: str) -> None:
        super().__init__(f"block {segment:016x}/{seq}: {detail}")
        self.segment = segment
        self.seq = seq
