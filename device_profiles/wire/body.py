"""What the parsed body of a block says, checked: profile, clock, columns, records. Shared by both decoders."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from google.protobuf.message import DecodeError

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire import limits
from device_profiles.wire.checks import MAX_CLOCK_ERROR_NS, at_most, int64, name, sized
from device_profiles.wire.compression import Unpackable, decompress
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import (
    Anchor,
    BlockHeader,
    ClockSection,
    ClockState,
    LossReason,
    LossRecord,
    OpenRecord,
    TextEvent,
)
from device_profiles.wire.rejected import BlockRejected, RejectReason
from device_profiles.wire.varint import from_short_ns

_parse_body = pb.Body.FromString


def refuse_unknown(message: pb.Block, header: BlockHeader) -> None:
    """Stop at a block of another version or packing.

    Raises:
        BlockRejected: `RejectReason.UNKNOWN_VERSION`, with the header: the block can be held.
    """
    if not header.supported:
        detail = f"version {header.version}, encodings {message.values_encoding} and {message.body_encoding}"
        raise BlockRejected(RejectReason.UNKNOWN_VERSION, detail, header)


def unpack_body(message: pb.Block) -> pb.Body:
    """Inflate and parse the body. Raises ``Unpackable``, ``DecodeError``."""
    return _parse_body(decompress(message.body, message.body_encoding))


@contextmanager
def rejecting(header: BlockHeader) -> Iterator[None]:
    """Turn what the parts of a verified block raise into a `BlockRejected` with its header."""
    try:
        yield
    except Unpackable as exc:
        reason = RejectReason.BODY_TOO_LARGE if exc.too_large else RejectReason.BAD_BODY
        raise BlockRejected(reason, exc.detail, header) from exc
    except DecodeError as exc:
        raise BlockRejected(RejectReason.BAD_BODY, "not a protobuf message", header) from exc
    except ValueError as exc:
        raise BlockRejected(RejectReason.BAD_BODY, str(exc), header) from exc


def check_cells(rows: int, columns: int) -> int:
    """Rows times columns, within the limit. Raises ``ValueError``."""
    if columns and not rows:
        raise ValueError("columns without rows")
    cells = rows * columns
    at_most(cells, limits.MAX_READINGS, "cells")
    return cells


def clock_of(message: pb.Block) -> ClockSection:
    """The clock section. Raises ``ValueError``."""
    return ClockSection(
        boot_id=message.boot_id.to_bytes(8, "little"),
        boottime_ns=from_short_ns(message.boottime),
        wall_ns=from_short_ns(message.wall),
        state=ClockState(message.clock & 3),
        error_ns=at_most(from_short_ns(message.clock >> 2), MAX_CLOCK_ERROR_NS, "ns of clock error"),
    )


def first_time(message: pb.Block) -> int:
    """Time of the first row. [ns] Raises ``ValueError``."""
    return int64(from_short_ns(message.wall) + message.time_offset_ns, "row time")


def flag_runs(body: pb.Body, cells: int) -> list[tuple[int, int, int]]:
    """Runs of flags as (first cell, cells, flag), in order. Raises ``ValueError``."""
    if not body.flags:
        return []
    numbers = list(body.flags)
    if len(numbers) % 3:
        raise ValueError("flag runs come in threes")
    runs = []
    at = 0
    for skip, length, flag in zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True):
        at += skip
        if not length or at + length > cells or flag > 255:
            raise ValueError("flag run outside the block")
        runs.append((at, length, flag))
        at += length
    return runs


def texts_of(body: pb.Body, wall_ns: int) -> tuple[TextEvent, ...]:
    """Text events. Raises ``ValueError``."""
    at_most(len(body.texts), limits.MAX_READINGS, "text events")
    events = []
    for event in body.texts:
        at_most(len(event.text.encode()), limits.MAX_TEXT_BYTES, "bytes of text")
        time_ns = int64(wall_ns + event.offset_ns, "event time")
        events.append(TextEvent(name(event.channel, "channel"), time_ns, event.text))
    return tuple(events)


def losses_of(body: pb.Body) -> tuple[LossRecord, ...]:
    """Loss records. Raises ``ValueError``."""
    at_most(len(body.losses), limits.MAX_RECORDS, "loss records")
    return tuple(
        LossRecord(
            LossReason(loss.reason),
            loss.segment,
            IntervalSet.from_bytes(loss.intervals, limits.MAX_INTERVALS),
            loss.readings,
            name(loss.device, "device", empty=True),
            loss.first_ns,
            loss.last_ns,
        )
        for loss in body.losses
    )


def anchors_of(body: pb.Body) -> tuple[Anchor, ...]:
    """Time fixes. Raises ``ValueError``."""
    at_most(len(body.anchors), limits.MAX_RECORDS, "anchors")
    return tuple(
        Anchor(
            sized(anchor.boot_id, 8, "boot id"),
            anchor.boottime_ns,
            anchor.utc_ns,
            anchor.error_ns,
            ClockState(anchor.source),
        )
        for anchor in body.anchors
    )


def opened_of(body: pb.Body) -> OpenRecord | None:
    """The open record. Raises ``ValueError``."""
    if not body.HasField("opened"):
        return None
    opened = body.opened
    at_most(len(opened.reason.encode()), limits.MAX_REASON_BYTES, "bytes of reason")
    return OpenRecord(
        opened.parent_segment,
        opened.parent_tail,
        sized(opened.outbox_id, 16, "outbox id"),
        sized(opened.fingerprint, 16, "fingerprint"),
        opened.reason,
    )


def check_records(body: pb.Body, wall_ns: int, *, announced: bool) -> int:
    """Read all texts and records for their faults alone; how many texts there are. Raises ``ValueError``."""
    texts = texts_of(body, wall_ns)
    records = (losses_of(body), anchors_of(body), opened_of(body))
    if announced != any(records):
        raise ValueError("records do not match the header")
    return len(texts)
