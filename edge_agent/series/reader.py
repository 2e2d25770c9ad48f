"""The rows of a file of time series, one line after the other, every number exactly as written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.wire.values import Scaled, Value, parse_decimal
from edge_agent.drivers.line_parser import CHANNELS_MAX, MISSING_WORDS, NAME_BYTES_MAX
from edge_agent.drivers.line_times import TimeUnreadable
from edge_agent.drivers.ports import Number
from edge_agent.series.text_rows import fields, text_of
from edge_agent.series.times import RowTime, ZoneMissing
from edge_agent.settings_series import Column, SeriesMap

ZONE_MISSING: Final = "time without a zone: declare one"
"""Detail of the reject."""


@dataclass(frozen=True, slots=True)
class SeriesRow:
    """What one line says.

    Attributes:
        observed_at_ns: UTC since 1970. [ns]
        numbers: Each channel once, the missing ones with their reasons.
        identity: What tells this row from another of the same instant.
    """

    observed_at_ns: int
    numbers: tuple[Number, ...]
    identity: tuple[str, ...]


class Rows(Protocol):
    """Reads the lines of one file, from its first."""

    notes: Counter[str]
    """What a person should know, by name."""

    def line(self, line: bytes) -> SeriesRow | FrameRejected | None:
        """The row of a line, a reject, or None for one that is no row."""
        ...


class HeaderMissing(ValueError):
    """The file is not as its map says; says what was looked for. No row of it can be read."""


class ColumnRows:
    """Reads files in columns, as a map says."""

    def __init__(self, layout: SeriesMap) -> None:
        self.notes: Counter[str] = Counter()
        self._layout = layout
        self._time = RowTime(layout.time)
        self._skip = layout.skip_lines
        self._wants_header = layout.header
        self._columns: tuple[str, ...] = () if layout.header else layout.columns or ()
        self._channels: Mapping[str, tuple[str, Column]] = {}
        if self._columns:
            self._settle()

    def line(self, line: bytes) -> SeriesRow | FrameRejected | None:
        """Read one.

        Raises:
            HeaderMissing: The columns that the map names are not there.
        """
        layout = self._layout
        text = text_of(line)
        if not text.strip() or (layout.comment and text.startswith(layout.comment)):
            return None
        if self._skip:
            self._skip -= 1
            return None
        try:
            cells = fields(text, layout.separator, layout.widths)
        except ValueError as exc:
            return reject(RejectReason.SHAPE, str(exc), line)
        if self._wants_header:
            self._wants_header = False
            self._columns = layout.columns or tuple(cells)
            self._skip = layout.skip_after_header
            self._settle()
            return None
        if len(cells) != len(self._columns):
            return reject(RejectReason.LENGTH, f"{len(cells)} fields, {len(self._columns)} columns expected", line)
        return row_of(dict(zip(self._columns, cells, strict=True)), self._time, self._channels, layout, line)

    def _settle(self) -> None:
        layout = self._layout
        if layout.channels:
            self._channels = {each.column or name: (name, each) for name, each in layout.channels.items()}
        else:
            used = {*_time_columns(layout), *layout.identity, "-", ""}
            names = [name for name in self._columns if name not in used and len(name.encode()) <= NAME_BYTES_MAX]
            self._channels = {name: (name, Column()) for name in names[:CHANNELS_MAX]}
        wanted = [*_time_columns(layout), *layout.identity, *(self._channels if layout.channels else ())]
        lacking = [name for name in wanted if name not in self._columns]
        if lacking:
            has = ", ".join(map(repr, self._columns))
            raise HeaderMissing(f"no column {', '.join(map(repr, lacking))}; the file has {has:.300}")
        twice = [name for name in wanted if self._columns.count(name) > 1]
        if twice:
            raise HeaderMissing(f"two columns are named {twice[0]!r}; name them by `columns`")


def row_of(
    cells: Mapping[str, str],
    time: RowTime,
    channels: Mapping[str, tuple[str, Column]],
    layout: SeriesMap,
    line: bytes,
) -> SeriesRow | FrameRejected:
    """The row of named cells, or why it is none."""
    try:
        observed_at_ns = time.read(cells)
    except ZoneMissing:
        return reject(RejectReason.TIME, ZONE_MISSING, line)
    except TimeUnreadable as exc:
        return reject(RejectReason.TIME, str(exc), line)
    nothing = numbers_of(layout.missing)
    numbers = []
    for column, (channel, settings) in channels.items():
        none = nothing | numbers_of(settings.missing) if settings.missing else nothing
        number = _number(channel, settings.unit, cells[column], layout.decimal, none)
        # Without declared channels a column of words is none.
        if layout.channels or number.reason != "garbled":
            numbers.append(number)
    return SeriesRow(observed_at_ns, tuple(numbers), tuple(cells[name] for name in layout.identity))


def _number(channel: str, unit: str, text: str, decimal: str, nothing: frozenset[Value]) -> Number:
    if text.lower() in MISSING_WORDS:
        return Number(channel, unit, None, Flag.MISSING, "not_measured")
    try:
        value = parse_decimal(text.replace(",", ".") if decimal == "," and "." not in text else text)
    except ValueError:
        return Number(channel, unit, None, Flag.MISSING, "garbled")
    if nothing and plain_number(value) in nothing:
        return Number(channel, unit, None, Flag.MISSING, "not_measured")
    return Number(channel, unit, value)


def numbers_of(texts: tuple[str, ...]) -> frozenset[Value]:
    """Numbers that stand for none, whatever decimals they are written with."""
    return frozenset(plain_number(parse_decimal(text)) for text in texts)


def plain_number(value: Value) -> Value:
    """The number without trailing noughts: the same for -9999, -9999.0 and -9.999e3."""
    if isinstance(value, float):
        return value
    mantissa, exponent = value
    while mantissa and mantissa % 10 == 0:
        mantissa, exponent = mantissa // 10, exponent + 1
    return Scaled(mantissa, exponent if mantissa else 0)


def _time_columns(layout: SeriesMap) -> list[str]:
    time = layout.time
    places = (
        time.column,
        time.date,
        time.clock,
        time.year,
        time.month,
        time.day,
        time.day_of_year,
        time.hour,
        time.minute,
        time.second,
    )
    return [place for place in places if place is not None]
