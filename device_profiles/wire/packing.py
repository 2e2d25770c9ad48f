"""Decimal columns to bits and back: differences, Rice codes, one run for all columns of a block.

The run (``docs/wire-format.md`` draws it)::

    +---------------+--------------+-----------------+----------------------+----------------------+
    | length of the | codes, one   | quotients, one  | numbers, varints:    | remainders, k bits   |
    | quotients,    | byte per     | "00..01" in     | heads, slopes, steps | per residual, window |
    | varint        | window of 64 | unary each      | then excesses        | by window            |
    +---------------+--------------+-----------------+----------------------+----------------------+
    bits: lowest first in each byte; the two bit runs are filled up to whole bytes with zeros

A code says how the residuals of its window are packed: bits 0-5 are 0 (all are zero, nothing is written) or k + 1; in
a column's first window bit 6 says second differences and bit 7 that a step follows the head.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class _Run:
    """The five parts of a run while columns are appended."""

    __slots__ = ("codes", "excess", "low", "numbers", "unary")

    def __init__(self) -> None:
        self.codes = bytearray()
        self.numbers = bytearray()
        self.excess: list[int] = []
        self.unary: list[str] = []
        self.low: list[str] = []


def pack(columns: Sequence[Sequence[int]]) -> bytes:
    """Pack columns of signed 64-bit integers. They may differ in length, and be empty.

    The first one (the rows' times) starts with 0, which is not written.
    """
    run = _Run()
    for column in columns:
        if column:
            _pack_column(run, column)
    # The head of the first column comes first in the numbers and is the one byte of a zero.
    del run.numbers[:1]
    for value in run.excess:
        put_varint(run.numbers, value)
    quotients = _bits(run.unary)
    length = bytearray()
    put_varint(length, len(quotients))
    return b"".join((length, run.codes, quotients, run.numbers, _bits(run.low)))


def _bits(parts: list[str]) -> bytes:
    """Join bit strings (highest bit first in each), first part to the lowest bits."""
    if not parts:
        return b""
    parts.reverse()
    text = "".join(parts)
    return int(text, 2).to_bytes((len(text) + 7) >> 3, "little")


def _pack_column(run: _Run, column: Sequence[int]) -> None:
    put_varint(run.numbers, zigzag(column[0]))
    count = len(column) - 1
    if not count:
        return
    deltas = list(map(sub, column[1:], column))
    if max(deltas) > INT64_MAX or min(deltas) < INT64_MIN:
        deltas = [wrap64(delta) for delta in deltas]
    start = len(run.codes)
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
        put_varint(run.numbers, zigzag(slope))
        first = WINDOW - 1  # element 1 is the slope: the first window holds one residual less
    else:
        residuals = deltas
        first = WINDOW
    if mode & STEPPED:
        put_varint(run.numbers, step)
    _pack_window(run, residuals[:first])
    for at in range(first, len(residuals), WINDOW):
        _pack_window(run, residuals[at : at + WINDOW])
    run.codes[start] |= mode


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


def _pack_window(run: _Run, residuals: list[int]) -> None:
    if not any(residuals):
        run.codes.append(0)
        return
    zigzags = [(value << 1) ^ (value >> 63) for value in residuals]
    k, quotients = _best_k(zigzags)
    run.codes.append(k + 1)
    if max(quotients) < ESCAPE:
        run.unary += [_UNARY[quotient] for quotient in quotients]
    else:
        run.unary += [_UNARY[min(quotient, ESCAPE)] for quotient in quotients]
        run.excess += [quotient - ESCAPE for quotient in quotients if quotient >= ESCAPE]
    if not k:
        return
    mask = (1 << k) - 1
    if k <= _SHORT_K:
        table = _LOW[k]
        run.low += [table[value & mask] for value in zigzags]
    else:
        run.low += [f"{value & mask:0{k}b}" for value in zigzags]


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


def split(run: bytes, codes: int) -> tuple[int, int]:
    """Where in a run the quotients start and end, given the number of codes.

    Raises:
        ValueError: The run is too short, or its length field is no varint of at most four bytes.
    """
    at = shift = length = 0
    while True:
        if at >= len(run) or at > 3:
            raise ValueError("no length of the quotients")
        byte = run[at]
        length |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            break
    start = at + codes
    if start + length > len(run):
        raise ValueError("run shorter than its codes and quotients")
    return start, start + length


def unpack(lengths: Sequence[int], run: bytes) -> list[list[int]]:
    """The columns of these lengths. Arithmetic is modulo 2**64, so that every input has one meaning.

    Raises:
        ValueError: Codes, quotients, numbers or remainders are too few, too many or malformed.
    """
    code_count = sum(map(windows, lengths))
    quotients_start, quotients_end = split(run, code_count)
    codes = run[quotients_start - code_count : quotients_start]
    plan = _plan(lengths, codes)
    remainder_bits = sum(k * count for k, count in plan if k > 0)
    numbers_end = len(run) - ((remainder_bits + 7) >> 3)
    if quotients_end > numbers_end:
        raise ValueError("run too short for its remainders")
    coded = sum(count for k, count in plan if k >= 0)
    quotients = _read_unary(run[quotients_start:quotients_end], coded)
    remainders = run[numbers_end:]
    if remainder_bits & 7 and remainders[-1] >> (remainder_bits & 7):
        raise ValueError("padding of the remainders is not zero")
    numbers = read_varints(run[quotients_end:numbers_end])
    if lengths[0]:
        numbers.insert(0, 0)
    heads = _heads(lengths, codes)
    if len(numbers) != heads + quotients.count(ESCAPE):
        raise ValueError(f"{len(numbers)} numbers")
    excess = iter(numbers[heads:])
    quotients = [quotient if quotient < ESCAPE else ESCAPE + next(excess) for quotient in quotients]
    residuals = _join(plan, quotients, remainders)
    return _columns(lengths, codes, numbers, residuals)


def _heads(lengths: Sequence[int], codes: bytes) -> int:
    """How many numbers stand before the excesses."""
    heads = at = 0
    for length in lengths:
        heads += bool(length)
        if length > 1:
            heads += bool(codes[at] & SECOND_ORDER) + bool(codes[at] & STEPPED)
            at += windows(length)
    return heads


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
