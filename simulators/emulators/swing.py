"""What a device alone on a table senses: values that move a little around the usual ones, as a reader expects."""

from __future__ import annotations

import math
import zlib
from typing import Final

from simulators.emulators.port import Model

_PERIOD_S: Final = 600.0
_DAY_S: Final = 86_400.0
_SWING: Final = 0.02
"""Values swing by two hundredths around the usual ones, each in its own phase."""
_PLACE: Final = frozenset({"latitude", "longitude"})
_WANDER_DEG: Final = 5e-4
"""A receiver goes round within some fifty metres."""
_GROWING: Final = frozenset(
    {
        *("energy", "energy_import", "energy_export", "energy_today", "energy_total"),
        *("movement_count", "precipitation_event", "precipitation_total"),
    }
)
"""What only grows, as long as the day lasts (UTC)."""


def swinging(model: Model, at_ns: int, seed: int = 0) -> dict[str, float | None]:
    """Values around the usual ones, the same at the same instant.

    Args:
        model: Of the catalogue.
        at_ns: UTC Unix time. [ns]
        seed: Moves the phases; two devices of a model with different seeds differ.
    """
    at_s = at_ns / 1e9
    turn = 2 * math.pi * (at_s % _PERIOD_S) / _PERIOD_S
    found: dict[str, float | None] = {}
    for number, (name, value) in enumerate(model.channels.items()):
        if name in _GROWING:
            found[name] = value * (1 + _SWING * (at_s % _DAY_S) / _PERIOD_S)
            continue
        phase = number + (zlib.crc32(f"{seed} {name}".encode()) % 1000 / 1000 * 2 * math.pi if seed else 0.0)
        found[name] = value + math.sin(turn + phase) * (_WANDER_DEG if name in _PLACE else _SWING * value)
    return found
