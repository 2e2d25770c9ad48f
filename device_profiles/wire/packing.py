"""Decimal columns to bits and back: differences, Rice codes, one run for all columns of a block.

Layout of ``values`` (``docs/wire-format.md`` draws it)::

    +-----------------------+---------------------------+-----------------------+
    | quotients, in unary   | numbers, varints          | remainders, k bits    |
    | quotient_bytes long   | heads, slopes, steps,     | each, window by       |
    | 000..01 per residual  | then excess of escapes    | window                |
    +-----------------------+---------------------------+-----------------------+
    bits: lowest first in each byte; the two bit runs are filled up to whole bytes with zeros

One code byte per window of 64 residuals says how they are packed: bits 0-5 are 0 (all residuals are zero, nothing is
written) or k + 1; in a column's first window bit 6 says second differences and bit 7 that a step follows the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from operator import sub
from typing import Final

from device_profiles.wire.limits import INT64_MAX, INT64_MIN
from device_profiles.wire.varint import put_varint, read_varints, unzigzag, varint_length, wrap64, zigzag

WINDOW: Final = 64
ESCAPE: Final = 16
MAX_K: Final = 56
SECOND_ORDER: Final = 0x40
STEPPED: Final = 0x80
K_MASK: Final = 0x3F

_UNARY: Final = tuple("1" + "0" * quotient for quotient in range(ESCAPE + 1))
_SHORT_K: Final = 9
_LOW: Final = tuple(tuple(f"{value:0{k}b}" for value in range(1 << k)) if k else ("",) for k in range(_SHORT_K + 1))


@dataclass(frozen=True, slots=True)
class Packed:
    """All decimal columns of a block, packed.

    Attributes:
        codes: One byte per window.
        values: Quotients, numbers, remainders.
        quotient_bytes: Length of the first of the three. [byte]
    """

    codes: bytes
    values: bytes
    quotient_bytes: int


def pack(columns: Sequence[Sequence[int]]) -> Packed:
    """Pack columns of signed 64-bit integers. Columns may differ in length, and be empty."""
    codes = bytearray()
    numbers = bytearray()
    excess: list[int] = []
    unary: list[str] = []
    low: list[str] = []
    for column in columns:
        if column:
            _pack_column(column, codes, numbers, excess, unary, low)
    for value in excess:
        put_varint(numbers, value)
    quotients = _bits(unary)
    return Packed(bytes(codes), b"".join((quotients, numbers, _bits(low))), len(quotients))


def _bits(parts: list[str]) -> bytes:
    """Join bit strings (highest bit first in each), first part to the lowest bits."""
    if not parts:
        return b""
    parts.reverse()
    text = "".join(parts)
    return int(text, 2).to_bytes((len(text) + 7) >> 3, "little")


def _pack_column(
    column: Sequence[int],
    codes: bytearray,
    numbers: bytearray,
    excess: list[int],
    unary: list[str],
    low: list[str],
) -> None:
    put_varint(numbers, zigzag(column[0]))
    count = len(column) - 1
    if not count:
        return
    deltas = list(map(sub, column[1:], column))
    if max(deltas) > INT64_MAX or min(deltas) < INT64_MIN:
        deltas = [wrap64(delta) for delta in deltas]
    start = len(codes)
    mode = 0
    step = gcd(*deltas)
    if step > 1 and count * (step.bit_length() - 1) > 8 * varint_length(step):
        mode = STEPPED
        deltas = [delta // step for delta in deltas]
    slope = _slope(deltas)
    if slope is not None:
        mode |= SECOND_ORDER
        residuals = list(map(sub, deltas[1:], deltas))
        if residuals and (max(residuals) > INT64_MAX or min(residuals) < INT64_MIN):
            residuals = [wrap64(residual) for residual in residuals]
        put_varint(numbers, zigzag(slope))
        first = WINDOW - 1  # element 1 is the slope: the first window holds one residual less
    else:
        residuals = deltas
        first = WINDOW
    if mode & STEPPED:
        put_varint(numbers, step)
    _pack_window(residuals[:first], codes, excess, unary, low)
    for at in range(first, len(residuals), WINDOW):
        _pack_window(residuals[at : at + WINDOW], codes, excess, unary, low)
    codes[start] |= mode


def _slope(deltas: list[int]) -> int | None:
    """The first difference, if second differences are cheaper; None if first differences are."""
    if len(deltas) < 2 or not any(deltas):
        return None
    plain = sum(map(int.bit_length, deltas)) + len(deltas)
    second = list(map(sub, deltas[1:], deltas))
    cost = sum(map(int.bit_length, second)) + 8 * varint_length(zigzag(deltas[0]))
    if any(second):
        cost += len(second)
    return deltas[0] if cost < plain else None


def _pack_window(residuals: list[int], codes: bytearray, excess: list[int], unary: list[str], low: list[str]) -> None:
    if not any(residuals):
        codes.append(0)
        return
    zigzags = [(value << 1) ^ (value >> 63) for value in residuals]
    k, quotients = _best_k(zigzags)
    codes.append(k + 1)
    if max(quotients) < ESCAPE:
        unary += [_UNARY[quotient] for quotient in quotients]
    else:
        for quotient in quotients:
            unary.append(_UNARY[min(quotient, ESCAPE)])
            if quotient >= ESCAPE:
                excess.append(quotient - ESCAPE)
    if not k:
        return
    mask = (1 << k) - 1
    if k <= _SHORT_K:
        table = _LOW[k]
        low += [table[value & mask] for value in zigzags]
    else:
        low += [f"{value & mask:0{k}b}" for value in zigzags]


def _best_k(zigzags: list[int]) -> tuple[int, list[int]]:
    """The remainder width that costs least near the median, and the quotients it leaves."""
    middle = min(MAX_K, max(0, sorted(zigzags)[len(zigzags) >> 1].bit_length() - 1))
    best = None
    for k in range(max(0, middle - 1), min(MAX_K, middle + 1) + 1):
        quotients = [value >> k for value in zigzags] if k else zigzags
        cost = len(zigzags) * k + sum(quotients)
        if max(quotients) >= ESCAPE:
            for quotient in quotients:
                if quotient >= ESCAPE:
                    cost += ESCAPE - quotient + 8 * varint_length(quotient - ESCAPE)
        if best is None or cost < best[0]:
            best = (cost, k, quotients)
    assert best is not None
    return best[1], best[2]


def windows(count: int) -> int:
    """Code bytes of a column with ``count`` values."""
    return (count + WINDOW - 2) // WINDOW if count > 1 else 0


def unpack(lengths: Sequence[int], codes: bytes, values: bytes, quotient_bytes: int) -> list[list[int]]:
    """The columns of these lengths. Arithmetic is modulo 2**64, so that every input has one meaning.

    Raises:
        ValueError: Codes, quotients, numbers or remainders are too few, too many or malformed.
    """
    if len(codes) != sum(map(windows, lengths)):
        raise ValueError(f"{len(codes)} window codes")
    plan = _plan(lengths, codes)
    remainder_bits = sum(k * count for k, count in plan if k > 0)
    remainder_bytes = (remainder_bits + 7) >> 3
    numbers_end = len(values) - remainder_bytes
    if quotient_bytes > numbers_end:
        raise ValueError("values too short for quotients and remainders")
    coded = sum(count for k, count in plan if k >= 0)
    quotients = _read_unary(values[:quotient_bytes], coded)
    remainders = values[numbers_end:]
    if remainder_bits & 7 and remainders[-1] >> (remainder_bits & 7):
        raise ValueError("padding of the remainders is not zero")
    numbers = read_varints(values[quotient_bytes:numbers_end])
    heads = sum(1 for length in lengths if length)
    at = 0
    for length in lengths:
        if length > 1:
            heads += bool(codes[at] & SECOND_ORDER) + bool(codes[at] & STEPPED)
            at += windows(length)
    if len(numbers) != heads + quotients.count(ESCAPE):
        raise ValueError(f"{len(numbers)} numbers")
    excess = iter(numbers[heads:])
    quotients = [quotient if quotient < ESCAPE else ESCAPE + next(excess) for quotient in quotients]
    residuals = _join(plan, quotients, remainders)
    return _columns(lengths, codes, numbers, residuals)


def _plan(lengths: Sequence[int], codes: bytes) -> list[tuple[int, int]]:
    """(k, residuals) of every window, k = -1 where all residuals are zero."""
    plan: list[tuple[int, int]] = []
    at = 0
    for length in lengths:
        left = length - 1
        for window in range(windows(length)):
            code = codes[at]
            at += 1
            if window and code > K_MASK:
                raise ValueError("mode bits behind a column's first window")
            k = (code & K_MASK) - 1
            if k > MAX_K:
                raise ValueError(f"remainders of {k} bits")
            count = min(left, WINDOW)
            left -= count
            plan.append((k, count - 1 if not window and code & SECOND_ORDER else count))
    return plan


def _read_unary(data: bytes, count: int) -> list[int]:
    if data and not data[-1]:
        raise ValueError("quotients end in an empty byte")
    bits = bin(int.from_bytes(data, "little"))[:1:-1]
    quotients = [len(zeros) for zeros in bits.split("1")]
    if quotients.pop() or len(quotients) != count:
        # A run without any "1" is "0" alone and leaves a rest of one zero, unless there are no bytes at all.
        if not data and not count:
            return []
        raise ValueError(f"{len(quotients)} quotients, not {count}")
    if quotients and max(quotients) > ESCAPE:
        raise ValueError("quotient above the escape")
    return quotients


def _join(plan: list[tuple[int, int]], quotients: list[int], remainders: bytes) -> list[int]:
    """Residuals of all columns in a row."""
    residuals: list[int] = []
    at = bit = 0
    for k, count in plan:
        if k < 0:
            residuals += [0] * count
            continue
        for quotient in quotients[at : at + count]:
            low = int.from_bytes(remainders[bit >> 3 : (bit + k + 7) >> 3], "little") >> (bit & 7) & ((1 << k) - 1)
            bit += k
            # A quotient too large for its k wraps like everything else.
            residuals.append(unzigzag((quotient << k | low) & (1 << 64) - 1))
        at += count
    return residuals


def _columns(lengths: Sequence[int], codes: bytes, numbers: list[int], residuals: list[int]) -> list[list[int]]:
    columns: list[list[int]] = []
    number = iter(numbers)
    residual = iter(residuals)
    at = 0
    for length in lengths:
        if not length:
            columns.append([])
            continue
        value = wrap64(unzigzag(next(number)))
        column = [value]
        if length > 1:
            mode = codes[at]
            at += windows(length)
            second = mode & SECOND_ORDER
            delta = unzigzag(next(number)) if second else 0
            step = next(number) if mode & STEPPED else 1
            if second:
                value = wrap64(value + delta * step)
                column.append(value)
            for _ in range(len(column), length):
                delta = delta + next(residual) if second else next(residual)
                value = wrap64(value + delta * step)
                column.append(value)
        columns.append(column)
    return columns
