"""Renke's cup wind speed transmitter on RS-485: one holding register, wind speed times ten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.emulators.modbus import ModbusSlave
from simulators.emulators.numbers import known
from simulators.emulators.port import Model

_BROKEN: Final = 0xFFFF
"""What the register holds when the cups' sensor gives nothing: far beyond the 60 m/s of the manual."""


def _registers(values: Mapping[str, float | None]) -> dict[int, int]:
    return {0: known(values.get("wind_speed"), _BROKEN, 0.1, 0, 600)}


RS_FSJT: Final = Model(
    id="renke/rs-fsjt",
    transport="modbus",
    period_s=10.0,
    channels={"wind_speed": 3.2},
    make=lambda address: ModbusSlave(address, _registers),
    address=1,
    requests="rtu",
)
