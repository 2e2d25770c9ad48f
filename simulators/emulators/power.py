"""Power of a station: Victron MPPT charger on VE.Direct, Eastron energy meter on Modbus."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from simulators.emulators.modbus import ModbusSlave
from simulators.emulators.numbers import counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_HEX_EVERY: Final = 5
"""Blocks between two asynchronous HEX messages, which a charger mixes into its text when a register changes."""


class Mppt(Talker):
    """Victron, VE.Direct protocol 3.33: a text block a second whose bytes add up to nought modulo 256."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One block, now and then a HEX message behind it."""
        values = measurement.values

        def thousandths(name: str) -> int:
            return counted(values.get(name) or 0.0, 0.001, -(1 << 31), (1 << 31) - 1)

        def hundredths(name: str) -> int:
            return counted(values.get(name) or 0.0, 0.01, 0, (1 << 31) - 1)

        fields = {
            "PID": "0xA053",
            "FW": "164",
            "SER#": "HQ2132ABCDE",
            "V": thousandths("battery_voltage"),
            "I": thousandths("battery_current"),
            "VPV": thousandths("panel_voltage"),
            "PPV": counted(values.get("panel_power") or 0.0, 1, 0, 100_000),
            "CS": counted(values.get("charge_state") or 0.0, 1, 0, 252),
            "MPPT": 2,
            "OR": "0x00000000",
            "ERR": 0,
            "LOAD": "ON",
            "IL": thousandths("load_current"),
            "H19": hundredths("energy_total"),
            "H20": hundredths("energy_today"),
            "H21": 95,
            "H22": 42,
            "H23": 101,
            "HSDS": 120,
        }
        block = "".join(f"\r\n{name}\t{value}" for name, value in fields.items()).encode() + b"\r\nChecksum\t"
        frames = [Frame(block + bytes((-sum(block) & 0xFF,)))]
        if measurement.number % _HEX_EVERY == 0:
            frames.append(Frame(b":A0002000148\n"))
        return frames


def _meter(values: Mapping[str, float | None]) -> dict[int, int]:
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
    registers = dict.fromkeys((*range(38), *range(70, 80), 342, 343, 344, 345), 0)
    for first, name in places.items():
        registers[first], registers[first + 1] = struct.unpack(">HH", struct.pack(">f", values.get(name) or 0.0))
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
