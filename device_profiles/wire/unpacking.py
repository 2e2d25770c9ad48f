"""Bits to decimal columns: what `packing` writes, read again, and no other bytes taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from device_profiles.wire.packing import ESCAPE, K_MASK, MAX_K, SECOND_ORDER, STEPPED, WINDOW
from device_profiles.wire.varint import read_varints, unzigzag, wrap64


class _Window(NamedTuple):
    """What a code says.

    Attributes:
        k: Bits of its remainders; -1 where all residuals are zero.
        residuals: How many it has.
        stepped: Whether the step changes here.
        second: Whether its column holds second differences; only told by the first.
    """

    k: int
    residuals: int
    stepped: bool
    second: bool


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


def unpack(lengths: Sequence[int], run: bytes, version: int) -> list[list[int]]:
    """The columns of these lengths. Arithmetic is modulo 2**64, so that every input has one meaning.

    Raises:
        ValueError: Codes, quotients, numbers or remainders are too few, too many or malformed.
    """
    code_count = sum(map(windows, lengths))
    quotients_start, quotients_end = split(run, code_count)
    plan = _plan(lengths, run[quotients_start - code_count : quotients_start], version)
    coded = [window for column in plan for window in column if window.k >= 0]
    remainder_bits = sum(window.k * window.residuals for window in coded)
    numbers_end = len(run) - ((remainder_bits + 7) >> 3)
    if quotients_end > numbers_end:
        raise ValueError("run too short for its remainders")
    quotients = _read_unary(run[quotients_start:quotients_end], sum(window.residuals for window in coded))
    remainders = run[numbers_end:]
    if remainder_bits & 7 and remainders[-1] >> (remainder_bits & 7):
        raise ValueError("padding of the remainders is not zero")
    numbers = read_varints(run[quotients_end:numbers_end])
    if lengths[0]:
        numbers.insert(0, 0)
    heads = sum(map(bool, lengths)) + sum(window.stepped + window.second for column in plan for window in column)
    if len(numbers) != heads + quotients.count(ESCAPE):
        raise ValueError(f"{len(numbers)} numbers")
    excess = iter(numbers[heads:])
    quotients = [quotient if quotient < ESCAPE else ESCAPE + next(excess) for quotient in quotients]
    number, residual = iter(numbers), iter(_join(coded, quotients, remainders))
    return [_column(length, column, number, residual) for length, column in zip(lengths, plan, strict=True)]


def _plan(lengths: Sequence[int], codes: bytes, version: int) -> list[list[_Window]]:
    """The windows of every column."""
    later = K_MASK if version == 1 else K_MASK | STEPPED
    plan: list[list[_Window]] = []
    code = iter(codes)
    for length in lengths:
        left = length - 1
        column: list[_Window] = []
        for at in range(windows(length)):
            bits = next(code)
            if at and bits & ~later:
                raise ValueError("mode bits behind a column's first window")
            k = (bits & K_MASK) - 1
            if k > MAX_K:
                raise ValueError(f"remainders of {k} bits")
            count = min(left, WINDOW)
            left -= count
            second = bool(bits & SECOND_ORDER)
            column.append(_Window(k, count - second, bool(bits & STEPPED), second))
        plan.append(column)
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


def _join(coded: list[_Window], quotients: list[int], remainders: bytes) -> list[int]:
    """Residuals of all windows that have any, in a row."""
    residuals: list[int] = []
    at = bit = 0
    for k, count, _, _ in coded:
        for quotient in quotients[at : at + count]:
            low = int.from_bytes(remainders[bit >> 3 : (bit + k + 7) >> 3], "little") >> (bit & 7) & ((1 << k) - 1)
            bit += k
            # A quotient too large for its k wraps like everything else.
            residuals.append(unzigzag((quotient << k | low) & (1 << 64) - 1))
        at += count
    return residuals


def _column(length: int, plan: list[_Window], number: Iterator[int], residual: Iterator[int]) -> list[int]:
    """One column from what is next among the numbers and the residuals."""
    if not length:
        return []
    value = wrap64(unzigzag(next(number)))
    column = [value]
    second = bool(plan) and plan[0].second
    slope = unzigzag(next(number)) if second else 0
    step, delta = 1, 0
    for at, window in enumerate(plan):
        if window.stepped:
            step = next(number)
        if second and not at:
            delta = slope * step
            value = wrap64(value + delta)
            column.append(value)
        for _ in range(window.residuals):
            change = next(residual) * step if window.k >= 0 else 0
            delta = delta + change if second else change
            value = wrap64(value + delta)
            column.append(value)
    return column
