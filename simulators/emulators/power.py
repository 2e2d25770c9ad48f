"""Power of a station: Victron MPPT charger on VE.Direct, Eastron energy meter on Modbus."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from simulators.emulators.modbus import ModbusSlave, Registers
from simulators.emulators.numbers import counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_HEX_EVERY: Final = 5
"""Blocks between two asynchronous HEX messages, which a charger mixes into its text when a register changes."""


class Mppt(Talker):
    """Victron, VE.Direct protocol 3.33: a text block a second whose bytes add up to nought modulo 256."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One block, now and then a HEX message behind it; what the charger does not know is not in its block."""

        def steps(name: str, step: float, low: int = 0, high: int = (1 << 31) - 1) -> int | None:
            value = measurement.values.get(name)
            return None if value is None else counted(value, step, low, high)

        fields: dict[str, int | str | None] = {
            "PID": "0xA053",
            "FW": "164",
            "SER#": "HQ2132ABCDE",
            "V": steps("battery_voltage", 0.001),
            "I": steps("battery_current", 0.001, -(1 << 31)),
            "VPV": steps("panel_voltage", 0.001),
            "PPV": steps("panel_power", 1, 0, 100_000),
            "CS": steps("charge_state", 1, 0, 252),
            "MPPT": 2,
            "OR": "0x00000000",
            "ERR": 0,
            "LOAD": "ON",
            "IL": steps("load_current", 0.001),
            "H19": steps("energy_total", 0.01),
            "H20": steps("energy_today", 0.01),
            "H21": 95,
            "H22": 42,
            "H23": 101,
            "HSDS": 120,
        }
        said = "".join(f"\r\n{name}\t{value}" for name, value in fields.items() if value is not None)
        block = said.encode() + b"\r\nChecksum\t"
        frames = [Frame(block + bytes((-sum(block) & 0xFF,)))]
        if measurement.number % _HEX_EVERY == 0:
            frames.append(Frame(b":A0002000148\n"))
        return frames


def _meter(values: Mapping[str, float | None]) -> Registers:
    """Eastron SDM120 Modbus protocol 2.4: IEEE floats, high word first."""
    places = {
        0: "voltage",
        6: "current",
        12: "power",
        18: "apparent_power",
        24: "reactive_power",
        30: "power_factor",
        36: "phase_angle",
        70: "frequency",
        72: "energy_import",
        74: "energy_export",
        342: "energy",
    }
    registers: dict[int, int | None] = dict.fromkeys((*range(38), *range(70, 80), 342, 343, 344, 345), 0)
    for first, name in places.items():
        value = values.get(name)
        words = (None, None) if value is None else struct.unpack(">HH", struct.pack(">f", value))
        registers[first], registers[first + 1] = words
    return registers


MPPT: Final = Model(
    id="victron/mppt",
    transport="serial",
    period_s=1.0,
    channels={
        "battery_voltage": 13.42,
        "battery_current": 2.31,
        "panel_voltage": 18.4,
        "panel_power": 33.0,
        "charge_state": 3.0,
        "load_current": 0.4,
        "energy_total": 131.2,
        "energy_today": 0.21,
    },
    make=lambda _: Mppt(),
)
SDM120: Final = Model(
    id="eastron/sdm120",
    transport="modbus",
    period_s=1.0,
    channels={
        "voltage": 231.4,
        "current": 1.31,
        "power": 287.2,
        "apparent_power": 303.1,
        "reactive_power": 96.9,
        "power_factor": 0.947,
        "phase_angle": 18.7,
        "frequency": 49.98,
        "energy_import": 123.456,
        "energy_export": 0.0,
        "energy": 123.456,
    },
    make=lambda address: ModbusSlave(address, _meter, functions=(4,)),
    address=1,
    requests="rtu",
)
