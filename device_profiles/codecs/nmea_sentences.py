"""Sentences of NMEA 0183 (IEC 61162-1) as receivers and weather instruments print them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from device_profiles.codecs.nmea_fields import (
    calendar_date,
    decimal,
    doubted,
    field,
    first_given,
    missing,
    number,
    position,
    short_date,
    time_of_day,
    without_fix,
)
from device_profiles.codecs.nmea_model import Number, Role, Sentence
from device_profiles.wire.values import Scaled

_DOUBTFUL_MODES: Final = frozenset("EMS")
"""Positioning mode estimated, manual, simulator."""


def _rmc(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = field(fields, 12)
    fix = fields[2].strip() == "A" and mode != "N"
    numbers = position(*fields[3:7], fix=fix)
    motion = number("speed_over_ground", "[kn_i]", fields[7]) + number("course_over_ground", "deg", fields[8])
    numbers += motion if fix else without_fix(motion)
    variation = number("magnetic_variation", "deg", field(fields, 10))
    if variation and variation[0].value is not None and field(fields, 11) == "W":
        value = variation[0].value
        variation = (variation[0]._replace(value=Scaled(-value.mantissa, value.exponent)),)
    numbers += variation if fix else ()
    if mode in _DOUBTFUL_MODES:
        numbers = doubted(numbers)
    return Sentence(talker, kind, Role.EPOCH, numbers, time_of_day(fields[1]), short_date(fields[9]), fix)


def _gga(talker: str, kind: str, fields: list[str]) -> Sentence:
    quality = decimal(fields[6].strip())
    fix = quality is not None and quality.mantissa > 0
    measured = (
        position(*fields[2:6], fix=fix)
        + number("hdop", "1", fields[8])
        + (number("altitude", "m", fields[9]) if fields[10].strip() in {"M", ""} else ())
        + (number("geoid_separation", "m", fields[11]) if field(fields, 12) in {"M", ""} else ())
    )
    if not fix:
        measured = without_fix(measured)
    elif quality is not None and quality.mantissa in {6, 7, 8}:
        # Estimated, manual input, simulator: table of the GGA quality indicator.
        measured = doubted(measured)
    state = number("fix_quality", "1", fields[6]) + number("satellites_used", "1", fields[7])
    return Sentence(talker, kind, Role.EPOCH, measured + state, time_of_day(fields[1]), None, fix)


def _gsa(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = number("fix_mode", "1", fields[2])
    fix = bool(mode) and mode[0].value is not None and mode[0].value.mantissa >= 2
    dilution = number("pdop", "1", fields[15]) + number("hdop", "1", fields[16]) + number("vdop", "1", fields[17])
    return Sentence(talker, kind, Role.EPOCH, mode + (dilution if fix else without_fix(dilution)))


def _vtg(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = field(fields, 9)
    numbers = (
        number("course_over_ground", "deg", fields[1])
        + number("course_over_ground_magnetic", "deg", fields[3])
        + first_given("speed_over_ground", (("[kn_i]", fields[5]), ("km/h", fields[7])))
    )
    if mode == "N":
        numbers = without_fix(numbers)
    elif mode in _DOUBTFUL_MODES:
        numbers = doubted(numbers)
    return Sentence(talker, kind, Role.EPOCH, numbers)


def _gll(talker: str, kind: str, fields: list[str]) -> Sentence:
    mode = field(fields, 7)
    fix = field(fields, 6) == "A" and mode != "N"
    numbers = position(*fields[1:5], fix=fix)
    if mode in _DOUBTFUL_MODES:
        numbers = doubted(numbers)
    return Sentence(talker, kind, Role.EPOCH, numbers, time_of_day(field(fields, 5)), None, fix)


def _zda(talker: str, kind: str, fields: list[str]) -> Sentence:
    date: tuple[int, int, int] | None = None
    if all(part.strip().isdecimal() for part in fields[2:5]):
        date = calendar_date(int(fields[4]), int(fields[3]), int(fields[2]))
    return Sentence(talker, kind, Role.EPOCH, (), time_of_day(fields[1]), date)


def _hdt(talker: str, kind: str, fields: list[str]) -> Sentence:
    return Sentence(talker, kind, Role.INSTANT, number("heading_true", "deg", fields[1]))


_WIND_UNITS: Final = {"K": "km/h", "M": "m/s", "N": "[kn_i]", "S": "[mi_i]/h"}


def _mwv(talker: str, kind: str, fields: list[str]) -> Sentence:
    reference = {"R": "apparent", "T": "true"}.get(fields[2].strip())
    unit = _WIND_UNITS.get(fields[4].strip())
    if reference is None:
        return Sentence(talker, kind, Role.INSTANT)
    numbers = number(f"wind_angle_{reference}", "deg", fields[1])
    if unit is not None:
        numbers += number(f"wind_speed_{reference}", unit, fields[3])
    elif fields[3].strip():
        numbers += (missing(f"wind_speed_{reference}", "1", "unit_unknown"),)
    if fields[5].strip() != "A":
        numbers = tuple(missing(each.channel, each.unit, "invalid") for each in numbers)
    return Sentence(talker, kind, Role.INSTANT, numbers)


def _mda(talker: str, kind: str, fields: list[str]) -> Sentence:
    numbers = (
        first_given("air_pressure", (("[in_i'Hg]", fields[1]), ("bar", fields[3])))
        + number("air_temperature", "Cel", fields[5])
        + number("water_temperature", "Cel", fields[7])
        + number("relative_humidity", "%", fields[9])
        + number("absolute_humidity", "%", fields[10])
        + number("dew_point_temperature", "Cel", fields[11])
        + number("wind_from_direction_true", "deg", fields[13])
        + number("wind_from_direction_magnetic", "deg", fields[15])
        + first_given("wind_speed", (("[kn_i]", fields[17]), ("m/s", field(fields, 19))))
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
            numbers.append(missing(channel, "1", "unit_unknown"))
        else:
            numbers.extend(number(channel, unit, text))
    return Sentence(talker, kind, Role.INSTANT, tuple(numbers))


def _dbt(talker: str, kind: str, fields: list[str]) -> Sentence:
    choices = (("m", fields[3]), ("[ft_i]", fields[1]), ("[fth_i]", field(fields, 5)))
    return Sentence(talker, kind, Role.INSTANT, first_given("depth_below_transducer", choices))


READERS: Final[dict[str, tuple[int, Callable[[str, str, list[str]], Sentence]]]] = {
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
"""Formatter to the fewest words of a usable sentence (address included) and its reader."""
