"""What only a profile tells of a ``[[device]]`` table: whether devices on one line agree, and how jitter fits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from device_profiles import catalogue
from edge_agent.drivers.make_parts import format_of
from edge_agent.drivers.questions import askings_of, conversation, usual_s
from edge_agent.drivers.serial_port import LineFormat
from edge_agent.settings_devices import Asked, Device, ModbusDevice, OnABus, Sdi12Device
from harkara_io.errors import ConfigProblem

Found = tuple[tuple[str | int, ...], ConfigProblem]


def asked_problems(devices: Sequence[Device]) -> Iterator[Found]:
    """Faults of devices that are asked through a profile; their profiles are known to load.

    Yields:
        Where each stands, and what it is.
    """
    for index, device in enumerate(devices):
        if isinstance(device, Asked):
            yield from _jitter(index, device)
    yield from _lines(devices)


def _jitter(index: int, device: Asked) -> Iterator[Found]:
    if not device.jitter_s:
        return
    every_s = device.poll_s or profile_s(device)
    if device.jitter_s >= every_s / 2:
        what = f"`device.{index + 1}.jitter_s`: {device.jitter_s:g} s is half the interval of {every_s:g} s or more"
        yield ("device", index, "jitter_s"), ConfigProblem(what, None, f"jitter_s = {every_s / 10:g}")


def profile_s(device: Asked) -> float:
    """How often the profile of a device wants it asked. [s]."""
    assert device.profile is not None, "the schema asks for it"
    profile = catalogue.load(device.profile)
    keys = {ModbusDevice: "function", Sdi12Device: "command"}
    key = keys.get(type(device))
    if key is None:
        return conversation(profile.document).every_s
    return usual_s(profile.document, [asking.table for asking in askings_of(profile, key)])


def _lines(devices: Sequence[Device]) -> Iterator[Found]:
    """A port has one speed and one kind of character, whoever of its devices is opened first."""
    first: dict[str, tuple[OnABus, LineFormat]] = {}
    for index, device in enumerate(devices):
        if not isinstance(device, ModbusDevice | Sdi12Device) or device.port is None:
            continue
        assert device.profile is not None, "the schema asks for it"
        form = format_of(catalogue.load(device.profile).document, device)
        other, theirs = first.setdefault(str(device.port), (device, form))
        if device.direction != other.direction:
            what = f"`device.{index + 1}`: {device.id} and {other.id} share a port and turn it in different ways"
            yield ("device", index, "port"), ConfigProblem(what, None, f"give both the direction of {other.id}")
        if form == theirs:
            continue
        what = f"`device.{index + 1}`: {device.id} has {_words(form)}, {other.id} on the same port {_words(theirs)}"
        kinds = ("baud", "data_bits", "parity", "stop_bits")
        keys = [key for key in kinds if getattr(theirs, key) != getattr(form, key)]
        lines = " and ".join(f"{key} = {_toml(getattr(theirs, key))}" for key in keys)
        how = f"set {device.id} itself to what {other.id} has, then write {lines} for both here"
        yield ("device", index, "port"), ConfigProblem(what, None, how)


def _words(form: LineFormat) -> str:
    return f"{form.baud} baud {form.data_bits}{form.parity[0].upper()}{form.stop_bits}"


def _toml(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
