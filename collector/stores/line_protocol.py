"""From columns of readings to line protocol: whole columns at a time, never an object per point.

A line is ``measurement,tag=value field=number,field=number time``: the readings of one device at one instant. What
names a series is the same for all its readings, so it is escaped once per series; per reading only a number is written.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from collector.stores import naming
from collector.stores.digits import inexact
from collector.stores.lines import Lines, cut
from collector.stores.mapping import MappingOptions
from collector.stores.pivot import Rows, rows_of
from collector.stores.ports import Readings, SeriesFacts, TextReading
from collector.stores.series import SeriesNames, StoreSeries
from collector.stores.tables import Layout, groups_of, lay_out, lines_of
from device_profiles.wire.model import NOT_EVALUATED

FUTURE_NS_MAX: Final = 2 * 86_400 * 1_000_000_000
"""VictoriaMetrics drops what lies further ahead, without a word in its answer. [ns]"""

_NONE: Final = np.empty(0, np.int64)

_INFLUXDB_NS: Final = (-(1 << 63) + 2, (1 << 63) - 2)
"""First and last time of InfluxDB, models.MinNanoTime and MaxNanoTime. [ns]"""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Readings as lines, and what became of those that are in none.

    Attributes:
        lines: To be sent.
        values: Readings in them; with ``left_out`` all that were given. Flags are not counted.
        left_out: Readings in no line, by reason: ``not_finite`` no number, the format has no word for it and zero would
            be a lie; ``folded`` another reading of the series has this time at the store's precision; ``time`` outside
            of what the store holds; ``text`` a text for a store of numbers; ``series_over_limit``.
        inexact: Readings in the lines that the store does not keep in all their digits.
        flags_left_out: Flags of readings in the lines that are not, for the limit of series.
    """

    lines: Lines
    values: int
    left_out: Counter[str]
    inexact: int = 0
    flags_left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Columns:
    """Readings that the store can hold. ``series`` counts in a table of the store's series."""

    series: npt.NDArray[np.int32]
    at_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    flag: npt.NDArray[np.uint8]
    mantissa: npt.NDArray[np.int64] | None

    def only(self, kept: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> _Columns:
        """These of them."""
        mantissa = None if self.mantissa is None else self.mantissa[kept]
        return _Columns(self.series[kept], self.at_ns[kept], self.value[kept], self.flag[kept], mantissa)


class Encoder:
    """Makes lines for one store. Not for several threads at once.

    Args:
        options: Names, precision and bounds.
        site_of: Site of an agent by its id.
        clock_ns: UTC. [ns]

    Attributes:
        inexact: Readings so far that the store does not keep in all their digits.
        flags_left_out: Flags so far that are in no line, for the limit of series.
    """

    def __init__(
        self, options: MappingOptions, site_of: Callable[[str], str], *, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.options = options
        self.names = SeriesNames(options, site_of)
        self._clock_ns = clock_ns
        self._influxdb = options.store == "influxdb"
        self.inexact = 0
        self.flags_left_out = 0

    def encode(self, readings: Readings) -> Encoded:
        """Lines of readings. The same readings give the same lines."""
        left_out: Counter[str] = Counter()
        lines: list[pl.Series] = []
        values = odd = flags_left_out = 0
        local = _Local()
        of_table = [
            -1 if series is None else local.number(series, facts)
            for series, facts in zip(self.names.of_table(readings.series_table), readings.series_table, strict=True)
        ]
        columns = self._kept(readings, np.array(of_table, np.int32), left_out)
        if len(columns.value):
            group, heads = groups_of(local.table)
            rows = rows_of(columns.series, group[columns.series], columns.at_ns // self.options.unit_ns)
            layout = lay_out(local.table, group, columns.series, rows)
            winners = self._winners(layout, columns)
            if winners is not None:
                left_out["folded"] += len(columns.value) - len(winners)
                columns, rows, layout = columns.only(winners), rows.only(winners), layout.only(winners)
            values = len(columns.value)
            odd = 0 if self._influxdb else inexact(columns.value, columns.mantissa)
            flagged = np.flatnonzero(columns.flag != NOT_EVALUATED) if self.options.flags else _NONE
            if len(flagged):
                columns, rows, flags_left_out = self._with_flags(columns, rows, flagged, local)
                group, _ = groups_of(local.table)
                layout = lay_out(local.table, group, columns.series, rows)
            lines = lines_of(layout, local.table, heads, columns.series, rows, value=columns.value)
        texts = self._texts(readings.texts, left_out)
        if texts:
            lines.append(pl.Series(texts, dtype=pl.String))
        self.inexact += odd
        self.flags_left_out += flags_left_out
        return Encoded(cut(lines), values + len(texts), +left_out, odd, flags_left_out)

    def _kept(self, readings: Readings, of_table: npt.NDArray[np.int32], left_out: Counter[str]) -> _Columns:
        """What the store can hold."""
        columns = _Columns(
            of_table[readings.series] if len(of_table) else readings.series,
            readings.observed_at_ns,
            readings.value,
            readings.flag,
            readings.mantissa,
        )
        checks: tuple[tuple[str, Callable[[_Columns], npt.NDArray[np.bool_]]], ...] = (
            ("not_finite", lambda each: np.isfinite(each.value)),
            ("time", self._holds_time),
            ("series_over_limit", lambda each: each.series >= 0),
        )
        for reason, check in checks:
            kept = check(columns)
            if not kept.all():
                left_out[reason] += len(kept) - int(np.count_nonzero(kept))
                columns = columns.only(kept)
        return columns

    def _holds_time(self, columns: _Columns) -> npt.NDArray[np.bool_]:
        first_ns, last_ns = _INFLUXDB_NS if self._influxdb else (0, self._clock_ns() + FUTURE_NS_MAX)
        return (columns.at_ns >= first_ns) & (columns.at_ns <= last_ns)

    def _winners(self, layout: Layout, columns: _Columns) -> npt.NDArray[np.int64] | None:
        """Which readings are written where several of a series have one time; None where none have.

        The one that the store itself would end with, in whatever batches they came: VictoriaMetrics keeps the largest,
        InfluxDB the last written, which is the later one or, at the very same time, the one that comes later here.
        """
        filled = np.zeros(layout.cells, bool)
        filled[layout.cell] = True
        if np.count_nonzero(filled) == len(layout.cell):
            return None
        order = np.lexsort((columns.at_ns if self._influxdb else columns.value, layout.cell))
        cell = layout.cell[order]
        return np.sort(order[np.append(cell[1:] != cell[:-1], True)])

    def _with_flags(
        self, columns: _Columns, rows: Rows, flagged: npt.NDArray[np.int64], local: _Local
    ) -> tuple[_Columns, Rows, int]:
        """Flags as numbers of series of their own, in the lines of their readings."""
        whose = np.unique(columns.series[flagged])
        of_series = np.full(len(local.table), -1, np.int32)
        facts = [local.facts[number] for number in whose.tolist()]
        for number, series, owner in zip(whose.tolist(), self.names.of_table(facts, "_flag"), facts, strict=True):
            if series is not None:
                of_series[number] = local.number(series, owner)
        series_of = of_series[columns.series[flagged]]
        written, series_of = flagged[series_of >= 0], series_of[series_of >= 0]
        added = columns.only(written)
        joined = _Columns(
            np.concatenate([columns.series, series_of]),
            np.concatenate([columns.at_ns, added.at_ns]),
            np.concatenate([columns.value, added.flag.astype(np.float64)]),
            np.concatenate([columns.flag, added.flag]),
            None,
        )
        of_reading = np.concatenate([rows.of_reading, rows.of_reading[written]])
        return joined, replace(rows, of_reading=of_reading), len(flagged) - len(written)

    def _texts(self, texts: Sequence[TextReading], left_out: Counter[str]) -> list[str]:
        """Lines of texts; the last of those with one time stays."""
        if not self._influxdb:
            left_out["text"] += len(texts)
            return []
        lines: dict[tuple[str, str], str] = {}
        facts = [SeriesFacts(text.agent, text.device, text.profile, text.channel, "") for text in texts]
        for text, series in zip(texts, self.names.of_table(facts, "_text"), strict=True):
            if series is None:
                left_out["series_over_limit"] += 1
            elif not _INFLUXDB_NS[0] <= text.observed_at_ns <= _INFLUXDB_NS[1]:
                left_out["time"] += 1
            else:
                name = f"{series.head} {series.field}", f" {text.observed_at_ns // self.options.unit_ns}\n"
                left_out["folded"] += name in lines
                lines[name] = naming.text_value(text.text)
        return [f"{begin}={text}{end}" for (begin, end), text in lines.items()]


class _Local:
    """The store's series of one batch, numbered from 0, each with facts that it was named by."""

    def __init__(self) -> None:
        self.table: list[StoreSeries] = []
        self.facts: list[SeriesFacts] = []
        self._numbers: dict[int, int] = {}

    def number(self, series: StoreSeries, facts: SeriesFacts) -> int:
        found = self._numbers.get(series.number)
        if found is None:
            found = self._numbers[series.number] = len(self.table)
            self.table.append(series)
            self.facts.append(facts)
        return found
