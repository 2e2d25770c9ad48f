"""What a file of time series says where: the settings of ``[device.map]`` and of an import's map, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Column:
    """One channel of a file.

    Attributes:
        column: Its column's name when it is another.
        unit: UCUM code of the number as written, e.g. ``Cel``, ``%``, ``hPa``; a TOA5 file says it itself.
        missing: Numbers that stand for "none" in this column, beside those of the whole file.
    """

    column: str | None = None
    unit: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SeriesTime:
    """Where the time of a row stands. Each key names a column but the last four.

    Attributes:
        column: Date and time in one, or seconds since 1970.
        date: Date alone: ``2020-12-31``, ``20201231``, ``31.12.2020``.
        clock: Time of day alone: ``09:05``, ``09:05:30.25``, ``0905``, ``905``.
        year: Year.
        month: Month, 1 to 12.
        day: Day of the month.
        day_of_year: Day of the year, 1 to 366, instead of month and day.
        hour: Hour.
        minute: Minute.
        second: Second.
        order: In which a date is written.
        unit: What a number in ``column`` counts since 1970.
        zone: Of times that do not say theirs: ``+05:30``, ``UTC`` or ``Asia/Kolkata``.
        stamp: Which end of its interval a row is stamped with. Kept is the end: what was measured is known then.
        interval_s: How long an interval is; needed where it begins with its stamp. [s]
    """

    column: str | None = None
    date: str | None = None
    clock: str | None = None
    year: str | None = None
    month: str | None = None
    day: str | None = None
    day_of_year: str | None = None
    hour: str | None = None
    minute: str | None = None
    second: str | None = None
    order: Literal["ymd", "dmy", "mdy"] = "ymd"
    unit: Literal["s", "ms", "us", "ns"] = "s"
    zone: str | None = None
    stamp: Literal["end", "start"] = "end"
    interval_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class SeriesMap:
    """How a file of time series is to be read.

    Attributes:
        separator: Of the fields; a blank stands for any number of them.
        widths: Of the fields, for files without a separator. [characters]
        decimal: Mark before the decimals.
        comment: Lines that begin so are skipped.
        skip_lines: Lines at the top of the file that are no rows; comments are not counted.
        header: Whether the next line names the columns.
        skip_after_header: Lines below it that are no rows.
        columns: Names of the columns, for files whose header does not give them; ``-`` is passed over.
        identity: Columns that tell two rows of one instant apart, e.g. the number of the sensor.
        missing: Numbers that stand for "none" in any column.
        time: Where the time stands.
        channels: Channels by name; when left out each column with numbers is one, with its name.
    """

    separator: Literal[",", ";", "\t", " ", "|"] = ","
    widths: tuple[int, ...] | None = None
    decimal: Literal[".", ","] = "."
    comment: str = "#"
    skip_lines: int = 0
    header: bool = True
    skip_after_header: int = 0
    columns: tuple[str, ...] | None = None
    identity: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    time: SeriesTime = field(default_factory=SeriesTime)
    channels: dict[str, Column] = field(default_factory=dict)
