"""Ages, units and numbers as the page writes them."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup, escape

from collector.lake.instants import NS
from collector.lake.latest import LatestValue
from collector.lake.numerals import decimal_text

NAME_MAX: Final = 40
"""Longer names are cut on the page, whole in the JSON: this bounds the page."""
_UNITS: Final = {"Cel": "°C", "[degF]": "°F", "deg": "°", "[pH]": "pH", "1": "", "[in_i]": "in", "[kn_i]": "kn"}
_POWERS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_LATE_FACTOR: Final = 5
_LATE_S_MIN: Final = 120


def unit_text(ucum: str) -> str:
    """A UCUM unit as people write it: ``m3/s`` becomes ``m³/s``."""
    if ucum in _UNITS:
        return _UNITS[ucum]
    plain = re.sub(r"\{(.*?)\}", r"\1", ucum)
    plain = re.sub(r"(?<=[A-Za-z])(-?\d+)", lambda found: found[1].translate(_POWERS), plain)
    return cut(re.sub(r"\bu(?=[A-Za-z])", "µ", plain).replace(".", "·"))


def breakable(name: str) -> Markup:
    """A name, escaped, that a narrow screen may break behind its underscores and hyphens."""
    return Markup(re.sub("(?<=[a-z0-9][_-])(?=[a-z0-9])", "<wbr>", str(escape(name))))  # noqa: S704 - escaped inside


def age_text(age_ns: int) -> str:
    """How long ago, in the one unit that suits."""
    seconds = age_ns // NS
    if seconds < 0:
        return "ahead"
    for size, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{seconds} s"


def value_text(latest: LatestValue) -> str:
    """The newest value as its sensor wrote it."""
    if latest.value is None:
        return cut(latest.text)
    return decimal_text(latest.value, latest.exponent)


def range_text(latest: LatestValue) -> str:
    """Lowest and highest value of the chart."""
    values = [value for _, value in latest.chart]
    if len(values) < 2:
        return ""
    low, high = (_short(value, latest.exponent) for value in (min(values), max(values)))
    return f"{low} to {high}"


def is_late(latest: LatestValue, now_ns: int) -> bool:
    """Whether the newest value is much older than this channel's values usually are apart."""
    moments = [moment for moment, _ in latest.chart]
    usual = latest.usual_gap_ns
    if not usual and len(moments) >= 2:
        # Just after a start only the course is known; its points lie further apart than the readings.
        usual = (moments[-1] - moments[0]) // (len(moments) - 1)
    return bool(usual) and now_ns - latest.observed_at_ns > max(_LATE_FACTOR * usual, _LATE_S_MIN * NS)


def cut(text: str) -> str:
    """The text, or its beginning and an ellipsis when it is longer than `NAME_MAX`."""
    return text if len(text) <= NAME_MAX else text[: NAME_MAX - 1] + "…"


def _short(value: float, exponent: int | None) -> str:
    return f"{value:.6g}" if exponent is None else decimal_text(value, exponent)
