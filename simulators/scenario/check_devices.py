"""Whether the devices of a scenario can be where they are said to be: model, carrier, agent, line and address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from harkara_io.errors import nearest_hint
from harkara_io.toml_lines import Path as KeyPath
from simulators.emulators.registry import MODELS as CATALOGUE
from simulators.emulators.ways import BUSES, address_of, kinds_of
from simulators.scenario.model import DeviceTable, Scenario, StationTable
from simulators.scenario.models import EMULATED, MODELS, channels_of, is_asked
from simulators.scenario.senses import SENSED
from simulators.world.fields import QUANTITIES

Problem = tuple[KeyPath, str, str]
"""Where, what is wrong, and how to mend it."""
_OWN_KINDS: Final = ("pty", "tcp", "udp", "mqtt")
"""Carriers of the two models that are of no catalogue."""
_VEHICLE: Final = "mavlink/position"
_POSITIONED: Final = ("nmea", "u-blox/nav-pvt", _VEHICLE)


def check_device(device: DeviceTable, there: KeyPath, station: StationTable) -> Iterator[Problem]:
    """What is wrong with one device."""
    if device.model not in MODELS:
        if device.model in CATALOGUE:
            what = f"no port of this machine reaches `{device.model}`: it is wired to pins or heard by radio"
            yield (*there, "model"), what, "it is emulated for tests only"
        else:
            yield (*there, "model"), f"no emulator `{device.model}`", nearest_hint(device.model, MODELS)
        return
    yield from _way(device, there, station)
    yield from _place(device, there, station)
    channels = channels_of(device)
    for channel in device.channels:
        if device.model == "lines" and channel not in QUANTITIES:
            yield (*there, "channels"), f"the world has no `{channel}`", nearest_hint(channel, QUANTITIES)
    if device.model in EMULATED:
        yield from _senses(device, there)
    for channel in device.noise:
        if channel not in channels:
            yield (*there, "noise"), f"the device has no channel `{channel}`", nearest_hint(channel, channels)
    if device.model == "lines" and not device.channels:
        yield there, "a logger without channels says nothing", 'write e.g. channels = ["air_temperature"]'


def _senses(device: DeviceTable, there: KeyPath) -> Iterator[Problem]:
    offered = sorted(set(EMULATED[device.model].channels) & SENSED)
    for channel in device.channels:
        if channel not in offered:
            what = f"`{device.model}` senses no `{channel}` of the world"
            yield (*there, "channels"), what, f"it has {', '.join(offered) or 'none'}"


def _way(device: DeviceTable, there: KeyPath, station: StationTable) -> Iterator[Problem]:
    """Whether it can be reached as it is said to be."""
    if station.agent:
        if device.carrier and (device.model, device.carrier) != (_VEHICLE, "udp"):
            hint = "leave `carrier` out, or take `agent` from the station"
            yield (*there, "carrier"), "an agent reads it at a port of its own", hint
        if device.model == "nmea/gnss":
            yield (*there, "model"), "no agent of a scenario reads `nmea/gnss`", 'write model = "nmea"'
    elif is_asked(device):
        hint = "give the station an `agent`, or serve it with `harkara simulate device`"
        yield (*there, "model"), f"nobody asks `{device.model}`, which speaks only when it is asked", hint
    elif device.carrier:
        kind, known = device.carrier.partition(":")[0], _kinds(device)
        if kind in {*_OWN_KINDS, "dir"} and kind not in known:
            yield (*there, "carrier"), f"`{kind}` cannot carry `{device.model}`", f"reach it by {' or '.join(known)}"
    yield from _shared(device, there, station)
    if device.also and (device.model != _VEHICLE or not station.agent):
        yield (*there, "also"), "only an autopilot that an agent reads is read by several profiles", ""


def _kinds(device: DeviceTable) -> tuple[str, ...]:
    model = EMULATED.get(device.model)
    return _OWN_KINDS if model is None else kinds_of(model)


def _shared(device: DeviceTable, there: KeyPath, station: StationTable) -> Iterator[Problem]:
    """Whether it can share a line and have an address."""
    model = EMULATED.get(device.model)
    on_a_bus = model is not None and model.transport in BUSES
    if device.bus and not (on_a_bus and station.agent):
        what = f"`{device.model}` shares no line" if station.agent else "a `bus` needs an agent that reads it"
        yield (*there, "bus"), what, "Modbus slaves and SDI-12 probes do"
    if device.address is None:
        return
    if model is None:
        yield (*there, "address"), f"`{device.model}` is on no bus and has no address", ""
        return
    try:
        address_of(model, str(device.address))
    except ValueError as exc:
        yield (*there, "address"), str(exc), ""


def _place(device: DeviceTable, there: KeyPath, station: StationTable) -> Iterator[Problem]:
    """Whether what it carries can know its place."""
    if not device.place_from:
        return
    known = [each.id for each in station.device if each.model in _POSITIONED and each.id != device.id]
    if device.place_from not in known:
        what = f"no device `{device.place_from}` of this station tells where it is"
        yield (*there, "place_from"), what, nearest_hint(device.place_from, known)
    elif device.model != "lines" or not station.agent:
        yield (*there, "place_from"), "only a logger that an agent reads has the time for it", ""


def check_lines(station: StationTable, here: KeyPath) -> Iterator[Problem]:
    """Whether devices that share a line can."""
    lines: dict[str, list[DeviceTable]] = {}
    for place, device in enumerate(station.device):
        model = EMULATED.get(device.model)
        if not device.bus or model is None or model.transport not in BUSES:
            continue
        there: KeyPath = (*here, "device", place)
        first, *others = lines.setdefault(device.bus, []) or [device]
        if EMULATED[first.model].transport != model.transport:
            what = f"`{first.id}` and `{device.id}` cannot share `{device.bus}`: they are asked in different ways"
            yield (*there, "bus"), what, "give each kind a bus of its own"
        for other in (first, *others):
            if other is not device and _address(other) == _address(device):
                what = f"`{other.id}` and `{device.id}` are at one address of `{device.bus}`"
                yield (*there, "address" if device.address is not None else "bus"), what, "give each its own `address`"
        lines[device.bus].append(device)


def _address(device: DeviceTable) -> str:
    if device.address is not None:
        return str(device.address)
    model = EMULATED[device.model]
    return chr(model.address) if model.transport == "sdi-12" else str(model.address)


def check_uplinks(scenario: Scenario) -> Iterator[Problem]:
    """Whether each LoRaWAN device is alone: the emulated one has one id."""
    seen = 0
    for number, station in enumerate(scenario.station):
        for place, device in enumerate(station.device):
            model = EMULATED.get(device.model)
            if model is not None and model.transport == "mqtt" and station.agent:
                seen += station.count
                if seen > 1:
                    what = f"two devices `{device.model}` have one id on the air"
                    yield ("station", number, "device", place, "model"), what, "one of them can have an agent"
