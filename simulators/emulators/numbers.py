"""Numbers as devices hold them: counted in steps, clipped to what the register can say."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping


def counted(value: float, step: float, low: int, high: int) -> int:
    """Steps of ``step`` in ``value``, at least ``low`` and at most ``high``: a device saturates, it never wraps."""
    if math.isnan(value):
        raise ValueError("not a number is no true value; say None where nothing was sensed")
    return (
        int(min(high, max(low, math.floor(value / step + 0.5 + 1e-9))))
        if math.isfinite(value)
        else (high if value > 0 else low)
    )


def known(value: float | None, missing: int, step: float, low: int, high: int) -> int:
    """As `counted`, and ``missing`` where nothing was sensed."""
    return missing if value is None else counted(value, step, low, high)


def all_sensed(values: Mapping[str, float | None], names: Collection[str]) -> list[float] | None:
    """The values of these names, or None where one is missing: for devices whose frame has no word for "nothing"."""
    found = [value for name in names if (value := values.get(name)) is not None]
    return found if len(found) == len(names) else None
