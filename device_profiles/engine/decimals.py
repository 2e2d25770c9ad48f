"""Exact decimal arithmetic of the wire: texts to mantissa and exponent, scales to fractions."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from device_profiles.errors import profile_error

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII)
MANTISSA_MAX: Final = 2**63 - 1
EXPONENT_MAX: Final = 30
MULTIPLIER_MAX: Final = 25


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


def short_decimal(scale: Decimal) -> tuple[int, int] | None:
    """``(k, e)`` when ``scale`` is exactly ``k * 10 ** e`` with 1 <= k <= 25, else None.

    Such a scale is kept in the number on the wire; a longer one would cost more bytes than the count it multiplies.
    """
    sign, digits, exponent = scale.as_tuple()
    if sign or not isinstance(exponent, int):
        return None
    factor = int("".join(str(digit) for digit in digits))
    while factor and factor % 10 == 0:
        factor //= 10
        exponent += 1
    return (factor, exponent) if 1 <= factor <= MULTIPLIER_MAX else None


def as_decimal(value: object, what: str) -> Decimal:
    """A TOML number as the decimal it was written as.

    Raises:
        ProfileError: It is no number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise profile_error(f"{what} must be a number, not {value!r}")
    return value if isinstance(value, Decimal) else Decimal(repr(value))
