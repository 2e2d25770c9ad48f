"""The packed runs of many blocks at once, in numpy: the same bits as `unpacking.unpack`, no Python per block.

Words used here: *column* is a column of one block, *window* up to 64 residuals of one column, *coded* a residual that
has a quotient (windows of zeros have none). "Wire order" is block by block, each with its row times first, then its
columns; results have all columns first and the row times of all blocks behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from device_profiles.wire.packing import ESCAPE, K_MASK, MAX_K, SECOND_ORDER, STEPPED, WINDOW

Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

_PADDING = bytes(8)


class BadRuns(Exception):
    """Some runs are malformed.

    Attributes:
        blocks: Which, as indices into the blocks given.
    """

    def __init__(self, blocks: Int64s) -> None:
        super().__init__(f"{len(blocks)} malformed runs")
        self.blocks = blocks


@dataclass(frozen=True, slots=True)
class Runs:
    """Packed runs and the shape they must have.

    Attributes:
        data: One run per block.
        versions: Version of each block.
        rows: Rows of each block.
        columns: Number of columns of each block, row times not counted, doubles counted.
        lengths: Values present of each column; 0 for a column of doubles, which has no part in the run.
    """

    data: list[bytes]
    versions: Int64s
    rows: Int64s
    columns: Int64s
    lengths: Int64s


@dataclass(frozen=True, slots=True)
class _Columns:
    """Every column in wire order.

    Attributes:
        is_time: Whether it holds the row times.
        lengths: Its values.
        starts: Where in the result its first value goes.
        windows: How many windows it has.
        edges: First column of each block, and the end.
    """

    is_time: Bools
    lengths: Int64s
    starts: Int64s
    windows: Int64s
    edges: Int64s


@dataclass(frozen=True, slots=True)
class _Windows:
    """Every window in wire order.

    Attributes:
        k: Bits of its remainders; -1 where all residuals are zero.
        count: Its residuals.
        coded: Whether it has quotients.
        target: Where in the result its first residual goes.
        steps: How many steps the windows before it bring, and all windows.
        edges: First window of each block, and the end.
        of_column: First window of each column, and the end.
        second: Per column whether residuals are second differences.
    """

    k: Int64s
    count: Int64s
    coded: Bools
    target: Int64s
    steps: Int64s
    edges: Int64s
    of_column: Int64s
    second: Bools


def exclusive(counts: Int64s) -> Int64s:
    """Starts of consecutive groups of these sizes, and the end of the last: one longer than ``counts``."""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def ranges(starts: Int64s, counts: Int64s) -> Int64s:
    """The indices ``start .. start + count`` of all groups, one after another."""
    edges = exclusive(counts)
    return np.repeat(starts - edges[:-1], counts) + np.arange(edges[-1], dtype=np.int64)


def unpack_runs(runs: Runs) -> Int64s:
    """Mantissas of all columns, then time multiples of all rows. Arithmetic is modulo 2**64.

    Raises:
        BadRuns: Exactly the blocks in question are named; the others may still be malformed.
    """
    columns = _columns(runs)
    lengths, wire_edges = columns.lengths, columns.edges
    data = np.frombuffer(b"".join([*runs.data, _PADDING]), np.uint8)
    run_edges = exclusive(np.fromiter(map(len, runs.data), np.int64, len(runs.data)))
    codes_at, quotients_at, numbers_at = _split(data, run_edges, exclusive(columns.windows)[wire_edges])
    windows = _windows(data, codes_at, columns, runs.versions)
    bits = exclusive(np.where(windows.k > 0, windows.k, 0) * windows.count)
    block_bits = bits[windows.edges]
    remainders_at = run_edges[1:] - ((np.diff(block_bits) + 7) >> 3)
    _refuse(remainders_at < numbers_at)
    coded_edges = exclusive(np.where(windows.coded, windows.count, 0))[windows.edges]
    quotients = _quotients(data, quotients_at, numbers_at, coded_edges)
    with_head = ~columns.is_time & (lengths > 0)
    heads = with_head.astype(np.int64) + windows.second + np.diff(windows.steps[windows.of_column])
    head_edges = exclusive(heads)
    escapes = np.flatnonzero(quotients == ESCAPE)
    escape_edges = np.searchsorted(escapes, coded_edges)
    head_counts = np.diff(head_edges[wire_edges])
    escape_counts = np.diff(escape_edges)
    numbers, number_edges = _numbers(data, numbers_at, remainders_at, head_counts + escape_counts)
    quotients[escapes] += numbers[ranges(number_edges[:-1] + head_counts, escape_counts)]
    residuals = _residuals(data, windows, quotients, remainders_at, block_bits)

    out = np.zeros(int(lengths.sum()), np.int64)
    count = windows.count[windows.coded]
    out[ranges(windows.target[windows.coded], count)] = residuals
    column_block = np.repeat(np.arange(len(runs.data)), runs.columns + 1)
    first_number = head_edges[:-1] + (number_edges[:-1] - head_edges[wire_edges[:-1]])[column_block]
    next_number = first_number + with_head
    _multiply(out, windows, numbers, next_number + windows.second)
    _integrate(out, columns, windows, numbers, next_number)
    out[columns.starts[with_head]] = _unzigzag(numbers[first_number[with_head]])
    in_order = np.concatenate([np.flatnonzero(~columns.is_time), np.flatnonzero(columns.is_time)])
    _accumulate(out, columns.starts[in_order], lengths[in_order])
    return out


def _columns(runs: Runs) -> _Columns:
    edges = exclusive(runs.columns + 1)
    is_time = np.zeros(edges[-1], np.bool_)
    is_time[edges[:-1]] = True
    lengths = np.empty(len(is_time), np.int64)
    lengths[is_time] = runs.rows
    lengths[~is_time] = runs.lengths
    starts = np.empty(len(is_time), np.int64)
    value_edges = exclusive(runs.lengths)
    starts[~is_time] = value_edges[:-1]
    starts[is_time] = value_edges[-1] + exclusive(runs.rows)[:-1]
    windows = np.where(lengths > 1, (lengths + WINDOW - 2) // WINDOW, 0)
    return _Columns(is_time, lengths, starts, windows, edges)


def _refuse(bad: Bools) -> None:
    if bad.any():
        raise BadRuns(np.flatnonzero(bad))


def _split(data: Bytes, run_edges: Int64s, code_edges: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """Where codes, quotients and numbers of each run start."""
    at = run_edges[:-1].copy()
    length = np.zeros(len(at), np.int64)
    more = np.ones(len(at), np.bool_)
    for shift in (0, 7, 14, 21):
        byte = data[at].astype(np.int64)
        length += np.where(more, (byte & 0x7F) << shift, 0)
        at += more
        more &= byte > 0x7F
        if not more.any():
            break
    _refuse(more | (at > run_edges[1:]))
    quotients_at = at + np.diff(code_edges)
    numbers_at = quotients_at + length
    _refuse(numbers_at > run_edges[1:])
    return at, quotients_at, numbers_at


def _windows(data: Bytes, codes_at: Int64s, columns: _Columns, versions: Int64s) -> _Windows:
    counts = columns.windows
    first = exclusive(counts)
    edges = first[columns.edges]
    codes = data[ranges(codes_at, np.diff(edges))].astype(np.int64)
    some = counts > 0
    first_of_some = first[:-1][some]
    mode = np.zeros(len(counts), np.int64)
    mode[some] = codes[first_of_some]
    second = (mode & SECOND_ORDER) > 0
    k = (codes & K_MASK) - 1
    wrong = k > MAX_K
    behind = codes & ~K_MASK
    behind[first_of_some] = 0
    if behind.any():
        newer = np.repeat(versions > 1, np.diff(edges))
        wrong |= behind & np.where(newer, ~STEPPED, -1) != 0
    if wrong.any():
        raise BadRuns(np.unique(np.searchsorted(edges, np.flatnonzero(wrong), side="right") - 1))
    number = np.arange(len(codes)) - np.repeat(first[:-1], counts)
    count = np.full(len(codes), WINDOW, np.int64)
    count[(first[1:] - 1)[some]] = ((columns.lengths - 1) - WINDOW * (counts - 1))[some]
    target = np.repeat(columns.starts, counts) + 1 + WINDOW * number
    shorter = first[:-1][second]
    count[shorter] -= 1
    target[shorter] += 1
    steps = exclusive((codes & STEPPED) // STEPPED)
    return _Windows(k, count, k >= 0, target, steps, edges, first, second)


def _quotients(data: Bytes, starts: Int64s, ends: Int64s, coded_edges: Int64s) -> UInt64s:
    """Unary quotients of all coded residuals."""
    sizes = ends - starts
    _refuse((sizes > 0) & (data[np.maximum(ends - 1, 0)] == 0))
    byte_edges = exclusive(sizes)
    bits = np.unpackbits(data[ranges(starts, sizes)], bitorder="little")
    ones = np.flatnonzero(bits.view(np.bool_))
    _refuse(np.diff(np.searchsorted(ones, byte_edges * 8)) != np.diff(coded_edges))
    quotients = np.empty(len(ones), np.int64)
    if len(ones):
        quotients[0] = 0
        np.subtract(ones[1:], ones[:-1], out=quotients[1:])
        quotients -= 1
        some = np.diff(coded_edges) > 0
        first = coded_edges[:-1][some]
        quotients[first] = ones[first] - byte_edges[:-1][some] * 8
        if int(quotients.max()) > ESCAPE:
            raise BadRuns(np.unique(np.searchsorted(coded_edges, np.flatnonzero(quotients > ESCAPE), side="right") - 1))
    return quotients.view(np.uint64)


def _numbers(data: Bytes, starts: Int64s, ends: Int64s, expected: Int64s) -> tuple[UInt64s, Int64s]:
    """All varints, and where each block's begin among them."""
    sizes = ends - starts
    _refuse((sizes > 0) & (data[np.maximum(ends - 1, 0)] > 0x7F))
    raw = data[ranges(starts, sizes)]
    last = np.flatnonzero(raw < 0x80)
    number_edges = np.searchsorted(last, exclusive(sizes))
    _refuse(np.diff(number_edges) != expected)
    first = np.empty(len(last), np.int64)
    first[:1] = 0
    first[1:] = last[:-1] + 1
    lengths = last - first + 1
    too_long = lengths > 10
    tenth = np.flatnonzero(lengths == 10)
    too_long[tenth] = raw[first[tenth] + 9] > 1
    if too_long.any():
        raise BadRuns(np.unique(np.searchsorted(number_edges, np.flatnonzero(too_long), side="right") - 1))
    numbers = np.zeros(len(last), np.uint64)
    for at in range(int(lengths.max(initial=0))):
        here = np.flatnonzero(lengths > at)
        numbers[here] |= (raw[first[here] + at] & 0x7F).astype(np.uint64) << np.uint64(7 * at)
    return numbers, number_edges


def _residuals(data: Bytes, windows: _Windows, quotients: UInt64s, remainders_at: Int64s, block_bits: Int64s) -> Int64s:
    """Quotients and remainders joined, zigzag undone, in the order of the coded windows."""
    used = np.diff(block_bits) & 7
    ends = remainders_at + (np.diff(block_bits) >> 3)
    _refuse((used > 0) & ((data[ends] >> used.astype(np.uint8)) > 0))
    count = windows.count[windows.coded]
    k = np.repeat(windows.k[windows.coded], count)
    per_block = np.diff(exclusive(np.where(windows.coded, windows.count, 0))[windows.edges])
    at = np.cumsum(k)
    at -= k
    at += np.repeat(remainders_at * 8 - block_bits[:-1], per_block)
    words = np.ndarray((len(data) - 7,), np.dtype("<u8"), data, strides=(1,)).copy()
    low = words.take(at >> 3)
    low >>= (at & 7).view(np.uint64)
    width = k.view(np.uint64)
    low &= (np.uint64(1) << width) - np.uint64(1)
    joined = quotients << width
    joined |= low
    return _unzigzag(joined)


def _unzigzag(values: UInt64s) -> Int64s:
    sign = (values & np.uint64(1)).view(np.int64)
    np.negative(sign, out=sign)
    sign ^= (values >> np.uint64(1)).view(np.int64)
    return sign


def _multiply(out: Int64s, windows: _Windows, numbers: UInt64s, first_step: Int64s) -> None:
    """Residuals by the step that is in force in their window, in place."""
    steps = windows.steps
    if not steps[-1]:
        return
    column = np.repeat(np.arange(len(windows.second)), np.diff(windows.of_column))
    in_column = steps[1:] - steps[windows.of_column[:-1]][column]
    here = np.flatnonzero((in_column > 0) & windows.coded)
    step = numbers[first_step[column[here]] + in_column[here] - 1].view(np.int64)
    out[ranges(windows.target[here], windows.count[here])] *= np.repeat(step, windows.count[here])


def _integrate(out: Int64s, columns: _Columns, windows: _Windows, numbers: UInt64s, next_number: Int64s) -> None:
    """Second differences into first ones, in place."""
    second = windows.second
    if not second.any():
        return
    first, length = columns.starts[second] + 1, columns.lengths[second] - 1
    number = next_number[second]
    slope = _unzigzag(numbers[number])
    window = windows.of_column[:-1][second]
    stepped = windows.steps[window + 1] > windows.steps[window]
    slope[stepped] *= numbers[number[stepped] + 1].view(np.int64)
    out[first] = slope
    where = ranges(first, length)
    part = out[where]
    _accumulate(part, exclusive(length)[:-1], length)
    out[where] = part


def _accumulate(values: Int64s, starts: Int64s, lengths: Int64s) -> None:
    """Running sums within consecutive groups, in place."""
    some = lengths > 0
    starts, lengths = starts[some], lengths[some]
    heads = values[starts]
    np.cumsum(values, out=values)
    values -= np.repeat(values[starts] - heads, lengths)
