"""The schema of ``[device.map]`` and of an import's map file; what each key means: `edge_agent.settings_series`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from device_profiles.wire.values import parse_decimal
from edge_agent.series.zones import ZoneUnknown, zone

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Unit = Annotated[str, StringConstraints(max_length=40, pattern=r"^[\x21-\x7e]*$")]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
"""As a device's channels are named anywhere."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_number(text: str) -> str:
    try:
        parse_decimal(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number; words such as NAN count as missing by themselves") from None
    return text


class Column(_Table):
    """``[channels.NAME]`` of a map."""

    column: ColumnName | None = None
    unit: Unit = ""
    missing: tuple[str, ...] = ()

    @field_validator("missing")
    @classmethod
    def _numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_is_number, value))


class SeriesTime(_Table):
    """``[time]`` of a map."""

    column: ColumnName | None = None
    date: ColumnName | None = None
    clock: ColumnName | None = None
    year: ColumnName | None = None
    month: ColumnName | None = None
    day: ColumnName | None = None
    day_of_year: ColumnName | None = None
    hour: ColumnName | None = None
    minute: ColumnName | None = None
    second: ColumnName | None = None
    order: Literal["ymd", "dmy", "mdy"] = "ymd"
    unit: Literal["s", "ms", "us", "ns"] = "s"
    zone: str | None = None
    stamp: Literal["end", "start"] = "end"
    interval_s: Annotated[float, Field(gt=0, le=timedelta(days=366).total_seconds())] | None = None

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                zone(value)
            except ZoneUnknown as exc:
                raise ValueError(str(exc)) from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parted = self.date is not None or self.year is not None
        if self.column is not None and parted:
            raise ValueError("the time stands in one column or in several; set either column, or date, or year")
        if self.year is not None and self.day_of_year is None and None in {self.month, self.day}:
            raise ValueError("a year needs day_of_year, or month and day")
        if self.clock is not None and self.hour is not None:
            raise ValueError("the time of day stands in clock, or in hour, minute and second; set one")
        if self.stamp == "start" and self.interval_s is None:
            raise ValueError('stamp = "start" needs interval_s: the interval\'s end is kept')
        return self


class SeriesMap(_Table):
    """A map."""

    separator: Literal[",", ";", "\t", " ", "|"] = ","
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=256)], ...], Field(min_length=1, max_length=256)] | None = (
        None
    )
    decimal: Literal[".", ","] = "."
    comment: Annotated[str, StringConstraints(max_length=8)] = "#"
    skip_lines: Annotated[int, Field(ge=0, le=1000)] = 0
    header: bool = True
    skip_after_header: Annotated[int, Field(ge=0, le=100)] = 0
    columns: Annotated[tuple[ColumnName, ...], Field(min_length=1, max_length=256)] | None = None
    identity: tuple[ColumnName, ...] = ()
    missing: tuple[str, ...] = ()
    time: SeriesTime = SeriesTime()
    channels: Annotated[dict[ChannelName, Column], Field(max_length=256)] = Field(default_factory=dict)

    @field_validator("missing")
    @classmethod
    def _numbers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(_is_number, value))

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.header and self.columns is None:
            raise ValueError("a file without a header needs columns: their names in order")
        if self.widths is not None and self.columns is not None and len(self.widths) != len(self.columns):
            raise ValueError(f"{len(self.widths)} widths for {len(self.columns)} columns")
        if self.decimal == "," and self.separator == "," and self.widths is None:
            raise ValueError('decimal = "," needs another separator than the comma')
        return self
