"""Exact decimal arithmetic of the wire: texts to mantissa and exponent, scales to fractions."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from device_profiles.errors import profile_error

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
MANTISSA_MAX: Final = 2**63 - 1
EXPONENT_MAX: Final = 30


def parse_decimal(text: str) -> tuple[int, int] | None:
    """Mantissa and exponent of a decimal text, digits kept: ``"21.50"`` gives ``(2150, -2)``.

    Returns:
        None when the text is not one finite number of at most 18 digits.
    """
    match = _NUMBER.fullmatch(text)
    return None if match is None else _split(text)


def leading_decimal(text: str) -> tuple[tuple[int, int], str] | None:
    """The number a text starts with and what follows it, such as a unit's letter."""
    stripped = text.strip()
    match = _NUMBER.match(stripped)
    if match is None:
        return None
    parsed = _split(match.group())
    return None if parsed is None else (parsed, stripped[match.end() :].strip())


def _split(text: str) -> tuple[int, int] | None:
    digits, _, power = text.lower().partition("e")
    whole, _, fraction = digits.partition(".")
    mantissa = int(whole + fraction)
    exponent = int(power or 0) - len(fraction)
    if abs(mantissa) > MANTISSA_MAX or abs(exponent) > EXPONENT_MAX:
        return None
    return mantissa, exponent


def power_of_ten(scale: Decimal) -> int | None:
    """``k`` when ``scale`` is exactly ``10 ** k``, else None."""
    sign, digits, exponent = scale.as_tuple()
    if sign or not isinstance(exponent, int) or digits[0] != 1 or any(digits[1:]):
        return None
    return exponent + len(digits) - 1


def fraction(value: Decimal) -> tuple[int, int]:
    """Numerator and denominator of a decimal."""
    return value.as_integer_ratio()


def as_decimal(value: object, what: str) -> Decimal:
    """A TOML number as the decimal it was written as.

    Raises:
        ProfileError: It is no number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise profile_error(f"{what} must be a number, not {value!r}")
    return value if isinstance(value, Decimal) else Decimal(repr(value))
