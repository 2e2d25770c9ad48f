"""Every emulator a scenario may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from simulators.emulators.port import Emulator, Model
from simulators.emulators.port import Measurement as Sensed
from simulators.emulators.registry import MODELS as CATALOGUE
from simulators.emulators.registry import VEHICLES
from simulators.emulators.ways import address_of
from simulators.frames import Frame
from simulators.scenario.lines import LineLogger, Receiver
from simulators.scenario.model import DeviceTable, WorldTable
from simulators.scenario.ports import Device, Measurement
from simulators.scenario.senses import PLACE_CHANNELS

EMULATED: Final[Mapping[str, Model]] = {
    name: model for name, model in (CATALOGUE | VEHICLES).items() if model.transport not in {"pulse", "i2c", "ble"}
}
"""Emulated models of the catalogue that a port of this machine reaches; the rest is wired to pins or heard by radio."""
MODELS: Final = ("lines", "nmea", *sorted(EMULATED))
"""Names of the emulators."""
_POSITIONS: Final = {
    "u-blox/nav-pvt": ("latitude", "longitude", "altitude"),
    "nmea/gnss": ("latitude", "longitude", "altitude"),
    "mavlink/position": ("latitude", "longitude", "height_above_ground", "ground_elevation"),
}
"""What they sense of their own place, always."""


def channels_of(device: DeviceTable) -> tuple[str, ...]:
    """What a device senses."""
    return PLACE_CHANNELS if device.model == "nmea" else (*_POSITIONS.get(device.model, ()), *device.channels)


def is_asked(device: DeviceTable) -> bool:
    """Whether it speaks only when it is asked."""
    model = EMULATED.get(device.model)
    return model is not None and model.requests != "none"


def make(device: DeviceTable, world: WorldTable) -> Device:
    """The emulator of a device, as far as it speaks by itself."""
    if device.model == "nmea":
        return Receiver(world.latitude_deg, world.longitude_deg)
    if device.model in EMULATED:
        return _Speaker(EMULATED[device.model], power_on(device))
    return LineLogger()


def power_on(device: DeviceTable) -> Emulator:
    """A device of the catalogue as it is when it is switched on."""
    model = EMULATED[device.model]
    return model.make(address_of(model, None if device.address is None else str(device.address)))


def sensed_by(model: Model, measurement: Measurement) -> Sensed:
    """A measurement as the catalogue's emulators take it.

    A model senses the world in the channels it is given, and the usual in its others; a channel that is given and was
    not sensed is missing.
    """
    values: dict[str, float | None] = {**model.channels, **dict.fromkeys(measurement.true)}
    return Sensed(
        number=measurement.number,
        at_ns=measurement.at_ns,
        clock_ns=measurement.clock_ns,
        values={**values, **measurement.sensed},
    )


class _Speaker:
    """A model of the catalogue; one that waits to be asked says nothing here."""

    def __init__(self, model: Model, emulator: Emulator) -> None:
        self._model = model
        self._emulator = emulator

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """What it says by itself."""
        return self._emulator.measure(sensed_by(self._model, measurement))
