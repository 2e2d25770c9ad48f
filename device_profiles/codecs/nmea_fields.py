"""Fields of NMEA 0183 sentences: decimals, angles, positions, times.

Positions are carried in arc-minutes (UCUM ``'``): degrees times sixty plus minutes is exact in decimal where degrees
are not, e.g. ``4404.14063,N`` is 264414063e-5 arc-minutes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from device_profiles.codecs.nmea_model import Number
from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled

DIGITS_MAX: Final = 18
"""More digits fit no 64-bit mantissa; no instrument measures them."""

_DECIMAL: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")
_TIME: Final = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?")
_DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)")


def decimal(text: str) -> Scaled | None:
    """``21.50`` as mantissa 2150, exponent -2; None when it is no plain decimal number of at most 18 digits."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match[1], match[2], match[3] or ""
    digits = whole + fraction
    if not digits or len(digits.lstrip("0")) > DIGITS_MAX or len(fraction) > DIGITS_MAX:
        return None
    mantissa = int(digits)
    return Scaled(-mantissa if sign == "-" else mantissa, -len(fraction))


def number(channel: str, unit: str, text: str) -> tuple[Number, ...]:
    """Nothing for an empty field; a missing number for one that is damaged."""
    text = text.strip()
    if not text:
        return ()
    value = decimal(text)
    if value is None:
        return (Number(channel, unit, None, Flag.MISSING, "garbled"),)
    return (Number(channel, unit, value),)


def missing(channel: str, unit: str, reason: str) -> Number:
    """A number that is not there, and why."""
    return Number(channel, unit, None, Flag.MISSING, reason)


def without_fix(numbers: Sequence[Number]) -> tuple[Number, ...]:
    """The same numbers, none of them believed: the receiver has no fix."""
    return tuple(missing(each.channel, each.unit, "no_fix") for each in numbers)


def doubted(numbers: Sequence[Number]) -> tuple[Number, ...]:
    """The same numbers, marked as estimated, entered by hand or simulated."""
    return tuple(
        each if each.value is None else each._replace(flag=Flag.SUSPECT, reason="low_quality") for each in numbers
    )


def angle(channel: str, text: str, hemisphere: str, degrees_max: int) -> Number:
    """``ddmm.mmmm`` and a hemisphere letter as signed arc-minutes."""
    letters = {"N": 1, "S": -1} if degrees_max == 90 else {"E": 1, "W": -1}
    value = decimal(text.strip())
    sign = letters.get(hemisphere.strip())
    if value is None or sign is None or value.mantissa < 0 or text.startswith(("+", "-")):
        return missing(channel, "'", "garbled")
    one = 10**-value.exponent
    degrees, minutes = divmod(value.mantissa, 100 * one)
    total = degrees * 60 * one + minutes
    if minutes >= 60 * one or total > degrees_max * 60 * one:
        return missing(channel, "'", "out_of_range")
    return Number(channel, "'", Scaled(sign * total, value.exponent))


def position(lat: str, north: str, lon: str, east: str, *, fix: bool) -> tuple[Number, ...]:
    """Latitude and longitude; missing without a fix, whatever the fields hold (mostly nothing, or noughts)."""
    if not fix:
        return (missing("latitude", "'", "no_fix"), missing("longitude", "'", "no_fix"))
    if not (lat.strip() or lon.strip()):
        return ()
    pair = (angle("latitude", lat, north, 90), angle("longitude", lon, east, 180))
    if all(each.value is not None and each.value.mantissa == 0 for each in pair):
        # Nought, nought is what a receiver prints that has no position.
        return (missing("latitude", "'", "no_fix"), missing("longitude", "'", "no_fix"))
    return pair


def time_of_day(text: str) -> int | None:
    """``hhmmss.ss`` as nanoseconds of the day; None when it is no time."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return (hours * 3600 + minutes * 60 + seconds) * 1_000_000_000 + int((match[4] or "").ljust(9, "0"))


def calendar_date(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    """Year, month and day, where they can be a date."""
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def short_date(text: str) -> tuple[int, int, int] | None:
    """``ddmmyy``; years below 80 are of this century."""
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year = int(match[3])
    return calendar_date(year + (2000 if year < 80 else 1900), int(match[2]), int(match[1]))


def field(fields: Sequence[str], index: int) -> str:
    """A field by its number; empty when the sentence ends before it."""
    return fields[index].strip() if index < len(fields) else ""


def first_given(channel: str, choices: Sequence[tuple[str, str]]) -> tuple[Number, ...]:
    """One quantity printed in several units: the first that is there, so that it counts as one reading."""
    for unit, text in choices:
        if text.strip():
            return number(channel, unit, text)
    return ()
