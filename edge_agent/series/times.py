"""The time of a row, from one column or from several, to the nanosecond it says."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from edge_agent.drivers.line_times import NS_MAX, TimeUnreadable, time_ns
from edge_agent.series.zones import zone
from edge_agent.settings_series import SeriesTime

SECOND_NS: Final = 1_000_000_000
_DAY_S: Final = 86_400
_ZONE: Final = re.compile(r"(?<=\d)\s*(Z|z|[+-]\d\d:?\d\d)$", re.ASCII)
_DATE: Final = re.compile(r"(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})", re.ASCII)
_PACKED: Final = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?", re.ASCII)
_PACKED_CLOCK: Final = re.compile(r"\d{1,4}|\d{6}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d*)?", re.ASCII)


class ZoneMissing(TimeUnreadable):
    """The time says no zone and none was declared."""


class Local(NamedTuple):
    """A time by the clock of a place.

    Attributes:
        day: Days since 1970.
        ns: Since midnight; 24:00 is the next day's nought. [ns]
    """

    day: int
    ns: int


class RowTime:
    """Reads the time of each row."""

    def __init__(self, settings: SeriesTime) -> None:
        self._settings = settings
        self._zone = zone(settings.zone) if settings.zone is not None else None
        shift_s = settings.interval_s if settings.stamp == "start" else 0
        self._shift_ns = int(Decimal(str(shift_s or 0)) * SECOND_NS)

    def read(self, cells: Mapping[str, str]) -> int:
        """UTC since 1970 of a row. [ns].

        Raises:
            TimeUnreadable: There is no such time, or it happened twice, when the clocks went back.
            ZoneMissing: It has no zone.
        """
        settings = self._settings
        if settings.column is not None:
            found = self._whole(_cell(cells, settings.column))
        else:
            day = self._day(cells)
            found = self._utc_ns(Local(day, self._of_day(cells)))
        found += self._shift_ns
        if not 0 <= found <= NS_MAX:
            raise TimeUnreadable("the time lies outside 1970 to 2262")
        return found

    def _whole(self, text: str) -> int:
        if _NUMBER.fullmatch(text) and not _PACKED.fullmatch(text):
            return time_ns(text, self._settings.unit)
        told = _ZONE.search(text) if ":" in text else None
        head = text[: told.start()] if told else text
        date, _, clock = head.strip().replace("T", " ", 1).partition(" ")
        local = Local(self._date(date), _clock_ns(clock.strip()) if clock.strip() else 0)
        if told is None:
            return self._utc_ns(local)
        offset = zone(told[1].upper()).utcoffset(None)
        assert offset is not None, "an offset is fixed"
        return (local.day * _DAY_S - int(offset.total_seconds())) * SECOND_NS + local.ns

    def _day(self, cells: Mapping[str, str]) -> int:
        settings = self._settings
        if settings.date is not None:
            return self._date(_cell(cells, settings.date))
        if settings.year is None:
            raise TimeUnreadable("no column was said to hold the time")
        year = _whole_number(cells, settings.year)
        if settings.day_of_year is not None:
            number = _whole_number(cells, settings.day_of_year)
            day = _ordinal(year, 1, 1) + number - 1
            if not 1 <= number <= 366 or day >= _ordinal(year + 1, 1, 1):
                raise TimeUnreadable(f"{year} has no day {number}")
            return day
        assert settings.month is not None, "the map was checked"
        assert settings.day is not None, "the map was checked"
        return _ordinal(year, _whole_number(cells, settings.month), _whole_number(cells, settings.day))

    def _of_day(self, cells: Mapping[str, str]) -> int:
        settings = self._settings
        if settings.clock is not None:
            return _clock_ns(_cell(cells, settings.clock))
        hour, minute = (_whole_number(cells, name) if name else 0 for name in (settings.hour, settings.minute))
        second = _cell(cells, settings.second) if settings.second else "0"
        if not _NUMBER.fullmatch(second):
            raise TimeUnreadable(f"no second: {second!r:.40}")
        second_ns = Decimal(second) * SECOND_NS
        if hour > 24 or minute > 59 or not 0 <= second_ns < 61 * SECOND_NS or second_ns % 1:
            raise TimeUnreadable(f"no time of day: {hour}:{minute}:{second}")
        return (hour * 3600 + minute * 60) * SECOND_NS + int(second_ns)

    def _date(self, text: str) -> int:
        packed = _PACKED.fullmatch(text)
        if packed is not None:
            return _ordinal(int(packed[1]), int(packed[2]), int(packed[3]))
        match = _DATE.fullmatch(text)
        if match is None:
            raise TimeUnreadable(f"no date: {text!r:.40}")
        parts = dict(zip(self._settings.order, match.groups(), strict=True))
        if len(parts["y"]) != 4:
            raise TimeUnreadable(f"{text!r:.40} has no year of four digits where `{self._settings.order}` has it")
        return _ordinal(int(parts["y"]), int(parts["m"]), int(parts["d"]))

    def _utc_ns(self, local: Local) -> int:
        if self._zone is None:
            raise ZoneMissing("the time has no zone, and none was declared")
        whole_s, rest_ns = divmod(local.ns, SECOND_NS)
        naive = dt.datetime(1970, 1, 1) + dt.timedelta(days=local.day, seconds=whole_s)  # noqa: DTZ001 - by that clock
        first, second = (naive.replace(tzinfo=self._zone, fold=fold).utcoffset() for fold in (0, 1))
        assert first is not None, "every zone has an offset"
        if first != second:
            raise TimeUnreadable(f"{naive} is no single instant in {self._settings.zone}: give the offset as zone")
        return (local.day * _DAY_S + whole_s - int(first.total_seconds())) * SECOND_NS + rest_ns


def _cell(cells: Mapping[str, str], name: str) -> str:
    text = cells.get(name, "").strip()
    if not text:
        raise TimeUnreadable(f"nothing in `{name}`, where the time stands")
    return text


def _whole_number(cells: Mapping[str, str], name: str) -> int:
    text = _cell(cells, name)
    head, _, rest = text.partition(".")
    if not (head.isascii() and head.isdigit() and not rest.strip("0")):
        raise TimeUnreadable(f"no whole number in `{name}`: {text!r:.40}")
    return int(head)


def _ordinal(year: int, month: int, day: int) -> int:
    if not 1969 <= year <= 2263:
        raise TimeUnreadable(f"the year {year} lies outside 1970 to 2262")
    try:
        return dt.date(year, month, day).toordinal() - dt.date(1970, 1, 1).toordinal()
    except ValueError:
        raise TimeUnreadable(f"no such day: {year}-{month}-{day}") from None


def _clock_ns(text: str) -> int:
    """Time of day. [ns]."""
    match = _CLOCK.fullmatch(text)
    if match is not None:
        hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
        fraction_ns = int((match[4] or "").ljust(9, "0"))
    elif _PACKED_CLOCK.fullmatch(text):
        digits = text.zfill(4).ljust(6, "0")
        hours, minutes, seconds, fraction_ns = int(digits[:2]), int(digits[2:4]), int(digits[4:]), 0
    else:
        raise TimeUnreadable(f"no time of day: {text!r:.40}")
    total_ns = (hours * 3600 + minutes * 60 + seconds) * SECOND_NS + fraction_ns
    if minutes > 59 or seconds > 60 or total_ns > _DAY_S * SECOND_NS:
        raise TimeUnreadable(f"no time of day: {text!r:.40}")
    return total_ns
