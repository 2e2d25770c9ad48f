"""Every emulated model of the catalogue, by its id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simulators.emulators.chips import SHT3X, TIPPING_BUCKET
from simulators.emulators.davis import VANTAGE
from simulators.emulators.kernel import BME280, DS18B20
from simulators.emulators.particles import PMS5003, SDS011, SPS30
from simulators.emulators.port import Emulator, Model
from simulators.emulators.power import MPPT, SDM120
from simulators.emulators.radio import LSE01, RUUVI_DF5, Lse01, Network
from simulators.emulators.receiver import NAV_PVT, NMEA_GNSS
from simulators.emulators.soil import RS_WSD, TEROS_12
from simulators.emulators.station import ATMOS_41
from simulators.emulators.vehicle import VEHICLE
from simulators.emulators.water import AQUA_TROLL_400
from simulators.emulators.weather import RG15, WINDSONIC
from simulators.emulators.wind import RS_FSJT

MODELS: Final[dict[str, Model]] = {
    model.id: model
    for model in (
        *(RS_FSJT, RS_WSD, SDM120, TEROS_12, PMS5003, SDS011, SPS30, VANTAGE, WINDSONIC, RG15, MPPT),
        *(ATMOS_41, AQUA_TROLL_400),
        *(NMEA_GNSS, NAV_PVT, BME280, DS18B20, LSE01, RUUVI_DF5, SHT3X, TIPPING_BUCKET),
    )
}

UPLINKS: Final[dict[str, Callable[[Network], Emulator]]] = {LSE01.id: Lse01}
"""LoRaWAN devices, by the server that publishes what they send."""

VEHICLES: Final[dict[str, Model]] = {VEHICLE.id: VEHICLE}
"""Whole vehicles: what they say is more than any one model of the catalogue reads."""
