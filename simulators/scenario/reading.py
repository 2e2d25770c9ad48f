"""How an agent of a scenario reads each model: the driver, and the ``[[device]]`` tables of its configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from simulators.scenario.load import Placed
from simulators.scenario.model import AgentTable
from simulators.scenario.models import EMULATED

_DRIVERS: Final[Mapping[str, str]] = {
    "serial": "serial",
    "modbus": "modbus",
    "sdi-12": "sdi-12",
    "directory": "sysfs",
    "mqtt": "broker",
    "udp": "mavlink",
}
"""By transport of the emulator."""
UPLINK_EUI: Final = "a84041000181c061"
"""The one device id that the emulated LoRaWAN probe has."""
POLL_S_MIN: Final = 0.2
"""No agent asks oftener than this by the real clock, however fast the devices' time runs. [s]"""
_POLL_AT_FULL_SPEED_S: Final = 0.5
_MODBUS_TIMEOUT_S: Final = 2.0
"""A busy machine may hold an emulated slave up that long. [s]"""
_MODBUS_BAUD: Final = 19_200


def driver_of(device: Placed) -> str:
    """The agent's word for how it reads a device."""
    model = EMULATED.get(device.device.model)
    return device.device.model if model is None else _DRIVERS[model.transport]


def also_id(device: Placed, profile: str) -> str:
    """Device id of a further profile on a device's stream."""
    return f"{device.id}_{profile.partition('/')[2]}"


def poll_s(device: Placed, speed: float) -> float:
    """How often an agent asks, by the real clock. [s]."""
    every_s = device.device.poll or device.device.interval_s
    return max(POLL_S_MIN, every_s / speed) if speed else _POLL_AT_FULL_SPEED_S


def tables(device: Placed, agent: AgentTable, source: Mapping[str, object], speed: float) -> Iterator[str]:
    """The tables of one device.

    Args:
        device: Which.
        agent: Who reads it.
        source: Where it is, in the words of the driver.
        speed: Devices' time by real time.
    """
    driver = driver_of(device)
    usual: dict[str, object] = {"seal_after_s": agent.seal_after_s, "reconnect_s_max": 0.5}
    if device.device.place_from:
        usual["place_from"] = f"{device.station.id}_{device.device.place_from}"
    keys: dict[str, object] = {**source, **usual}
    if driver == "lines":
        keys |= {"format": "json", "time": "time"}
    elif driver != "nmea":
        keys["profile"] = device.device.model
    if driver in {"serial", "modbus", "sdi-12", "sysfs"}:
        keys["poll_s"] = round(poll_s(device, speed), 3)
    if driver == "modbus":
        # Devices of one line have one form of character, whatever each left the factory with.
        keys |= {"timeout_s": _MODBUS_TIMEOUT_S, "baud": _MODBUS_BAUD, "parity": "none"}
    yield _table(device.id, driver, keys)
    for profile in device.device.also:
        yield _table(also_id(device, profile), driver, {**source, **usual, "profile": profile})


def _table(name: str, driver: str, keys: Mapping[str, object]) -> str:
    fields = {"id": name, "driver": driver, **keys}
    return "\n[[device]]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in fields.items())


def _value(value: object) -> str:
    return json.dumps(str(value) if isinstance(value, Path) else value)
