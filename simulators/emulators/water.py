"""A water probe: In-Situ Aqua TROLL 400 on Modbus, which says of every value what it thinks of it."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from simulators.emulators.modbus import ModbusSlave, Registers
from simulators.emulators.port import Model

_NORMAL, _SENSOR_ERROR = 0, 3
"""Data quality identifiers (Modbus communication protocol 5.10)."""
_OFFLINE: Final = 0.0
"""What stands in a value's place while there is none; only its quality tells."""


class _Parameter(NamedTuple):
    register: int
    number: int
    unit: int


_PARAMETERS: Final = {
    "total_dissolved_solids": _Parameter(570, 13, 113),
    "resistivity": _Parameter(578, 11, 81),
    "water_ph": _Parameter(1538, 17, 145),
    "ph_potential": _Parameter(1546, 18, 162),
    "oxidation_reduction_potential": _Parameter(1554, 19, 162),
}
"""Registers are numbered from 1 in the reference guide; each parameter has eight."""


def _blocks(values: Mapping[str, float | None]) -> Registers:
    """Value (high word first), parameter, unit, quality, what a value is while off line, units that could be chosen."""
    registers: dict[int, int | None] = {}
    for name, (register, number, unit) in _PARAMETERS.items():
        value = values.get(name)
        quality = _SENSOR_ERROR if value is None else _NORMAL
        words = struct.unpack(">2H", struct.pack(">f", _OFFLINE if value is None else value))
        offline = struct.unpack(">2H", struct.pack(">f", _OFFLINE))
        for offset, word in enumerate((*words, number, unit, quality, *offline, 1)):
            registers[register - 1 + offset] = word
    return registers


AQUA_TROLL_400: Final = Model(
    id="in-situ/aqua-troll-400",
    transport="modbus",
    period_s=2.0,
    channels={
        "total_dissolved_solids": 412.5,
        "resistivity": 1560.0,
        "water_ph": 7.42,
        "ph_potential": -24.5,
        "oxidation_reduction_potential": 215.3,
    },
    make=lambda address: ModbusSlave(address, _blocks),
    address=1,
    requests="rtu",
)
