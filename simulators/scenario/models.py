"""Every emulator a scenario may name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulators.emulators.port import Measurement as Sensed
from simulators.emulators.port import Model
from simulators.emulators.registry import MODELS as CATALOGUE
from simulators.frames import Frame
from simulators.scenario.lines import LineLogger, Receiver
from simulators.scenario.model import DeviceTable, WorldTable
from simulators.scenario.ports import Device, Measurement

_RECEIVER_CHANNELS: Final = ("east", "north", "elevation", "ground_speed")
PLACE_CHANNELS: Final = _RECEIVER_CHANNELS
"""Channels that tell of the station itself, not of the world around it. [m], [m/s]"""
SPEAKERS: Final = {
    name: model for name, model in CATALOGUE.items() if model.requests == "none" and model.transport != "pulse"
}
"""Emulated models of the catalogue that speak by themselves; those that are asked need `simulate device`."""
MODELS: Final = ("lines", "nmea", *sorted(SPEAKERS))
"""Names of the emulators."""


def channels_of(device: DeviceTable) -> tuple[str, ...]:
    """What a device senses."""
    return _RECEIVER_CHANNELS if device.model == "nmea" else device.channels


def make(device: DeviceTable, world: WorldTable) -> Device:
    """The emulator of a device."""
    if device.model == "nmea":
        return Receiver(world.latitude_deg, world.longitude_deg)
    if device.model in SPEAKERS:
        return _Speaker(SPEAKERS[device.model])
    return LineLogger()


class _Speaker:
    """A model of the catalogue: it senses the world in the channels it is given, and the usual in its others."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._emulator = model.make(model.address)

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """What it says; a channel that is given and was not sensed is missing."""
        values: dict[str, float | None] = {**self._model.channels, **dict.fromkeys(measurement.true)}
        return self._emulator.measure(
            Sensed(
                number=measurement.number,
                at_ns=measurement.at_ns,
                clock_ns=measurement.clock_ns,
                values={**values, **measurement.sensed},
            )
        )
