"""One reading per line, JSON or CSV, to a sample with every number exactly as written. Pure: no clock, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.wire.values import Scaled, Value, parse_decimal
from edge_agent.drivers.line_times import TimeUnreadable, time_ns
from edge_agent.drivers.ports import Number, Sample

CHANNELS_MAX: Final = 256
"""A line with more numbers than this is no reading."""
NAME_BYTES_MAX: Final = 64
"""A longer key names no channel. [bytes]"""

MISSING_WORDS: Final = frozenset(
    {"", "nan", "-nan", "+nan", "null", "none", "na", "n/a", "---", "--", "-", "inf", "-inf", "+inf"}
)
"""What programs write where there is no number."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configured channel.

    Attributes:
        channel: Its name.
        unit: UCUM code of the number as written.
    """

    channel: str
    unit: str


@dataclass(slots=True)
class LineParser:
    """Knows how one device writes its lines.

    Attributes:
        format: ``auto``, ``json`` or ``csv``.
        separator: Of CSV fields.
        columns: Names of CSV columns; empty until a header line gives them.
        time_key: Key or column of the sensor's own time.
        time_unit: What a number there counts.
        wanted: Configured channels by key; empty: every number is a channel.
    """

    format: str = "auto"
    separator: str = ","
    columns: Sequence[str] = ()
    time_key: str = "time"
    time_unit: str = "s"
    wanted: Mapping[str, Wanted] = field(default_factory=dict)

    def parse(self, line: bytes, arrived_ns: int) -> Sample | FrameRejected | None:
        """Read one line.

        Returns:
            The sample, a reject, or None for a line that carries no reading (a comment, a CSV header).
        """
        try:
            text = line.decode("utf-8").lstrip("\ufeff")
        except UnicodeDecodeError:
            return reject(RejectReason.SHAPE, "no UTF-8 text", line)
        if text.startswith("#"):
            return None
        is_json = self.format == "json" or (self.format == "auto" and text.startswith("{"))
        try:
            found = _json_fields(text, lists=bool(self.wanted)) if is_json else self._csv_fields(text)
            if found is None:
                return None
            return self._sample(found, arrived_ns)
        except (_Unreadable, TimeUnreadable) as exc:
            return reject(RejectReason.SHAPE, str(exc), line)

    def _csv_fields(self, text: str) -> dict[str, Any] | None:
        cells = text.split(self.separator) if self.separator != " " else text.split()
        cells = [cell.strip().strip('"').strip() for cell in cells]
        if not self.columns:
            if not _is_header(cells):
                raise _Unreadable("CSV before any header: set `columns`, or let the device print a header line")
            self.columns = cells
            return None
        if list(self.columns) == cells:
            return None
        if len(cells) != len(self.columns):
            raise _Unreadable(f"{len(cells)} fields, {len(self.columns)} columns expected")
        return dict(zip(self.columns, cells, strict=True))

    def _sample(self, found: Mapping[str, Any], arrived_ns: int) -> Sample | FrameRejected:
        given_time = found.get(self.time_key)
        observed_at_ns = None if given_time in (None, "") else time_ns(given_time, self.time_unit)
        numbers: list[Number] = []
        if self.wanted:
            for key, wanted in self.wanted.items():
                if key in found:
                    numbers.append(_declared(wanted, found[key]))
        else:
            for key, value in found.items():
                number = _value(value) if key != self.time_key else None
                if number is not None and 0 < len(key.encode()) <= NAME_BYTES_MAX:
                    numbers.append(Number(key, "", number))
        if not any(number.value is not None for number in numbers):
            raise _Unreadable("no number of a known channel")
        if len(numbers) > CHANNELS_MAX:
            raise _Unreadable(f"{len(numbers)} numbers in a line, at most {CHANNELS_MAX}")
        return Sample(observed_at_ns, arrived_ns, tuple(numbers))


class _Unreadable(ValueError):
    """A line that is no reading; says why. Never leaves this module."""


class _NotANumber:
    """NaN and Infinity, which JSON does not have but many programs write."""


def _json_fields(text: str, *, lists: bool) -> dict[str, Any]:
    """Values by their path; into lists only where somebody named what is wanted of them."""
    flat: dict[str, Any] = {}
    try:
        value = json.loads(
            text,
            parse_float=_exact,
            parse_int=_exact,
            parse_constant=lambda _: _NotANumber(),
            object_pairs_hook=_distinct,
        )
        _flatten(_object(value), "", flat, lists=lists)
    except RecursionError:
        raise _Unreadable("nested too deep") from None
    except _Unreadable:
        raise
    except ValueError as exc:
        raise _Unreadable(f"no JSON: {exc}") from None
    return flat


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unreadable("no JSON object")
    return value


def _exact(text: str) -> Value | _NotANumber:
    try:
        return parse_decimal(text)
    except ValueError:
        return _NotANumber()


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unreadable("a key stands twice in the line")
    return found


def _flatten(value: Mapping[str, Any] | list[Any], prefix: str, into: dict[str, Any], *, lists: bool) -> None:
    for key, each in value.items() if isinstance(value, dict) else enumerate(value):
        name = f"{prefix}{key}"
        if isinstance(each, dict) or (lists and isinstance(each, list)):
            _flatten(each, f"{name}.", into, lists=lists)
        elif name in into:
            raise _Unreadable(f"`{name}` stands twice in the line")
        else:
            into[name] = each


def _value(value: object) -> Value | None:
    """The number a field holds, None when it holds none."""
    if isinstance(value, bool):
        return Scaled(int(value), 0)
    if isinstance(value, Scaled | float):
        return value
    if isinstance(value, str):
        try:
            return parse_decimal(value)
        except ValueError:
            return None
    return None


def _declared(wanted: Wanted, value: object) -> Number:
    """A configured channel is there or missing, with the reason."""
    number = _value(value)
    if number is not None:
        return Number(wanted.channel, wanted.unit, number)
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING_WORDS):
        reason = "not_measured"
    elif isinstance(value, _NotANumber):
        reason = "undefined"
    else:
        reason = "garbled"
    return Number(wanted.channel, wanted.unit, None, Flag.MISSING, reason)


def _is_header(cells: Sequence[str]) -> bool:
    """Two or more distinct words, none of them a number; one alone may be any message."""
    return (
        len(cells) > 1 and all(cells) and len(set(cells)) == len(cells) and all(_value(cell) is None for cell in cells)
    )
