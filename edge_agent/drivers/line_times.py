"""The sensor's own time in a line, to the nanosecond it says: ISO 8601 text or a count since 1970."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from device_profiles.wire.values import Scaled, parse_decimal

_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_UNIT_EXPONENT: Final = {"s": 9, "ms": 6, "us": 3, "ns": 0}
_EPOCH_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()
NS_MAX: Final = 2**63 - 1


class TimeUnreadable(ValueError):
    """The line has a time that cannot be read exactly; the line is a reject, since its instant is not known."""


def time_ns(given: object, unit: str) -> int:
    """UTC Unix time of what a line says. [ns].

    Args:
        given: ISO 8601 text (without an offset it counts as UTC), or a number, also as text.
        unit: What a number counts: ``s``, ``ms``, ``us`` or ``ns``.

    Raises:
        TimeUnreadable: It is neither, or is finer than a nanosecond.
    """
    if isinstance(given, str):
        match = _ISO.fullmatch(given.strip())
        if match is not None:
            return _from_iso(match)
        try:
            given = parse_decimal(given)
        except ValueError:
            raise TimeUnreadable(f"no time: {given!r:.40}") from None
    if not isinstance(given, Scaled):
        raise TimeUnreadable(f"no time: {given!r:.40}")
    exponent = given.exponent + _UNIT_EXPONENT[unit]
    value: int
    if exponent < 0:
        value, rest = divmod(given.mantissa, 10**-exponent)
        if rest:
            raise TimeUnreadable("the time is finer than a nanosecond")
    else:
        value = given.mantissa * int(10**exponent)
    if not 0 <= value <= NS_MAX:
        raise TimeUnreadable(f"the time lies outside 1970 to 2262; is time_unit `{unit}` right?")
    return value


def _from_iso(match: re.Match[str]) -> int:
    year, month, day, hours, minutes = (int(match[at]) for at in range(1, 6))
    seconds = int(match[6] or 0)
    fraction = (match[7] or "").rstrip("0")
    if hours > 23 or minutes > 59 or seconds > 60 or len(fraction) > 9:
        raise TimeUnreadable(f"no time of day to the nanosecond: {match[0][:40]!r}")
    try:
        days = dt.date(year, month, day).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        raise TimeUnreadable(f"no such day: {match[0][:40]!r}") from None
    offset = match[8] or "Z"
    offset_s = 0
    if offset not in "Zz":
        digits = offset[1:].replace(":", "").ljust(4, "0")
        offset_s = (int(digits[:2]) * 3600 + int(digits[2:]) * 60) * (-1 if offset[0] == "-" else 1)
    whole_s = days * 86_400 + hours * 3600 + minutes * 60 + seconds - offset_s
    value = whole_s * 1_000_000_000 + int(fraction.ljust(9, "0"))
    if not 0 <= value <= NS_MAX:
        raise TimeUnreadable("the time lies outside 1970 to 2262")
    return value
