"""From columns of readings to what a store takes: whole columns at a time, never an object per point.

What names a series is the same for all its readings, so it is written once per series; per reading only a number is.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from collector.stores import naming
from collector.stores.columns import Columns, Local
from collector.stores.digits import inexact
from collector.stores.import_form import ImportForm
from collector.stores.line_form import LineForm
from collector.stores.lines import Lines, cut
from collector.stores.mapping import MappingOptions
from collector.stores.pivot import Ints
from collector.stores.ports import Readings, SeriesFacts, TextReading
from collector.stores.series import SeriesNames
from device_profiles.wire.model import NOT_EVALUATED

FUTURE_NS_MAX: Final = 2 * 86_400 * 1_000_000_000
"""VictoriaMetrics drops what lies further ahead, without a word in its answer. [ns]"""

_NONE: Final = np.empty(0, np.int64)

_INFLUXDB_NS: Final = (-(1 << 63) + 2, (1 << 63) - 2)
"""First and last time of InfluxDB, models.MinNanoTime and MaxNanoTime. [ns]"""


class Form(Protocol):
    """Readings in the form that one kind of store takes."""

    @property
    def columns(self) -> Columns:
        """The readings."""
        ...

    def winners(self) -> Ints | None:
        """Which are written where several of a series have one time; None where none have.

        Those that the store itself would end with, in whatever batches they came.
        """
        ...

    def only(self, kept: Ints) -> Self:
        """These of them."""
        ...

    def with_flags(self, flags: Columns, of: Ints) -> Self:
        """With flags as readings, and which reading each belongs to."""
        ...

    def lines(self) -> list[pl.Series]:
        """Lines of them, no two of one series and time."""
        ...


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
        local = Local()
        of_table = [
            -1 if series is None else local.number(series, facts)
            for series, facts in zip(self.names.of_table(readings.series_table), readings.series_table, strict=True)
        ]
        columns = self._kept(readings, np.array(of_table, np.int32), left_out)
        if len(columns.value):
            kind: type[LineForm | ImportForm] = LineForm if self._influxdb else ImportForm
            form: Form = kind.of(columns, local, self.options.unit_ns)
            winners = form.winners()
            if winners is not None:
                left_out["folded"] += len(columns.value) - len(winners)
                form = form.only(winners)
            columns = form.columns
            values = len(columns.value)
            odd = 0 if self._influxdb else inexact(columns.value, columns.mantissa)
            flagged = np.flatnonzero(columns.flag != NOT_EVALUATED) if self.options.flags else _NONE
            if len(flagged):
                form, flags_left_out = self._with_flags(form, flagged, local)
            lines = form.lines()
        texts = self._texts(readings.texts, left_out)
        if texts:
            lines.append(pl.Series(texts, dtype=pl.String))
        self.inexact += odd
        self.flags_left_out += flags_left_out
        return Encoded(cut(lines), values + len(texts), +left_out, odd, flags_left_out)

    def _kept(self, readings: Readings, of_table: npt.NDArray[np.int32], left_out: Counter[str]) -> Columns:
        """What the store can hold."""
        columns = Columns(
            of_table[readings.series] if len(of_table) else readings.series,
            readings.observed_at_ns,
            readings.value,
            readings.flag,
            readings.mantissa,
        )
        checks: tuple[tuple[str, Callable[[Columns], npt.NDArray[np.bool_]]], ...] = (
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

    def _holds_time(self, columns: Columns) -> npt.NDArray[np.bool_]:
        first_ns, last_ns = _INFLUXDB_NS if self._influxdb else (0, self._clock_ns() + FUTURE_NS_MAX)
        return (columns.at_ns >= first_ns) & (columns.at_ns <= last_ns)

    def _with_flags(self, form: Form, flagged: Ints, local: Local) -> tuple[Form, int]:
        """Flags as numbers of series of their own; and how many have no room."""
        series = form.columns.series
        whose = np.unique(series[flagged])
        of_series = np.full(len(local.table), -1, np.int32)
        facts = [local.facts[number] for number in whose.tolist()]
        for number, found, owner in zip(whose.tolist(), self.names.of_table(facts, "_flag"), facts, strict=True):
            if found is not None:
                of_series[number] = local.number(found, owner)
        series_of = of_series[series[flagged]]
        written = flagged[series_of >= 0]
        flags = form.columns.flags(written, series_of[series_of >= 0])
        return form.with_flags(flags, written), len(flagged) - len(written)

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
