"""A block into bytes. No numpy: this runs on the smallest device."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire import limits
from device_profiles.wire.checks import at_most, check_block
from device_profiles.wire.compression import BEST, compress
from device_profiles.wire.digest import COVERED_FROM, seal
from device_profiles.wire.model import Anchor, Block, Column, ColumnSpec, Encoding, LossRecord, OpenRecord
from device_profiles.wire.packing import Packed, pack
from device_profiles.wire.schema import Schema, encode_schema
from device_profiles.wire.topics import check_agent_id
from device_profiles.wire.varint import to_short_ns

_MAX_TIME_UNIT = 10
_WORTH_TRYING_BYTES = 512
_WORTH_SAVING = 32  # one part in 32


def encode(block: Block, *, compression: Encoding = BEST) -> bytes:
    """The bytes of a block, digest included; the same block gives the same bytes with the same library versions.

    Raises:
        ValueError: The block breaks a limit or contradicts itself. Nothing that could be split or shortened is
            silently changed.
    """
    check_block(block)
    clock, times = block.clock, block.times_ns
    unit = _time_unit(times)
    schema = Schema(
        block.profile,
        tuple(ColumnSpec(column.channel, column.unit) for column in block.columns),
        tuple(column.exponent for column in block.columns),
        unit,
    )
    packed = _pack(block, unit)
    values, values_encoding = _smaller(packed.run, compression)
    inflated = _body(block)
    at_most(len(inflated), limits.MAX_BODY_BYTES, "bytes of body")
    body, body_encoding = compress(inflated, compression)
    message = pb.Block(
        agent=block.agent,
        segment=block.segment,
        ordinal=block.ordinal,
        seq=block.seq,
        device=block.device,
        rows=len(times),
        readings=block.readings,
        readings_total=block.readings_total,
        previous=int.from_bytes(block.previous, "little"),
        boot_id=int.from_bytes(clock.boot_id, "little"),
        boottime=to_short_ns(clock.boottime_ns),
        wall=to_short_ns(clock.wall_ns),
        clock=to_short_ns(clock.error_ns) << 2 | int(clock.state),
        schema=encode_schema(schema),
        values=values,
        time_offset_ns=times[0] - clock.wall_ns if times else 0,
        revision=packed.version - 1,
        values_encoding=pb.Encoding.Name(int(values_encoding)),
        body=body,
        body_encoding=pb.Encoding.Name(int(body_encoding)),
        records=bool(block.losses or block.anchors or block.opened),
        signature=block.signature,
    )
    data = seal(message.SerializeToString(deterministic=True))
    if len(data) > limits.MAX_BLOCK_BYTES:
        raise ValueError(f"block of {len(data)} bytes, at most {limits.MAX_BLOCK_BYTES}: seal fewer rows")
    return data


def restamp(
    data: bytes,
    *,
    agent: str | None = None,
    segment: int | None = None,
    seq: int | None = None,
    readings_total: int | None = None,
    previous: bytes | None = None,
) -> bytes:
    """The same readings under another identity, with a new digest: many blocks from one, for load generators."""
    header = pb.Block.FromString(data[COVERED_FROM:])
    if agent is not None:
        header.agent = check_agent_id(agent)
    if segment is not None:
        header.segment = segment
    if seq is not None:
        header.seq = seq
    if readings_total is not None:
        header.readings_total = readings_total
    if previous is not None:
        header.previous = int.from_bytes(previous, "little")
    return seal(header.SerializeToString(deterministic=True))


def _pack(block: Block, unit: int) -> Packed:
    """The run of all decimal columns, times first."""
    times = block.times_ns
    if not times:
        return Packed(b"", 1)
    scale, first = 10**unit, times[0]
    runs: list[list[int]] = [[(time - first) // scale for time in times]]
    runs += [_present(column) for column in block.columns if column.exponent is not None]
    return pack(runs)


def _smaller(run: bytes, compression: Encoding) -> tuple[bytes, Encoding]:
    """A run compressed again, where the saving is worth the decoder's time."""
    if len(run) >= _WORTH_TRYING_BYTES:
        packed, used = compress(run, compression)
        if len(packed) * _WORTH_SAVING < len(run) * (_WORTH_SAVING - 1):
            return packed, used
    return run, Encoding.STORED


def _body(block: Block) -> bytes:
    body = pb.Body(
        presence=_presence(block.columns),
        flags=_flag_runs(block.columns, len(block.times_ns)),
        doubles=_doubles(block.columns),
    )
    for event in block.texts:
        body.texts.add(channel=event.channel, offset_ns=event.observed_at_ns - block.clock.wall_ns, text=event.text)
    _records(body, block)
    return body.SerializeToString(deterministic=True)


def _records(body: pb.Body, block: Block) -> None:
    for loss in block.losses:
        body.losses.append(_loss(loss))
    for anchor in block.anchors:
        body.anchors.append(_anchor(anchor))
    if block.opened is not None:
        body.opened.CopyFrom(_opened(block.opened))


def _loss(loss: LossRecord) -> pb.Loss:
    return pb.Loss(
        reason=loss.reason.value,
        segment=loss.segment,
        intervals=loss.intervals.to_bytes(),
        readings=loss.readings,
        device=loss.device,
        first_ns=loss.first_ns,
        last_ns=loss.last_ns,
    )


def _anchor(anchor: Anchor) -> pb.Anchor:
    return pb.Anchor(
        boot_id=anchor.boot_id,
        boottime_ns=anchor.boottime_ns,
        utc_ns=anchor.utc_ns,
        error_ns=anchor.error_ns,
        source=int(anchor.source),
    )


def _opened(opened: OpenRecord) -> pb.Open:
    return pb.Open(
        parent_segment=opened.parent_segment,
        parent_tail=opened.parent_tail,
        outbox_id=opened.outbox_id,
        fingerprint=opened.fingerprint,
        reason=opened.reason,
    )


def _time_unit(times: Sequence[int]) -> int:
    """Largest power of ten that divides every distance from the first row."""
    if not times or min(times) == max(times):
        return 0
    first = times[0]
    unit = _MAX_TIME_UNIT
    for time in times:
        while (time - first) % 10**unit:
            unit -= 1
    return unit


def _present(column: Column) -> list[int]:
    return [value for value in column.values if value is not None]  # type: ignore[misc]


def _doubles(columns: Sequence[Column]) -> bytes:
    """All doubles in eight byte planes: exponents end up beside exponents, where a compressor finds them."""
    numbers = [value for column in columns if column.exponent is None for value in column.values if value is not None]
    if not numbers:
        return b""
    raw = struct.pack(f"<{len(numbers)}d", *numbers)
    return b"".join(raw[plane::8] for plane in range(8))


def _presence(columns: Sequence[Column]) -> bytes:
    if not any(None in column.values for column in columns):
        return b""
    bits = "".join("0" if value is None else "1" for column in columns for value in column.values)
    return int(bits[::-1], 2).to_bytes((len(bits) + 7) >> 3, "little")


def _flag_runs(columns: Sequence[Column], rows: int) -> list[int]:
    """Runs of equal flags over the cells, column by column: skip, length, flag."""
    runs: list[int] = []
    behind = 0
    for at, column in enumerate(columns):
        for row, flag in column.flags:
            cell = at * rows + row
            if runs and cell == behind and runs[-1] == flag:
                runs[-2] += 1
            else:
                runs += (cell - behind, 1, flag)
            behind = cell + 1
    return runs
