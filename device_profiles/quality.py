"""Quality flags and the closed list of reasons a reading is missing, failed or doubtful."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Flag(IntEnum):
    """QARTOD primary flag (IOOS QARTOD manual, flag scheme table). A flag never changes a value."""

    GOOD = 1
    UNKNOWN = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


REASONS: Final[dict[str, str]] = {
    "calibration": "the device says its calibration is due or void",
    "garbled": "the text of this value is damaged",
    "input_missing": "a value this one is derived from is missing",
    "invalid": "the device says the value is not valid",
    "low_quality": "the device says the value is of low quality",
    "no_fix": "the receiver has no position fix",
    "no_sensor": "no sensor is connected",
    "not_configured": "a parameter of the installation that it needs is not set",
    "not_measured": "not measured this time",
    "not_ready": "the sensor was not ready",
    "open_circuit": "broken wire: the loop current or probe resistance says so",
    "out_of_range": "outside what the sensor can measure",
    "power_on_reset": "the sensor's power-on value, not a measurement",
    "saturated": "the sensor is at its stop",
    "sensor_error": "the device reports an error of its sensor",
    "short_circuit": "short circuit: the loop current or probe resistance says so",
    "undefined": "the calculation has no result for this input",
    "unit_unknown": "the value came in a unit this profile does not know",
    "unknown": "the device says it does not know",
}
"""Reason word to its meaning. Profiles may use these words and no others."""
