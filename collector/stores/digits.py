"""Which numbers have more digits than a store keeps that counts in decimals. Numpy."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

KEPT: Final = 15
"""Significant decimal digits that VictoriaMetrics gives back as they were."""

_LIMIT: Final = 10**KEPT
_STEPS: Final = (1e2, 1e6, 1e10, 1e15, 1e22)


def inexact(value: npt.NDArray[np.float64], mantissa: npt.NDArray[np.int64] | None = None) -> int:
    """How many finite numbers have more than fifteen significant decimal digits.

    Args:
        value: The numbers.
        mantissa: The decimal's integer of each, 0 where it is not known: spares most of the looking.
    """
    if mantissa is not None:
        value = value[
            ((mantissa == 0) & (value != 0)) | (np.abs(mantissa) >= _LIMIT) | (mantissa == np.iinfo(np.int64).min)
        ]
    for step in _STEPS:
        if not len(value):
            return 0
        # Both operands are exact and the quotient is rounded once: equal means that the short decimal is the number.
        with np.errstate(over="ignore"):
            whole = np.rint(value * step)
        value = value[~((np.abs(whole) < _LIMIT) & (whole / step == value))]
    return sum(_digits(number) > KEPT for number in value.tolist())


def _digits(number: float) -> int:
    return len(repr(abs(number)).partition("e")[0].replace(".", "").strip("0"))
