"""What a drone carries, as its autopilot tells it: sprayer, battery, barometer, hygrometer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.emulators.mavlink_writer import Definition, Value
from simulators.emulators.numbers import all_sensed, counted, known
from simulators.emulators.vehicle_messages import (
    BATTERY_STATUS,
    HYGROMETER_SENSOR,
    SCALED_PRESSURE,
    SERVO_OUTPUT_RAW,
    SPRAY_STATUS,
)

_RESTS_US, _TURNS_US, _RUNS_US = 1000, 1500, 1900
"""Widths of servo pulses: a motor at rest, one in flight, a pump that runs. [us]"""
_CELLS: Final = 6
_CELLS_TOLD: Final = 10
_NOT_KNOWN: Final = 0xFFFF
_I16: Final = (-(1 << 15), (1 << 15) - 1)
_BAROMETER_CDEG: Final = 4100
"""A barometer inside is warm. [0.01 Cel]"""


def said(values: Mapping[str, float | None], boot_ms: int, *, flies: bool) -> list[tuple[Definition, dict[str, Value]]]:
    """A message for each part that has something to say."""
    found: list[tuple[Definition, dict[str, Value]]] = []
    sprayer = all_sensed(values, ("flow", "tank"))
    if sprayer is not None:
        flow, tank = sprayer
        found.append((SPRAY_STATUS, {"time_boot_ms": boot_ms, "flow": flow, "tank": tank, "pump": int(flow > 0)}))
        motors = {f"servo{number}_raw": _TURNS_US if flies else _RESTS_US for number in range(1, 5)}
        found.append(
            (SERVO_OUTPUT_RAW, {"time_usec": boot_ms * 1000, **motors, "servo7_raw": _RUNS_US if flow else _RESTS_US})
        )
    if values.get("battery_remaining") is not None:
        found.append((BATTERY_STATUS, _battery(values)))
    pressure = values.get("air_pressure")
    if pressure is not None:
        found.append(
            (SCALED_PRESSURE, {"time_boot_ms": boot_ms, "press_abs": pressure, "temperature": _BAROMETER_CDEG})
        )
    air = all_sensed(values, ("air_temperature", "relative_humidity"))
    if air is not None:
        temperature, humidity = (counted(value, 0.01, *_I16) for value in air)
        found.append((HYGROMETER_SENSOR, {"temperature": temperature, "humidity": humidity}))
    return found


def _battery(values: Mapping[str, float | None]) -> dict[str, Value]:
    volts = values.get("battery_voltage")
    cell = None if volts is None else volts / _CELLS
    return {
        "current_consumed": -1,
        "energy_consumed": -1,
        "temperature": 0x7FFF,
        "voltages": (
            *(known(cell, _NOT_KNOWN, 0.001, 0, _NOT_KNOWN - 1) for _ in range(_CELLS)),
            *(_NOT_KNOWN,) * (_CELLS_TOLD - _CELLS),
        ),
        "current_battery": known(values.get("battery_current"), -1, 0.01, 0, _I16[1]),
        "battery_function": 1,
        "type": 1,
        "battery_remaining": known(values.get("battery_remaining"), -1, 1, 0, 100),
    }
