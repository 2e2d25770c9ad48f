"""A stored number as the text its sensor meant."""

from __future__ import annotations

import math
from decimal import Decimal


def decimal_text(value: float, exponent: int | None, mantissa: int | None = None) -> str:
    """The decimal text of a reading, trailing zeros kept.

    Args:
        value: The stored double.
        exponent: Decimal exponent of the series; None when the sensor sent doubles.
        mantissa: The exact integer, where the lake has one beside the double.

    Returns:
        ``21.50`` for 21.5 with exponent -2; without exponent the shortest text that reads back as the same double.
    """
    if mantissa is not None and exponent is not None:
        return f"{Decimal(mantissa).scaleb(exponent):f}"
    if exponent is None or not math.isfinite(value):
        return repr(value)
    if exponent <= 0:
        return f"{value:.{-exponent}f}"
    return f"{Decimal(round(value / 10**exponent)).scaleb(exponent):f}"
