"""Decode NMEA 0183 sentences to numbers exactly as printed: mantissa and decimal exponent, nothing rounded.

Fields follow IEC 61162-1 as receivers print them. Positions are carried in arc-minutes (UCUM ``'``): degrees times
sixty plus minutes is exact in decimal where degrees are not, e.g. ``4404.14063,N`` is 264414063e-5 arc-minutes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected, RejectReason, reject
from device_profiles.wire.values import Scaled

DIGITS_MAX: Final = 18
"""More digits fit no 64-bit mantissa; no instrument measures them."""

_DECIMAL: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")
_TIME: Final = re.compile(r"(\d\d)(\d\d)(\d\d)(?:\.(\d{1,9}))?")
_DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)")


class Role(Enum):
    """How a sentence belongs with its neighbours."""

    EPOCH = "epoch"
    """Part of what a positioning receiver says about one instant."""
    INSTANT = "instant"
    """A measurement of its own, at the time it arrives."""
    NOTHING = "nothing"
    """Valid, but carries no reading: satellites in view, texts, sentences unknown here."""


class Number(NamedTuple):
    """One number of a sentence.

    Attributes:
        channel: Observed quantity.
        unit: UCUM code of the number as printed.
        value: None when missing; ``reason`` says why.
        flag: MISSING without a value, SUSPECT where the sentence itself doubts it, else UNKNOWN.
        reason: Word of `device_profiles.quality.REASONS`, or empty.
    """

    channel: str
    unit: str
    value: Scaled | None
    flag: Flag = Flag.UNKNOWN
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one sentence says.

    Attributes:
        talker: Two letters of the source, e.g. ``GN``; ``P`` for a maker's own sentence.
        kind: Formatter, e.g. ``RMC``.
        role: How it is grouped.
        numbers: In the order printed; empty fields are left out.
        time_of_day_ns: UTC within the day; None when the sentence prints none. [ns]
        date: Year, month, day as printed (two-digit years below 80 are 20xx).
        fix: Whether the sentence says that position and time are valid; None when it does not say.
        time_text: Time and date fields as printed, for instants that cannot be trusted.
    """

    talker: str
    kind: str
    role: Role
    numbers: tuple[Number, ...] = ()
    time_of_day_ns: int | None = None
    date: tuple[int, int, int] | None = None
    fix: bool | None = None


def decode(frame: bytes) -> Sentence | FrameRejected:
    """Read one sentence as `device_profiles.framing.nmea` gives it: from ``$`` to the checksum, checksum verified.

    A field that is damaged becomes a missing number; a sentence with too few fields is rejected.
    """
    text = frame.decode("ascii", "replace")
    body = text[1 : text.rfind("*")] if "*" in text else text[1:]
    fields = body.split(",")
    address = fields[0]
    if len(address) < 3 or not address.isalnum():
        return reject(RejectReason.SHAPE, "no talker and formatter", frame)
    talker, kind = (address[:1], address[1:]) if address.startswith("P") else (address[:-3], address[-3:])
    reader = _READERS.get(kind) if not address.startswith("P") else None
    if reader is None:
        return Sentence(talker, kind, Role.NOTHING)
    fields_min, read = reader
    if len(fields) < fields_min:
        return reject(
            RejectReason.LENGTH, f"{kind} has {len(fields) - 1} fields, at least {fields_min - 1} expected", frame
        )
    return read(talker, kind, fields)


# ---- fields -------------------------------------------------------------------------------------------------------
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


def _number(channel: str, unit: str, text: str) -> tuple[Number, ...]:
    """Nothing for an empty field; a missing number for one that is damaged."""
    text = text.strip()
    if not text:
        return ()
    value = decimal(text)
    if value is None:
        return (Number(channel, unit, None, Flag.MISSING, "garbled"),)
    return (Number(channel, unit, value),)


def _missing(channel: str, unit: str, reason: str) -> Number:
    return Number(channel, unit, None, Flag.MISSING, reason)


def _without_fix(numbers: Sequence[Number]) -> tuple[Number, ...]:
    return tuple(_missing(each.channel, each.unit, "no_fix") for each in numbers)


def _doubted(numbers: Sequence[Number]) -> tuple[Number, ...]:
    return tuple(
        each if each.value is None else each._replace(flag=Flag.SUSPECT, reason="low_quality") for each in numbers
    )


def _angle(channel: str, text: str, hemisphere: str, degrees_max: int) -> Number:
    """``ddmm.mmmm`` and a hemisphere letter as signed arc-minutes."""
    letters = {"N": 1, "S": -1} if degrees_max == 90 else {"E": 1, "W": -1}
    value = decimal(text.strip())
    sign = letters.get(hemisphere.strip())
    if value is None or sign is None or value.mantissa < 0 or text.startswith(("+", "-")):
        return _missing(channel, "'", "garbled")
    one = 10**-value.exponent
    degrees, minutes = divmod(value.mantissa, 100 * one)
    total = degrees * 60 * one + minutes
    if minutes >= 60 * one or total > degrees_max * 60 * one:
        return _missing(channel, "'", "out_of_range")
    return Number(channel, "'", Scaled(sign * total, value.exponent))


def _position(lat: str, north: str, lon: str, east: str, *, fix: bool) -> tuple[Number, ...]:
    """Latitude and longitude; missing without a fix, whatever the fields hold (mostly nothing, or noughts)."""
    if not fix:
        return (_missing("latitude", "'", "no_fix"), _missing("longitude", "'", "no_fix"))
    if not (lat.strip() or lon.strip()):
        return ()
    pair = (_angle("latitude", lat, north, 90), _angle("longitude", lon, east, 180))
    if all(each.value is not None and each.value.mantissa == 0 for each in pair):
        # Nought, nought is what a receiver prints that has no position.
        return (_missing("latitude", "'", "no_fix"), _missing("longitude", "'", "no_fix"))
    return pair


def _time_of_day(text: str) -> int | None:
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3])
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    return (hours * 3600 + minutes * 60 + seconds) * 1_000_000_000 + int((match[4] or "").ljust(9, "0"))


def _date(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    return (year, month, day) if 1 <= month <= 12 and 1 <= day <= 31 else None


def _short_date(text: str) -> tuple[int, int, int] | None:
    match = _DATE.fullmatch(text.strip())
    if match is None:
        return None
    year = int(match[3])
    return _date(year + (2000 if year < 80 else 1900), int(match[2]), int(match[1]))


def _field(fields: Sequence[str], index: int) -> str:
    return fields[index].strip() if index < len(fields) else ""


def _first_given(channel: str, choices: Sequence[tuple[str, str]]) -> tuple[Number, ...]:
    """One quantity printed in several units: the first that is there, so that it counts as one reading."""
    for unit, text in choices:
        if text.strip():
            return _number(channel, unit, text)
    return ()


# ---- sentences ----------------------------------------------------------------------------------------------------
_DOUBTFUL_MODES: Final = frozenset("EMS")
"""Positioning mode estimated, manual, simulator."""


def _rmc(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = _field(fields, 12)
    fix = fields[2].strip() == "A" and mode != "N"
    numbers = _position(*fields[3:7], fix=fix)
    motion = _number("speed_over_ground", "[kn_i]", fields[7]) + _number("course_over_ground", "deg", fields[8])
    numbers += motion if fix else _without_fix(motion)
    variation = _number("magnetic_variation", "deg", _field(fields, 10))
    if variation and variation[0].value is not None and _field(fields, 11) == "W":
        value = variation[0].value
        variation = (variation[0]._replace(value=Scaled(-value.mantissa, value.exponent)),)
    numbers += variation if fix else ()
    if mode in _DOUBTFUL_MODES:
        numbers = _doubted(numbers)
    return Sentence(talker, kind, Role.EPOCH, numbers, _time_of_day(fields[1]), _short_date(fields[9]), fix)


def _gga(talker: str, kind: str, fields: list[str]) -> Sentence:
    quality = decimal(fields[6].strip())
    fix = quality is not None and quality.mantissa > 0
    measured = (
        _position(*fields[2:6], fix=fix)
        + _number("hdop", "1", fields[8])
        + (_number("altitude", "m", fields[9]) if fields[10].strip() in {"M", ""} else ())
        + (_number("geoid_separation", "m", fields[11]) if _field(fields, 12) in {"M", ""} else ())
    )
    if not fix:
        measured = _without_fix(measured)
    elif quality is not None and quality.mantissa in {6, 7, 8}:
        # Estimated, manual input, simulator: table of the GGA quality indicator.
        measured = _doubted(measured)
    state = _number("fix_quality", "1", fields[6]) + _number("satellites_used", "1", fields[7])
    return Sentence(talker, kind, Role.EPOCH, measured + state, _time_of_day(fields[1]), None, fix)


def _gsa(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = _number("fix_mode", "1", fields[2])
    fix = bool(mode) and mode[0].value is not None and mode[0].value.mantissa >= 2
    dilution = _number("pdop", "1", fields[15]) + _number("hdop", "1", fields[16]) + _number("vdop", "1", fields[17])
    return Sentence(talker, kind, Role.EPOCH, mode + (dilution if fix else _without_fix(dilution)))


def _vtg(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = _field(fields, 9)
    numbers = (
        _number("course_over_ground", "deg", fields[1])
        + _number("course_over_ground_magnetic", "deg", fields[3])
        + _first_given("speed_over_ground", (("[kn_i]", fields[5]), ("km/h", fields[7])))
    )
    if mode == "N":
        numbers = _without_fix(numbers)
    elif mode in _DOUBTFUL_MODES:
        numbers = _doubted(numbers)
    return Sentence(talker, kind, Role.EPOCH, numbers)


def _gll(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = _field(fields, 7)
    fix = _field(fields, 6) == "A" and mode != "N"
    numbers = _position(*fields[1:5], fix=fix)
    if mode in _DOUBTFUL_MODES:
        numbers = _doubted(numbers)
    return Sentence(talker, kind, Role.EPOCH, numbers, _time_of_day(_field(fields, 5)), None, fix)


def _zda(talker: str, kind: str, fields: list[str]) -> Sentence:
    date: tuple[int, int, int] | None = None
    if all(part.strip().isdecimal() for part in fields[2:5]):
        date = _date(int(fields[4]), int(fields[3]), int(fields[2]))
    return Sentence(talker, kind, Role.EPOCH, (), _time_of_day(fields[1]), date)


def _hdt(talker: str, kind: str, fields: list[str]) -> Sentence:
    return Sentence(talker, kind, Role.INSTANT, _number("heading_true", "deg", fields[1]))


_WIND_UNITS: Final = {"K": "km/h", "M": "m/s", "N": "[kn_i]", "S": "[mi_i]/h"}


def _mwv(talker: str, kind: str, fields: list[str]) -> Sentence:
    reference = {"R": "apparent", "T": "true"}.get(fields[2].strip())
    unit = _WIND_UNITS.get(fields[4].strip())
    if reference is None:
        return Sentence(talker, kind, Role.INSTANT)
    numbers = _number(f"wind_angle_{reference}", "deg", fields[1])
    if unit is not None:
        numbers += _number(f"wind_speed_{reference}", unit, fields[3])
    elif fields[3].strip():
        numbers += (_missing(f"wind_speed_{reference}", "1", "unit_unknown"),)
    if fields[5].strip() != "A":
        numbers = tuple(_missing(each.channel, each.unit, "invalid") for each in numbers)
    return Sentence(talker, kind, Role.INSTANT, numbers)


def _mda(talker: str, kind: str, fields: list[str]) -> Sentence:
    numbers = (
        _first_given("air_pressure", (("[in_i'Hg]", fields[1]), ("bar", fields[3])))
        + _number("air_temperature", "Cel", fields[5])
        + _number("water_temperature", "Cel", fields[7])
        + _number("relative_humidity", "%", fields[9])
        + _number("absolute_humidity", "%", fields[10])
        + _number("dew_point_temperature", "Cel", fields[11])
        + _number("wind_from_direction_true", "deg", fields[13])
        + _number("wind_from_direction_magnetic", "deg", fields[15])
        + _first_given("wind_speed", (("[kn_i]", fields[17]), ("m/s", _field(fields, 19))))
    )
    return Sentence(talker, kind, Role.INSTANT, numbers)


_TRANSDUCERS: Final[dict[tuple[str, str], str]] = {
    # Type and unit letters of XDR to UCUM.
    ("A", "D"): "deg",
    ("C", "C"): "Cel",
    ("C", "F"): "[degF]",
    ("C", "K"): "K",
    ("D", "M"): "m",
    ("F", "H"): "Hz",
    ("G", ""): "1",
    ("H", "P"): "%",
    ("I", "A"): "A",
    ("N", "N"): "N",
    ("P", "B"): "bar",
    ("P", "P"): "Pa",
    ("R", "L"): "L/s",
    ("S", ""): "1",
    ("T", "R"): "{rpm}",
    ("U", "V"): "V",
    ("V", "M"): "m3",
    ("V", "P"): "%",
}
_NOT_A_NAME: Final = re.compile(r"[^a-z0-9]+")


def _xdr(talker: str, kind: str, fields: list[str]) -> Sentence:
    numbers: list[Number] = []
    for at in range(1, len(fields) - 3, 4):
        type_, text, unit_letter, name = (part.strip() for part in fields[at : at + 4])
        if not text:
            continue
        slug = _NOT_A_NAME.sub("_", name.lower()).strip("_") or f"transducer_{(at - 1) // 4 + 1}"
        unit = _TRANSDUCERS.get((type_.upper(), unit_letter.upper()))
        channel = f"xdr_{slug}"
        if any(each.channel == channel for each in numbers):
            channel = f"{channel}_{(at - 1) // 4 + 1}"
        if unit is None:
            numbers.append(_missing(channel, "1", "unit_unknown"))
        else:
            numbers.extend(_number(channel, unit, text))
    return Sentence(talker, kind, Role.INSTANT, tuple(numbers))


def _dbt(talker: str, kind: str, fields: list[str]) -> Sentence:
    choices = (("m", fields[3]), ("[ft_i]", fields[1]), ("[fth_i]", _field(fields, 5)))
    return Sentence(talker, kind, Role.INSTANT, _first_given("depth_below_transducer", choices))


_READERS: Final[dict[str, tuple[int, Callable[[str, str, list[str]], Sentence]]]] = {
    # Formatter to the fewest words of a usable sentence (address included) and its reader.
    "RMC": (10, _rmc),
    "GGA": (12, _gga),
    "GSA": (18, _gsa),
    "VTG": (9, _vtg),
    "GLL": (7, _gll),
    "ZDA": (5, _zda),
    "HDT": (2, _hdt),
    "MWV": (6, _mwv),
    "MDA": (19, _mda),
    "XDR": (5, _xdr),
    "DBT": (5, _dbt),
}
