"""A block decoder written from ``docs/wire-format.md`` and the standard library alone: no protobuf, no shared code.

Slow and plain on purpose. It reads what the page describes (both versions; deflated or stored parts) and checks nothing
but the digest.
"""

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b
from itertools import accumulate

Fields = dict[int, list[int | bytes]]
MASK = (1 << 64) - 1


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def signed(value: int) -> int:
    return (value & MASK) - (1 << 64 if value >> 63 & 1 else 0)


def unzigzag(value: int) -> int:
    return value >> 1 if value & 1 == 0 else -(value >> 1) - 1


def fields(data: bytes) -> Fields:
    """Protobuf fields by number: integers, or bytes."""
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = varint(data, at)
        elif tag & 7 == 1:
            value, at = int.from_bytes(data[at : at + 8], "little"), at + 8
        else:
            size, at = varint(data, at)
            value, at = data[at : at + size], at + size
        found.setdefault(tag >> 3, []).append(value)
    return found


def number(found: Fields, field: int) -> int:
    value = found.get(field, [0])[0]
    assert isinstance(value, int)
    return value


def raw(found: Fields, field: int) -> bytes:
    value = found.get(field, [b""])[0]
    assert isinstance(value, bytes)
    return value


def short_ns(value: int) -> int:
    return (value >> 4) * 10 ** ((value >> 1 & 7) + 2) if value & 1 else value >> 1


def unpack(data: bytes, encoding: int, dictionary: bytes) -> bytes:
    if encoding == 0:
        return data
    if encoding == 2:
        return zlib.decompressobj(-15, dictionary).decompress(data)
    raise NotImplementedError("zstd is not in the standard library")


def schema(data: bytes) -> dict[str, object]:
    version, at = varint(data, 0)
    digest, at = data[at : at + 8], at + 8
    count, at = varint(data, at)
    unit, at = data[at], at + 1
    exponents, at = [byte - 64 if byte else None for byte in data[at : at + count]], at + count
    profile, *lines = data[at:].decode().split("\n")[:-1]
    columns = [tuple(line.split("\t")) for line in lines]
    return {
        "profile": profile,
        "version": version,
        "digest": digest,
        "time_unit": unit,
        "exponents": exponents,
        "columns": columns,
    }


def bits_of(data: bytes) -> list[int]:
    return [byte >> bit & 1 for byte in data for bit in range(8)]


def plan_of(codes: bytes, lengths: list[int]) -> list[list[tuple[int, int, int]]]:
    """Per column its windows as (k or -1, residuals, mode): 1 second differences, 2 a step, 3 both."""
    code = iter(codes)
    plans = []
    for length in lengths:
        plan = []
        for start in range(1, length, 64):
            byte = next(code)
            mode = byte >> 6
            plan.append(((byte & 63) - 1, min(64, length - start) - (mode & 1), mode))
        plans.append(plan)
    return plans


def columns_of(run: bytes, lengths: list[int]) -> list[list[int]]:
    """The decimal columns; the first one holds the row times."""
    quotient_bytes, at = varint(run, 0)
    code_count = sum(-(-(length - 1) // 64) for length in lengths if length > 1)
    plans = plan_of(run[at : at + code_count], lengths)
    at += code_count
    quotient_bits = iter(bits_of(run[at : at + quotient_bytes]))
    at += quotient_bytes
    low_size = -(-sum(k * count for plan in plans for k, count, _ in plan if k > 0) // 8)
    low_bits = iter(bits_of(run[len(run) - low_size :] if low_size else b""))
    numbers = []
    while at < len(run) - low_size:
        value, at = varint(run, at)
        numbers.append(value)
    number_of = iter(numbers)
    heads = []
    for index, (length, plan) in enumerate(zip(lengths, plans, strict=True)):
        first = unzigzag(next(number_of)) if index and length else 0
        second = bool(plan) and plan[0][2] & 1 == 1
        slope = unzigzag(next(number_of)) if second else None
        steps, step = [], 1
        for _, _, mode in plan:
            step = next(number_of) if mode & 2 else step
            steps.append(step)
        heads.append((first, slope, steps))

    def residual(k: int) -> int:
        if k < 0:
            return 0
        quotient = 0
        while next(quotient_bits) == 0:
            quotient += 1
        if quotient == 16:
            quotient += next(number_of)
        low = sum(next(low_bits) << place for place in range(k))
        return unzigzag((quotient << k | low) & MASK)

    columns = []
    for length, plan, (first, slope, steps) in zip(lengths, plans, heads, strict=True):
        differences = [
            residual(k) * step for (k, count, _), step in zip(plan, steps, strict=True) for _ in range(count)
        ]
        if slope is not None:
            differences = list(accumulate([slope * steps[0], *differences]))
        columns.append([signed(value) for value in accumulate([first, *differences])][:length])
    return columns


def decode(block: bytes, dictionary: bytes) -> dict[str, object]:
    """Everything in a block but loss records and anchors."""
    assert block[:2] == b"\x0a\x10", "every version starts so"
    assert blake2b(block[18:], digest_size=16).digest() == block[2:18], "digest"
    outer = fields(block)
    shape = schema(unpack(raw(outer, 15), 2, dictionary))
    body = fields(unpack(raw(outer, 20), number(outer, 21), dictionary))
    names, exponents = shape["columns"], shape["exponents"]
    assert isinstance(names, list)
    assert isinstance(exponents, list)
    rows = number(outer, 7)
    cells = bits_of(raw(body, 1))[: rows * len(names)] or [1] * (rows * len(names))
    present = [cells[rows * index : rows * (index + 1)] for index in range(len(names))]
    decimal = [index for index, exponent in enumerate(exponents) if exponent is not None]
    run = unpack(raw(outer, 16), number(outer, 19), dictionary)
    runs = columns_of(run, [rows, *(sum(present[index]) for index in decimal)]) if rows else [[]]
    planes = raw(body, 3)
    count = len(planes) // 8
    doubles = iter(
        struct.unpack("<d", bytes(planes[plane * count + at] for plane in range(8)))[0] for at in range(count)
    )
    mantissas = dict(zip(decimal, runs[1:], strict=True))
    flags = [2] * (rows * len(names))
    triples = raw(body, 2)
    at = cell = 0
    while at < len(triples):
        skip, at = varint(triples, at)
        length, at = varint(triples, at)
        flag, at = varint(triples, at)
        cell += skip
        flags[cell : cell + length] = [flag] * length
        cell += length
    columns = []
    for index, (channel, unit) in enumerate(names):
        dense = iter(mantissas[index]) if index in mantissas else doubles
        values = [next(dense) if bit else None for bit in present[index]]
        columns.append(
            {
                "channel": channel,
                "unit": unit,
                "exponent": exponents[index],
                "values": values,
                "flags": flags[rows * index : rows * (index + 1)],
            }
        )
    wall = short_ns(number(outer, 13))
    first = wall + unzigzag(number(outer, 17))
    time_unit = shape["time_unit"]
    assert isinstance(time_unit, int)
    texts = [fields(text) for text in body.get(4, []) if isinstance(text, bytes)]
    return {
        "version": number(outer, 18) + 1,
        "agent": raw(outer, 2).decode(),
        "segment": number(outer, 3),
        "ordinal": number(outer, 4),
        "seq": number(outer, 5),
        "device": raw(outer, 6).decode(),
        "readings": number(outer, 8),
        "readings_total": number(outer, 9),
        "previous": number(outer, 10).to_bytes(8, "little").hex(),
        "boot_id": number(outer, 11).to_bytes(8, "little").hex(),
        "boottime_ns": short_ns(number(outer, 12)),
        "wall_ns": wall,
        "clock_state": number(outer, 14) & 3,
        "clock_error_ns": short_ns(number(outer, 14) >> 2),
        "profile": shape["profile"],
        "profile_version": shape["version"],
        "profile_digest": shape["digest"].hex() if isinstance(shape["digest"], bytes) else "",
        "times_ns": [signed(first + value * 10**time_unit) for value in runs[0]],
        "columns": columns,
        "texts": [
            {
                "channel": raw(text, 1).decode(),
                "observed_at_ns": wall + unzigzag(number(text, 2)),
                "text": raw(text, 3).decode(),
            }
            for text in texts
        ],
    }
