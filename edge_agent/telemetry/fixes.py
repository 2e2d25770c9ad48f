"""Positions and attitudes out of the samples of whatever device tells them: an autopilot, or a receiver."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from device_profiles.wire.values import Scaled
from edge_agent.drivers.ports import Number, Sample
from edge_agent.telemetry.track import Attitude, Fix, quaternion

_METRES: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0}
_RADIANS: Final = {"rad": 1.0, "deg": 0.017453292519943295}


def fix_of(sample: Sample) -> Fix | None:
    """The position in a sample; None when it has none."""
    found = {number.channel: number for number in sample.numbers}
    latitude, longitude = (_value(found.get(name), {}) for name in ("latitude", "longitude"))
    if latitude is None or longitude is None:
        return None
    return Fix(_at_ns(sample), latitude, longitude, _value(found.get("altitude"), _METRES) or 0.0)


def attitude_of(sample: Sample) -> Attitude | None:
    """The attitude in a sample; None when it has none."""
    found = {number.channel: number for number in sample.numbers}
    roll, pitch, yaw = (_value(found.get(name), _RADIANS) for name in ("roll", "pitch", "yaw"))
    if roll is None or pitch is None or yaw is None:
        return None
    return quaternion(_at_ns(sample), roll, pitch, yaw)


def _at_ns(sample: Sample) -> int:
    return sample.observed_at_ns if sample.observed_at_ns is not None else sample.arrived_ns


def _value(number: Number | None, factors: Mapping[str, float]) -> float | None:
    if number is None or number.value is None:
        return None
    value = number.value
    plain = value.mantissa * 10.0**value.exponent if isinstance(value, Scaled) else value
    # What is no number places nothing: NaN is how an autopilot says that it does not know.
    return plain * factors.get(number.unit, 1.0) if math.isfinite(plain) else None
