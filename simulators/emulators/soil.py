"""Soil and climate probes on shared buses: METER TEROS 12 on SDI-12, Renke RS-WSD on Modbus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.emulators.modbus import ModbusSlave
from simulators.emulators.numbers import counted, known
from simulators.emulators.port import Model
from simulators.emulators.sdi12 import Sdi12Probe

_NO_VALUE: Final = -9999
"""What the probe says of a part that is broken (TEROS 11/12 integrator guide 18225)."""


def _teros(values: Mapping[str, float | None]) -> tuple[str, ...]:
    counts, temperature = values.get("soil_counts"), values.get("soil_temperature")
    return (
        f"{_NO_VALUE:+d}" if counts is None else f"{counted(counts, 0.1, 0, 99_999) / 10:+.1f}",
        f"{_NO_VALUE:+d}" if temperature is None else f"{counted(temperature, 0.1, -400, 600) / 10:+.1f}",
        f"{known(values.get('soil_conductivity'), _NO_VALUE, 1, 0, 20_000):+d}",
    )


def _climate(values: Mapping[str, float | None]) -> dict[int, int]:
    humidity = known(values.get("relative_humidity"), 0xFFFF, 0.1, 0, 1000)
    temperature = known(values.get("air_temperature"), 0x7FFF, 0.1, -400, 800)
    return {0: humidity, 1: temperature & 0xFFFF, 0x07D1: 2}


TEROS_12: Final = Model(
    id="meter/teros-12-sdi12",
    transport="sdi-12",
    period_s=15.0,
    channels={"soil_counts": 2493.4, "soil_temperature": 17.8, "soil_conductivity": 22.0},
    make=lambda address: Sdi12Probe(chr(address), "13METER   TER12 310T12-00001234", _teros, ready_s=1),
    address=ord("0"),
    requests="sdi-12",
)
RS_WSD: Final = Model(
    id="renke/rs-wsd",
    transport="modbus",
    period_s=2.0,
    channels={"relative_humidity": 65.8, "air_temperature": 21.4},
    make=lambda address: ModbusSlave(address, _climate, address_register=0x07D0),
    address=1,
    requests="rtu",
)
