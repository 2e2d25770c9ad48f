"""Bytes into a block, or a `BlockRejected`; never anything else. No numpy, so an agent can salvage its own blocks."""

from __future__ import annotations

import struct

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.body import (
    anchors_of,
    check_cells,
    clock_of,
    first_time,
    flag_runs,
    losses_of,
    opened_of,
    refuse_unknown,
    rejecting,
    texts_of,
    unpack_body,
)
from device_profiles.wire.checks import sized
from device_profiles.wire.compression import decompress
from device_profiles.wire.header import parse, read_header, verified, verify
from device_profiles.wire.model import NOT_EVALUATED, Block, BlockHeader, Column
from device_profiles.wire.rejected import BlockRejected, RejectReason
from device_profiles.wire.schema import Schema, decode_schema
from device_profiles.wire.unpacking import unpack
from device_profiles.wire.varint import wrap64

__all__ = ["BlockRejected", "RejectReason", "decode", "read_header", "verify"]

_Bits = list[bool]


def decode(data: bytes, agent: str | None = None) -> Block:
    """The block in ``data``.

    Args:
        data: The bytes as published.
        agent: Id that the block must carry, from its topic; ``None`` asks for none.

    Raises:
        BlockRejected: Anything is wrong; see its attributes for what to do.
    """
    message = parse(data)
    header = verified(message, data, agent)
    refuse_unknown(message, header)
    with rejecting(header):
        return _block(message, header)


def _block(message: pb.Block, header: BlockHeader) -> Block:
    body = unpack_body(message)
    clock = clock_of(message)
    schema = decode_schema(message.schema)
    texts = texts_of(body, clock.wall_ns)
    losses, anchors, opened = losses_of(body), anchors_of(body), opened_of(body)
    if header.records != bool(losses or anchors or opened):
        raise ValueError("records do not match the header")
    missing = check_cells(header.rows, len(schema.columns)) - header.readings + len(texts)
    times, columns = _readings(message, body, schema, missing)
    return Block(
        agent=header.agent,
        segment=header.segment,
        ordinal=header.ordinal,
        seq=header.seq,
        device=header.device,
        readings_total=header.readings_total,
        previous=header.previous,
        profile=schema.profile,
        clock=clock,
        times_ns=times,
        columns=columns,
        texts=texts,
        losses=losses,
        anchors=anchors,
        opened=opened,
        signature=header.signature,
    )


def _readings(
    message: pb.Block, body: pb.Body, schema: Schema, missing: int
) -> tuple[tuple[int, ...], tuple[Column, ...]]:
    rows, count = message.rows, len(schema.columns)
    present = _presence(body, rows, count, missing)
    if not rows:
        if message.values or body.flags or body.doubles:
            raise ValueError("values without rows")
        return (), ()
    counts = [bits.count(True) for bits in present] if present else [rows] * count
    decimal = [length for length, exponent in zip(counts, schema.exponents, strict=True) if exponent is not None]
    run = decompress(message.values, message.values_encoding)
    runs = unpack([rows, *decimal], run, message.revision + 1)
    first, unit = first_time(message), 10**schema.time_unit
    times = tuple(wrap64(first + unit * value) for value in runs[0])
    doubles = _doubles(body.doubles, sum(counts) - sum(decimal))
    flags = _flags(body, rows, count, present)
    columns = []
    decimals = iter(runs[1:])
    at = 0
    for index, (spec, exponent) in enumerate(zip(schema.columns, schema.exponents, strict=True)):
        values: list[int | float | None]
        if exponent is None:
            values = list(doubles[at : at + counts[index]])
            at += counts[index]
        else:
            values = list(next(decimals))
        if present:
            dense = iter(values)
            values = [next(dense) if bit else None for bit in present[index]]
        columns.append(Column(spec.channel, spec.unit, exponent, tuple(values), tuple(flags[index])))
    return times, tuple(columns)


def _presence(body: pb.Body, rows: int, count: int, missing: int) -> list[_Bits]:
    """Per column whether each row has a value; empty when all have."""
    if not missing:
        if body.presence:
            raise ValueError("a presence bitmap, and nothing missing")
        return []
    cells = rows * count
    sized(body.presence, (cells + 7) >> 3, "presence bitmap")
    bits = int.from_bytes(body.presence, "little")
    if bits >> cells or cells - bits.bit_count() != missing:
        raise ValueError("presence bitmap does not match the header")
    text = f"{bits:0{cells}b}"[::-1]
    return [[bit == "1" for bit in text[at : at + rows]] for at in range(0, cells, rows)]


def _doubles(planes: bytes, count: int) -> tuple[float, ...]:
    sized(planes, 8 * count, "doubles")
    raw = bytearray(8 * count)
    for plane in range(8):
        raw[plane::8] = planes[plane * count : (plane + 1) * count]
    return struct.unpack(f"<{count}d", raw)


def _flags(body: pb.Body, rows: int, count: int, present: list[_Bits]) -> list[list[tuple[int, int]]]:
    """Per column (row, flag); flags of missing cells and the default say nothing and are left out."""
    flags: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for first, length, flag in flag_runs(body, rows * count):
        for cell in range(first, first + length):
            column, row = divmod(cell, rows)
            if flag != NOT_EVALUATED and (not present or present[column][row]):
                flags[column].append((row, flag))
    return flags
