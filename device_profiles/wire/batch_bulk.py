"""Gathered blocks into pieces of a batch: times, values and flags from mantissas. Numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.body import flag_runs
from device_profiles.wire.checks import MAX_CLOCK_ERROR_NS
from device_profiles.wire.model import NOT_EVALUATED, Block, ProfileRef
from device_profiles.wire.run_bulk import BadRuns, Bools, Int64s, Runs, UInt64s, exclusive, ranges, unpack_runs
from device_profiles.wire.schema import Schema
from device_profiles.wire.values import Scaled, scaled_to_float

DOUBLE: Final = 127
"""Stands for "no exponent: the value is a double on the wire"."""

_EXACT_POWER: Final = 22
_EXACT_MANTISSA: Final = 1 << 53
_INT64_MAX: Final = (1 << 63) - 1

_SeriesKey = tuple[str, str, ProfileRef, str, str, int | None]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What all blocks of one device with one schema share.

    Attributes:
        number: Its place in `Plans.shapes`.
        columns: How many.
        decimal: Per column whether it holds decimals.
        doubles: Whether any column holds doubles.
        series: Series of each column. [int32]
    """

    number: int
    columns: int
    decimal: Bools
    doubles: bool
    series: npt.NDArray[np.int32]


class Plans:
    """The plans of a batch, and one table of all their columns.

    Attributes:
        known: Plans by agent, device and schema bytes.
        series: Keys of all series, in the order of their numbers.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, bytes], Plan] = {}
        self.series: dict[_SeriesKey, int] = {}
        self._by_schema: dict[tuple[str, str, Schema], Plan] = {}
        self._exponents: list[int] = []
        self._numbers: list[int] = []
        self._shapes: list[tuple[int, int, int]] = []

    def of(self, agent: str, device: str, schema: Schema) -> Plan:
        """The plan of a schema, made when first seen."""
        key = (agent, device, schema)
        plan = self._by_schema.get(key)
        if plan is not None:
            return plan
        start = len(self._numbers)
        for column, exponent in zip(schema.columns, schema.exponents, strict=True):
            series = (agent, device, schema.profile, column.channel, column.unit, exponent)
            self._numbers.append(self.series.setdefault(series, len(self.series)))
            self._exponents.append(DOUBLE if exponent is None else exponent)
        decimal = np.array([exponent is not None for exponent in schema.exponents], np.bool_)
        self._shapes.append((start, len(schema.columns), 10**schema.time_unit))
        plan = self._by_schema[key] = Plan(
            number=len(self._shapes) - 1,
            columns=len(schema.columns),
            decimal=decimal,
            doubles=not decimal.all(),
            series=np.array(self._numbers[start:], np.int32),
        )
        return plan

    def shapes(self) -> Int64s:
        """Per plan where its columns start in the table of columns, how many, and its time unit in ns."""
        return np.array(self._shapes, np.int64)

    def exponents(self) -> Int64s:
        """Exponent of every column of every plan, `DOUBLE` for doubles."""
        return np.array(self._exponents, np.int64)

    def numbers(self) -> npt.NDArray[np.int32]:
        """Series of every column of every plan."""
        return np.array(self._numbers, np.int32)


class Irregular(NamedTuple):
    """What an ordinary block has none of.

    Attributes:
        present: Whether each cell has a value, column by column; ``None`` when all have.
        counts: Values of each column.
        doubles: Values of the columns of doubles.
        flags: Flag of each value; ``None`` when none was set.
    """

    present: Bools | None
    counts: Int64s
    doubles: Doubles
    flags: npt.NDArray[np.uint8] | None

    @classmethod
    def of(cls, body: pb.Body, missing: int, rows: int, plan: Plan) -> Irregular:
        """Check and unfold.

        Raises:
            ValueError: The parts do not fit each other.
        """
        cells = rows * plan.columns
        presence, planes = body.presence, body.doubles
        runs = flag_runs(body, cells)
        present = None
        counts = np.full(plan.columns, rows, np.int64)
        if missing:
            bits = np.unpackbits(np.frombuffer(presence, np.uint8), bitorder="little")
            if len(presence) != (cells + 7) >> 3 or bits[cells:].any():
                raise ValueError("presence bitmap of another size")
            present = bits[:cells].astype(np.bool_)
            counts = present.reshape(plan.columns, rows).sum(axis=1, dtype=np.int64)
            if cells - int(counts.sum()) != missing:
                raise ValueError("presence bitmap does not match the header")
        elif presence:
            raise ValueError("a presence bitmap, and nothing missing")
        count = int(counts[~plan.decimal].sum())
        if len(planes) != 8 * count:
            raise ValueError("doubles of another size")
        doubles = np.ascontiguousarray(np.frombuffer(planes, np.uint8).reshape(8, count).T).view("<f8").ravel()
        flags = None
        if runs:
            flags = np.full(cells, NOT_EVALUATED, np.uint8)
            for first, length, flag in runs:
                flags[first : first + length] = flag
            if present is not None:
                flags = flags[present]
        return cls(present, counts, doubles, flags)


class Gathered:
    """Blocks waiting to be decoded together: parallel lists, one entry per block.

    Attributes:
        index: Input index.
        plan: Number of the plan.
        message: The parsed block.
        run: Its packed columns.
        irregular: By position in the lists, what the few have that need it.
        readings: Cells of all blocks.
    """

    __slots__ = ("index", "irregular", "message", "plan", "readings", "run")

    def __init__(self) -> None:
        self.readings = 0
        self.index: list[int] = []
        self.plan: list[int] = []
        self.message: list[pb.Block] = []
        self.run: list[bytes] = []
        self.irregular: dict[int, Irregular] = {}

    def part(self, start: int, stop: int) -> Gathered:
        """Some of the blocks."""
        part = Gathered()
        part.index = self.index[start:stop]
        part.plan = self.plan[start:stop]
        part.message = self.message[start:stop]
        part.run = self.run[start:stop]
        part.irregular = {at - start: what for at, what in self.irregular.items() if start <= at < stop}
        return part


class Piece(NamedTuple):
    """Readings of some consecutive blocks; see `bulk.Batch`."""

    block: npt.NDArray[np.int32]
    series: npt.NDArray[np.int32]
    observed_at_ns: Int64s
    value: Doubles
    mantissa: Int64s
    flag: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls) -> Piece:
        """No readings."""
        return cls(
            np.empty(0, np.int32),
            np.empty(0, np.int32),
            np.empty(0, np.int64),
            np.empty(0, np.float64),
            np.empty(0, np.int64),
            np.empty(0, np.uint8),
        )


def pieces_of(gathered: Gathered, plans: Plans) -> Iterator[Piece | int]:
    """Pieces in the order of the blocks; in place of a malformed block its input index."""
    if not gathered.index:
        return
    try:
        yield _decode(gathered, plans)
    except BadRuns as exc:
        start = 0
        for bad in exc.blocks.tolist():
            yield from pieces_of(gathered.part(start, bad), plans)
            yield gathered.index[bad]
            start = bad + 1
        yield from pieces_of(gathered.part(start, len(gathered.index)), plans)


def _decode(gathered: Gathered, plans: Plans) -> Piece:
    first_ns = _first_times(gathered.message)
    rows = np.array([message.rows for message in gathered.message], np.int64)
    first_column, columns, unit_ns = plans.shapes()[gathered.plan].T
    column_edges = exclusive(columns)
    in_table = ranges(first_column, columns)
    exponents = plans.exponents()[in_table]
    counts = np.repeat(rows, columns)
    for at, irregular in gathered.irregular.items():
        counts[column_edges[at] : column_edges[at + 1]] = irregular.counts
    decimal = exponents != DOUBLE
    versions = np.array([message.revision + 1 for message in gathered.message], np.int64)
    decoded = unpack_runs(Runs(gathered.run, versions, rows, columns, np.where(decimal, counts, 0)))
    in_runs = len(decoded) - int(rows.sum())
    mantissa = decoded[:in_runs]
    starts = exclusive(counts)
    doubles = None if decimal.all() else ranges(starts[:-1][~decimal], counts[~decimal])
    if doubles is not None:
        mantissa = np.zeros(starts[-1], np.int64)
        mantissa[ranges(starts[:-1][decimal], counts[decimal])] = decoded[:in_runs]
    value = _values(mantissa, np.where(decimal, exponents, 0), counts)
    if doubles is not None:
        value[doubles] = np.concatenate([irregular.doubles for irregular in gathered.irregular.values()])
    times = decoded[in_runs:]
    times *= np.repeat(unit_ns, rows)
    times += np.repeat(first_ns, rows)
    time_edges = exclusive(rows)[:-1]
    row = np.arange(starts[-1])
    row += np.repeat(np.repeat(time_edges, columns) - starts[:-1], counts)
    flag = np.full(starts[-1], NOT_EVALUATED, np.uint8)
    for at, irregular in gathered.irregular.items():
        here = slice(starts[column_edges[at]], starts[column_edges[at + 1]])
        if irregular.present is not None:
            row[here] = np.flatnonzero(irregular.present) % rows[at] + time_edges[at]
        if irregular.flags is not None:
            flag[here] = irregular.flags
    per_block = np.diff(starts[column_edges])
    return Piece(
        block=np.repeat(np.array(gathered.index, np.int32), per_block),
        series=np.repeat(plans.numbers()[in_table], counts),
        observed_at_ns=times.take(row),
        value=value,
        mantissa=mantissa,
        flag=flag,
    )


def _first_times(messages: list[pb.Block]) -> Int64s:
    """Time of each block's first row [ns]; the clock section is checked on the way."""
    wall, wrong = _from_short_ns(np.array([message.wall for message in messages], np.uint64))
    bad = wrong | _from_short_ns(np.array([message.boottime for message in messages], np.uint64))[1]
    error, wrong = _from_short_ns(np.array([message.clock for message in messages], np.uint64) >> np.uint64(2))
    bad |= wrong | (error > MAX_CLOCK_ERROR_NS)
    offset = np.array([message.time_offset_ns for message in messages], np.int64)
    first = wall + offset
    bad |= (offset > 0) & (first < 0)
    if bad.any():
        raise BadRuns(np.flatnonzero(bad))
    return first


def _from_short_ns(short: UInt64s) -> tuple[Int64s, Bools]:
    """As `varint.from_short_ns`, and where it leaves 63 bits."""
    power = np.array([10**exponent for exponent in range(2, 10)], np.uint64)
    scaled = (short & np.uint64(1)).astype(np.bool_)
    factor = power[(short >> np.uint64(1) & np.uint64(7)).astype(np.int64)]
    mantissa = short >> np.uint64(4)
    wrong = scaled & (mantissa > np.uint64(_INT64_MAX) // factor)
    return np.where(scaled, mantissa * factor, short >> np.uint64(1)).astype(np.int64), wrong


def _values(mantissa: Int64s, exponents: Int64s, counts: Int64s) -> Doubles:
    """The double nearest to each decimal: one correctly rounded operation on exact operands, or the long way."""
    value = mantissa.astype(np.float64)
    down = np.clip(-exponents, 0, _EXACT_POWER)
    if down.any():
        value /= np.repeat(10.0**down, counts)
    up = np.clip(exponents, 0, _EXACT_POWER)
    if up.any():
        value *= np.repeat(10.0**up, counts)
    long_way = np.zeros(0, np.int64)
    if len(mantissa) and (int(mantissa.max()) > _EXACT_MANTISSA or int(mantissa.min()) < -_EXACT_MANTISSA):
        long_way = np.flatnonzero((mantissa > _EXACT_MANTISSA) | (mantissa < -_EXACT_MANTISSA))
    if (np.abs(exponents) > _EXACT_POWER).any():
        far = np.repeat(np.abs(exponents) > _EXACT_POWER, counts)
        long_way = np.union1d(long_way, np.flatnonzero(far))
    if len(long_way):
        exponent = np.repeat(exponents, counts)[long_way].tolist()
        exact = zip(mantissa[long_way].tolist(), exponent, strict=True)
        value[long_way] = [scaled_to_float(Scaled(*pair)) for pair in exact]
    return value


def piece_of(block: Block, index: int, plan: Plan) -> Piece:
    """The same readings from a block decoded on its own."""
    series: list[int] = []
    times: list[int] = []
    values: list[float] = []
    mantissas: list[int] = []
    flags: list[int] = []
    for number, column in zip(plan.series.tolist(), block.columns, strict=True):
        column_flags = dict(column.flags)
        for row, value in enumerate(column.values):
            if value is None:
                continue
            series.append(number)
            times.append(block.times_ns[row])
            flags.append(column_flags.get(row, NOT_EVALUATED))
            exact = column.exponent is not None
            mantissas.append(int(value) if exact else 0)
            values.append(scaled_to_float(Scaled(int(value), column.exponent or 0)) if exact else value)
    return Piece(
        np.full(len(series), index, np.int32),
        np.array(series, np.int32),
        np.array(times, np.int64),
        np.array(values, np.float64),
        np.array(mantissas, np.int64),
        np.array(flags, np.uint8),
    )
