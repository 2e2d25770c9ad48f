"""What a block says, as plain values: no bytes, no clock, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.values import Value

VERSION: Final = 2
"""The newest block version. This code reads all up to it, and writes the lowest that can hold a block's content."""

NOT_EVALUATED: Final = 2
"""QARTOD flag 2: what every reading carries that no check has looked at."""


class ClockState(IntEnum):
    """What the agent's wall clock was set by."""

    UNSET = 0
    RTC = 1
    GPS = 2
    NTP = 3


class Encoding(IntEnum):
    """How a part of a block is packed. Both compressors start from dictionary 1."""

    STORED = 0
    ZSTD = 1
    ZLIB = 2


class LossReason(StrEnum):
    """Why readings were given up."""

    SHED = "shed"
    REJECTED = "rejected"
    CORRUPT = "corrupt"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """A channel and its unit, before any value.

    Attributes:
        channel: Channel id, unique within the device.
        unit: UCUM text; ``"1"`` or ``""`` where there is none.
    """

    channel: str
    unit: str


@dataclass(frozen=True, slots=True)
class Row:
    """What one device said at one instant.

    Attributes:
        observed_at_ns: Phenomenon time, UTC Unix time. [ns]
        values: One per column; ``None`` where the device said nothing.
        flags: One QARTOD flag per column, or ``()`` when all are `NOT_EVALUATED`. The flag of a missing value is void.
    """

    observed_at_ns: int
    values: tuple[Value | None, ...]
    flags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one channel over the rows of a block, before calibration.

    Attributes:
        channel: Channel id. A channel may own several columns with disjoint rows, when its values mix decimals and
            doubles or span more than one 64-bit scale.
        unit: UCUM text.
        exponent: Every value is ``mantissa * 10**exponent``; ``None`` when the values are doubles.
        values: One per row: integers (mantissas) or, without exponent, floats; ``None`` where missing.
        flags: ``(row, flag)`` in row order, of present values whose flag is not `NOT_EVALUATED`.
    """

    channel: str
    unit: str
    exponent: int | None
    values: tuple[int | float | None, ...]
    flags: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ProfileRef:
    """Which profile made sense of the device.

    Attributes:
        profile: Profile id.
        version: Its version.
        digest: First 8 bytes of the BLAKE2b digest of its text. [8 byte]
    """

    profile: str
    version: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class ClockSection:
    """What the agent knew of time when it sealed the block.

    Attributes:
        boot_id: First 8 bytes of the kernel's random boot id. [8 byte]
        boottime_ns: ``CLOCK_BOOTTIME`` at one instant. [ns]
        wall_ns: The wall clock, UTC Unix time, at that same instant. [ns]
        state: What had set the wall clock.
        error_ns: Estimated error of the wall clock; 0 when nobody can say. [ns]
    """

    boot_id: bytes
    boottime_ns: int
    wall_ns: int
    state: ClockState
    error_ns: int


@dataclass(frozen=True, slots=True)
class TextEvent:
    """A reading that is words, not a number. It counts as one reading.

    Attributes:
        channel: Channel id.
        observed_at_ns: Phenomenon time, UTC Unix time. [ns]
        text: As the device said it.
    """

    channel: str
    observed_at_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class LossRecord:
    """A statement that readings were given up, durable because a block carries it.

    Attributes:
        reason: Why.
        segment: The segment that held them; 0 when they never reached a block.
        intervals: Their block numbers in that segment; empty when they never reached a block.
        readings: How many readings.
        device: The device, where it is one.
        first_ns: Earliest phenomenon time among them, 0 when unknown. [ns]
        last_ns: Latest phenomenon time among them, 0 when unknown. [ns]
    """

    reason: LossReason
    segment: int
    intervals: IntervalSet
    readings: int
    device: str = ""
    first_ns: int = 0
    last_ns: int = 0


@dataclass(frozen=True, slots=True)
class Anchor:
    """A time fix for one boot: boot time and UTC of one instant.

    Attributes:
        boot_id: The boot it is about. [8 byte]
        boottime_ns: ``CLOCK_BOOTTIME``. [ns]
        utc_ns: UTC Unix time. [ns]
        error_ns: Estimated error of ``utc_ns``. [ns]
        source: Who knew UTC.
    """

    boot_id: bytes
    boottime_ns: int
    utc_ns: int
    error_ns: int
    source: ClockState


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """Where a segment comes from; stands in its first block.

    Attributes:
        parent_segment: The segment before it in this outbox; 0 for none.
        parent_tail: Last block number the parent is known to have reached.
        outbox_id: The outbox file's random id. [16 byte]
        fingerprint: Digest of the hardware the outbox was opened on. [16 byte]
        reason: Why a new segment was needed, e.g. ``"crash"``.
    """

    parent_segment: int
    parent_tail: int
    outbox_id: bytes
    fingerprint: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What a block says uncompressed; readable in every version.

    Attributes:
        version: Block version.
        agent: Agent id.
        segment: Random 64-bit id of the segment.
        ordinal: The segment's place among its outbox's segments.
        seq: The block's number in the segment, from 1.
        device: Device id.
        rows: Instants in the block.
        readings: Values present plus text events.
        readings_total: Readings of the segment up to and with this block.
        digest: BLAKE2b-128 of everything else in the block. [16 byte]
        previous: First 8 bytes of the digest of the segment's previous block, zeros in the first. [8 byte]
        records: Whether the body holds an open record, loss records or anchors.
        known: Whether this code knows how the block is packed.
        signature: Ed25519 signature, or empty.
    """

    version: int
    agent: str
    segment: int
    ordinal: int
    seq: int
    device: str
    rows: int
    readings: int
    readings_total: int
    digest: bytes
    previous: bytes
    records: bool = False
    known: bool = True
    signature: bytes = b""

    @property
    def key(self) -> tuple[str, int, int]:
        """(agent, segment, seq): what names a block for ever."""
        return (self.agent, self.segment, self.seq)

    @property
    def supported(self) -> bool:
        """Whether this code can read the body; if not, a verified block is held, not rejected."""
        return self.version <= VERSION and self.known


@dataclass(frozen=True, slots=True)
class Block:
    """A run of readings of one device in columns, with the records that travel with it.

    Attributes:
        agent: Agent id.
        segment: Random 64-bit id of the segment, not 0.
        ordinal: The segment's place among its outbox's segments.
        seq: The block's number in the segment, from 1.
        device: Device id.
        readings_total: Readings of the segment up to and with this block.
        previous: First 8 bytes of the previous block's digest. [8 byte]
        profile: Which profile made sense of the device.
        clock: What the agent knew of time.
        times_ns: Phenomenon time of each row, UTC Unix time, in any order. [ns]
        columns: Values, each column as long as ``times_ns``.
        texts: Text events.
        losses: Loss records.
        anchors: Time fixes.
        opened: Open record of the segment, in its first block.
        signature: Ed25519 signature, or empty.
    """

    agent: str
    segment: int
    ordinal: int
    seq: int
    device: str
    readings_total: int
    previous: bytes
    profile: ProfileRef
    clock: ClockSection
    times_ns: tuple[int, ...]
    columns: tuple[Column, ...]
    texts: tuple[TextEvent, ...] = ()
    losses: tuple[LossRecord, ...] = ()
    anchors: tuple[Anchor, ...] = ()
    opened: OpenRecord | None = None
    signature: bytes = b""

    @property
    def readings(self) -> int:
        """Values present plus text events: what accounting counts."""
        present = sum(len(column.values) - column.values.count(None) for column in self.columns)
        return present + len(self.texts)
