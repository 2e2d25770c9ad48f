"""Every emulator a scenario may name."""

from __future__ import annotations

from typing import Final

from simulators.scenario.lines import LineLogger, Receiver
from simulators.scenario.model import DeviceTable, WorldTable
from simulators.scenario.ports import Device

_RECEIVER_CHANNELS: Final = ("east", "north", "elevation", "ground_speed")
PLACE_CHANNELS: Final = _RECEIVER_CHANNELS
"""Channels that tell of the station itself, not of the world around it. [m], [m/s]"""
MODELS: Final = ("lines", "nmea")
"""Names of the emulators."""


def channels_of(device: DeviceTable) -> tuple[str, ...]:
    """What a device senses."""
    return _RECEIVER_CHANNELS if device.model == "nmea" else device.channels


def make(device: DeviceTable, world: WorldTable) -> Device:
    """The emulator of a device."""
    if device.model == "nmea":
        return Receiver(world.latitude_deg, world.longitude_deg)
    return LineLogger()
