"""Decimal values: a text number as an integer and a power of ten, and back to a double."""

from __future__ import annotations

import math
import re
from typing import Final, NamedTuple

from device_profiles.wire.limits import INT64_MAX, INT64_MIN, MAX_EXPONENT

_NUMBER: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?", re.ASCII)
MAX_DIGITS: Final = 18
_EXACT_POWER: Final = 22  # the largest power of ten that is exactly a double
_EXACT_MANTISSA: Final = 1 << 53


class Scaled(NamedTuple):
    """The number ``mantissa * 10**exponent``, exactly.

    Attributes:
        mantissa: Signed 64-bit integer.
        exponent: From -30 to 30.
    """

    mantissa: int
    exponent: int


Value = Scaled | float
"""What a sensor said: a decimal with its resolution, or a double where there is none."""


def parse_decimal(text: str) -> Value:
    """Read a number with the resolution it was written in: ``"21.50"`` gives ``Scaled(2150, -2)``.

    A text of more than 18 significant digits, or beyond the exponents the wire carries, has no exact place in a
    column of decimals and becomes the nearest double. ``"-0"`` and ``"-0.00"`` become a double as well: an integer
    would lose the sign.

    Raises:
        ValueError: No finite number.
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"not a number: {text[:40]!r}")
    sign, whole, fraction, power = match[1], match[2], match[3] or "", match[4]
    digits = whole + fraction
    if not digits:
        raise ValueError(f"not a number: {text[:40]!r}")
    exponent = (int(power) if power else 0) - len(fraction)
    significant = digits.lstrip("0")
    negative_zero = sign == "-" and not significant
    if len(significant) > MAX_DIGITS or not -MAX_EXPONENT <= exponent <= MAX_EXPONENT or negative_zero:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(f"not a finite number: {text[:40]!r}")
        return number
    return Scaled(int(sign + (significant or "0")), exponent)


def scaled_to_float(value: Scaled) -> float:
    """The double nearest to the decimal (ties to even): what ``float("21.50")`` gives."""
    mantissa, exponent = value
    if -_EXACT_MANTISSA <= mantissa <= _EXACT_MANTISSA and -_EXACT_POWER <= exponent <= _EXACT_POWER:
        # Both operands are exact doubles, so one correctly rounded operation rounds once.
        return mantissa / 10.0**-exponent if exponent < 0 else mantissa * 10.0**exponent
    return float(f"{mantissa}e{exponent}")


def fits(mantissa: int) -> bool:
    """Whether a mantissa is a signed 64-bit integer."""
    return INT64_MIN <= mantissa <= INT64_MAX
