"""A small line chart as one SVG path: about four bytes a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

WIDTH: Final = 96
HEIGHT: Final = 20
POINTS_MAX: Final = 32
_MARGIN: Final = 2


def path_of(points: Sequence[tuple[int, float]]) -> str:
    """SVG path data within `WIDTH` x `HEIGHT`; empty for fewer than two finite points.

    Args:
        points: (instant, value), in time order. The horizontal place is the time, so a gap shows as a gap's length.
    """
    finite = [(moment, value) for moment, value in points if math.isfinite(value)]
    step = -(-len(finite) // POINTS_MAX) or 1
    picked = finite[::-step][::-1]
    if len(picked) < 2 or picked[0][0] == picked[-1][0]:
        return ""
    first, last = picked[0][0], picked[-1][0]
    low, high = min(value for _, value in picked), max(value for _, value in picked)
    spread = high - low
    places = [
        (
            round((moment - first) * WIDTH / (last - first)),
            # A huge spread is still finite here: values beyond it were left out above.
            round(_MARGIN + (HEIGHT - 2 * _MARGIN) * (0.5 if not spread else (high - value) / spread))
            if math.isfinite(spread)
            else HEIGHT // 2,
        )
        for moment, value in picked
    ]
    steps = "".join(
        f"{x - before_x}{'' if y - before_y < 0 else ' '}{y - before_y} "
        for (before_x, before_y), (x, y) in pairwise(places)
    )
    return f"M{places[0][0]} {places[0][1]}l{steps.rstrip()}"
