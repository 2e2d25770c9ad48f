"""Decimal columns to bits: differences, steps, Rice codes, one run for all columns of a block.

The run (``docs/wire-format.md`` draws it)::

    +---------------+--------------+-----------------+----------------------+----------------------+
    | length of the | codes, one   | quotients, one  | numbers, varints:    | remainders, k bits   |
    | quotients,    | byte per     | "00..01" in     | heads, slopes, steps | per residual, window |
    | varint        | window of 64 | unary each      | then excesses        | by window            |
    +---------------+--------------+-----------------+----------------------+----------------------+
    bits: lowest first in each byte; the two bit runs are filled up to whole bytes with zeros

A code says how the residuals of its window are packed: bits 0-5 are 0 (all are zero, nothing is written) or k + 1; bit
7 says that from this window on residuals count in another step, which is among the numbers; bit 6, in a column's first
window only, says second differences. A run whose steps change only at first windows is version 1, any other version 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from operator import sub
from typing import Final, NamedTuple

from device_profiles.wire.limits import INT64_MAX, INT64_MIN
from device_profiles.wire.varint import put_varint, varint_length, wrap64, zigzag

WINDOW: Final = 64
ESCAPE: Final = 16
MAX_K: Final = 56
SECOND_ORDER: Final = 0x40
STEPPED: Final = 0x80
K_MASK: Final = 0x3F

_WORTH_CHANGING_BITS: Final = 96
"""What steps that change must save in a column: blocks of the first version are read by every collector."""
_UNARY: Final = tuple("1" + "0" * quotient for quotient in range(ESCAPE + 1))
_SHORT_K: Final = 9
_LOW: Final = tuple(tuple(f"{value:0{k}b}" for value in range(1 << k)) if k else ("",) for k in range(_SHORT_K + 1))


class Packed(NamedTuple):
    """The columns of a block as bytes.

    Attributes:
        run: Drawn above.
        version: The first version of blocks that may hold it.
    """

    run: bytes
    version: int


class _Run:
    """The five parts of a run while columns are appended."""

    __slots__ = ("codes", "excess", "low", "numbers", "unary", "version")

    def __init__(self) -> None:
        self.codes = bytearray()
        self.numbers = bytearray()
        self.excess: list[int] = []
        self.unary: list[str] = []
        self.low: list[str] = []
        self.version = 1


def pack(columns: Sequence[Sequence[int]]) -> Packed:
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
    return Packed(b"".join((length, run.codes, quotients, run.numbers, _bits(run.low))), run.version)


def _bits(parts: list[str]) -> bytes:
    """Join bit strings (highest bit first in each), first part to the lowest bits."""
    if not parts:
        return b""
    parts.reverse()
    text = "".join(parts)
    return int(text, 2).to_bytes((len(text) + 7) >> 3, "little")


def _pack_column(run: _Run, column: Sequence[int]) -> None:
    put_varint(run.numbers, zigzag(column[0]))
    residuals = _differences(column)
    if not residuals:
        return
    whole = gcd(*residuals)
    if _pays(whole, len(residuals)):
        residuals = [residual // whole for residual in residuals]
    else:
        whole = 1
    slope = _slope(residuals)
    first = WINDOW
    if slope is not None:
        residuals = _differences(residuals)
        first -= 1  # element 1 is the slope: the first window holds one residual less
    windows = [residuals[:first], *(residuals[at : at + WINDOW] for at in range(first, len(residuals), WINDOW))]
    steps = _steps(windows, slope)
    start = len(run.codes)
    if slope is not None:
        put_varint(run.numbers, zigzag(slope // steps[0]))
    before = 1
    for step, window in zip(steps, windows, strict=True):
        mode = 0
        if step * whole != before:
            before = step * whole
            put_varint(run.numbers, before)
            mode = STEPPED
            if len(run.codes) > start:
                run.version = 2
        _pack_window(run, [residual // step for residual in window] if step > 1 else window, mode)
    if slope is not None:
        run.codes[start] |= SECOND_ORDER


def _differences(values: Sequence[int]) -> list[int]:
    """Each from the one before, in 64 bits; one fewer than there are values."""
    differences = list(map(sub, values[1:], values))
    if differences and (max(differences) > INT64_MAX or min(differences) < INT64_MIN):
        return [wrap64(difference) for difference in differences]
    return differences


def _pays(step: int, count: int) -> bool:
    """Whether so many residuals are shorter by more than a step takes."""
    return step > 1 and count * (step.bit_length() - 1) > 8 * varint_length(step)


def _steps(windows: list[list[int]], slope: int | None) -> list[int]:
    """The step of each window: a sensor whose resolution changes by day and by night has one for each.

    A logger that gives seven digits of a number gives six decimals at night and three by day; a column that holds both
    has the finer resolution, and its day counts in steps of a thousand.
    """
    if len(windows) == 1:
        return [1]  # One step for all of it is the column's own.
    own = [gcd(*residuals) for residuals in windows]
    if not any(_pays(step, len(residuals)) for step, residuals in zip(own, windows, strict=True)):
        return [1] * len(windows)
    if own[0] and slope is not None:
        own[0] = gcd(own[0], slope)
    steps: list[int] = []
    step, saved = 1, 0
    for common, residuals in zip(own, windows, strict=True):
        if common:
            choices = {choice for choice in (1, step, common) if common % choice == 0}
            if choices != {step}:
                bits, step = min((_bits_in(residuals, choice, before=step), choice) for choice in choices)
                saved += _bits_in(residuals, 1, before=1) - bits
        steps.append(step)
    return steps if saved >= _WORTH_CHANGING_BITS else [1] * len(windows)


def _bits_in(residuals: list[int], step: int, *, before: int) -> int:
    """What a window takes in this step, the change to it included. [bit]."""
    change = 0 if step == before else 8 * varint_length(step)
    return change + _best_k([zigzag(residual // step) for residual in residuals])[0]


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


def _pack_window(run: _Run, residuals: list[int], mode: int) -> None:
    if not any(residuals):
        run.codes.append(mode)
        return
    zigzags = [(value << 1) ^ (value >> 63) for value in residuals]
    _, k, quotients = _best_k(zigzags)
    run.codes.append(mode | k + 1)
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


def _best_k(zigzags: list[int]) -> tuple[int, int, list[int]]:
    """What the cheapest remainder width takes beside the quotients' ones [bit], that width, the quotients it leaves.

    Only widths near the median are tried, and where outliers need escapes also those near the mean. On recordings that
    comes out as small as trying all.
    """
    count = len(zigzags)
    middle = min(MAX_K, max(0, sorted(zigzags)[count >> 1].bit_length() - 1))
    best = min(_width(zigzags, k) for k in range(max(0, middle - 1), min(MAX_K, middle + 1) + 1))
    if max(best[2]) >= ESCAPE:
        mean = min(MAX_K, (sum(zigzags) // count).bit_length() - 1)
        best = min([best, *(_width(zigzags, k) for k in range(max(middle + 2, mean - 1), mean + 1))])
    return best


def _width(zigzags: list[int], k: int) -> tuple[int, int, list[int]]:
    """What this remainder width takes, as `_best_k` says it."""
    quotients = [value >> k for value in zigzags] if k else zigzags
    bits = len(zigzags) * k + sum(quotients)
    if max(quotients) >= ESCAPE:
        for quotient in quotients:
            if quotient >= ESCAPE:
                bits += ESCAPE - quotient + 8 * varint_length(quotient - ESCAPE)
    return bits, k, quotients
