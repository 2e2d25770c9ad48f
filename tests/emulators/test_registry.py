"""All emulated models: the same values give the same bytes, and the catalogue reads back what was true."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.framing.factory import framer
from device_profiles.rejects import FrameRejected, RejectReason
from simulators.emulators.host import usual
from simulators.emulators.port import Emulator, Measurement, Model
from simulators.emulators.registry import MODELS
from simulators.frames import Frame

AT_NS = 1_780_295_400 * 10**9
ONE_EACH = {"serial", "modbus", "sdi-12", "directory", "mqtt", "i2c", "pulse", "ble"}


def measured(device: Emulator, model: Model, values: Mapping[str, float | None], number: int = 1) -> list[Frame]:
    at_ns = AT_NS + number * 10**9
    return list(device.measure(Measurement(number=number, at_ns=at_ns, clock_ns=at_ns, values=values)))


def asked(device: Emulator, model: Model, profile: Profile) -> list[tuple[bytes, str]]:
    """The answers to the questions that the profile itself says to ask, with the name of the question."""
    answers: list[tuple[bytes, str]] = []
    if model.requests == "none":
        return answers
    for table in profile.document.get("requests", ()):
        name = str(table["name"])
        if name == profile.document.get("identity", {}).get("request"):
            continue  # who it is, in words; a driver asks that when it meets the device
        if model.transport == "modbus":
            numbered = {"0": 0, "1": 1, "40001": 30001 if table["function"] == 4 else 40001}
            first = int(table["address"]) - numbered[profile.document["transport"]["numbering"]]
            body = (
                bytes((model.address, table["function"])) + first.to_bytes(2, "big") + table["count"].to_bytes(2, "big")
            )
            request = body + crc(body)
        elif model.transport == "sdi-12":
            request = f"{chr(model.address)}{table['command']}!".encode()
        elif "hex" in table:
            request = bytes.fromhex(table["hex"])
        else:
            request = str(table["text"]).encode()
        frames = device.answer(request, AT_NS)
        if model.transport == "i2c":
            frames = device.answer(b"", AT_NS + 10**10)
        elif model.transport == "sdi-12":
            frames = [data_of(device, model)] if frames else []
        answers += [(frame.data, name) for frame in frames]
    return answers


def data_of(probe: Emulator, model: Model) -> Frame:
    """What it measured, as one line: what is too long for one answer continues in the next."""
    address = chr(model.address)
    lines = [probe.answer(f"{address}D{index}!".encode(), AT_NS + 10**10)[0].data for index in range(3)]
    more = [line[1:] for line in lines[1:] if b"+" in line or b"-" in line]
    return Frame(b"".join([lines[0].removesuffix(b"\r\n"), *more]) if more else lines[0])


def crc(data: bytes) -> bytes:
    """Computed here once more, bit by bit, so that emulator and profile are both held to it."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value.to_bytes(2, "little")


def decoded(model: Model, profile: Profile, frames: list[Frame], answers: list[tuple[bytes, str]]) -> list[Decoded]:
    """What its bytes say; a refusal that the device itself states is no damage."""
    found: list[Decoded | FrameRejected] = []
    if model.transport == "mqtt":
        found = [profile.decode(base64.b64decode(json.loads(frame.data)["data"]), port=2) for frame in frames]
    elif model.transport == "directory":
        files = {frame.channel.rsplit("/", 1)[1]: frame.data.decode() for frame in frames}
        files.pop("name", None)
        text = files["w1_slave"] if "w1_slave" in files else "".join(f"{name} {said}" for name, said in files.items())
        found = [profile.decode(text.encode())] if files else []
    elif model.transport == "pulse":
        # A contact that never closes has no bytes: whoever counts it may wait in vain, and can know nothing.
        found = [profile.decode(len(frames).to_bytes(4, "big"))] if frames else []
    elif model.transport == "ble":
        found = [profile.decode(frame.data) for frame in frames]
    elif model.transport in {"modbus", "sdi-12", "i2c"}:
        found = [profile.decode(data, request=name) for data, name in answers]
    else:
        cutter = framer(profile)
        stream = b"".join(frame.data for frame in frames) + b"".join(data for data, _ in answers)
        cut = [each for each in cutter.feed(stream) + cutter.flush() if isinstance(each, bytes)]
        found = [profile.decode(frame) for frame in cut]
    rejects = [each for each in found if isinstance(each, FrameRejected)]
    assert {each.reason for each in rejects} <= {RejectReason.EXCEPTION}, found
    return [each for each in found if isinstance(each, Decoded)]


def readings(model: Model, values: Mapping[str, float | None]) -> dict[str, float | None]:
    profile = catalogue.load(model.id)
    device = model.make(model.address)
    if model.id == "sensirion/sps30-uart":
        device.answer(bytes.fromhex("7E0000020103F97E"), AT_NS)
    frames = measured(device, model, values)
    rows = [row for each in decoded(model, profile, frames, asked(device, model, profile)) for row in each.rows]
    return {reading.channel: reading.value for row in rows for reading in profile.apply(row)}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_catalogue_reads_back_what_was_true(name: str) -> None:
    model = MODELS[name]
    found = readings(model, usual(model, AT_NS))
    document = catalogue.load(name).document
    for channel, true in model.channels.items():
        resolution = float(document["channels"][channel].get("resolution") or 1e-6)
        # Instruments that count in feet, inches or miles an hour cannot say a metric number exactly.
        step = 0.5 if name == "davis/vantage" and channel == "wind_speed" else max(resolution, abs(true) * 1e-6)
        value = found[channel]
        assert value is not None, f"{channel} is missing"
        assert abs(value - true) <= step * 0.51 + 1e-9, f"{channel}: {value}, true {true}"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_same_values_give_the_same_bytes_and_nothing_sensed_is_no_error(name: str) -> None:
    model = MODELS[name]
    profile = catalogue.load(name)

    def said() -> list[object]:
        device = model.make(model.address)
        words: list[object] = []
        for number in range(1, 4):
            words += measured(device, model, usual(model, AT_NS), number)
            words += asked(device, model, profile)
        return words

    assert said() == said()
    silent = dict.fromkeys(model.channels)
    device = model.make(model.address)
    frames = measured(device, model, silent)
    decoded(model, profile, frames, asked(device, model, profile))


@pytest.mark.parametrize(
    ("name", "channel"), [(name, channel) for name in sorted(MODELS) for channel in MODELS[name].channels]
)
def test_what_was_not_sensed_is_never_read_as_a_number(name: str, channel: str) -> None:
    model = MODELS[name]
    found = readings(model, {**model.channels, channel: None})
    assert found.get(channel) is None


@given(st.sampled_from(sorted(MODELS)), st.binary(max_size=60))
def test_any_request_is_answered_or_met_with_silence(name: str, request: bytes) -> None:
    model = MODELS[name]
    for frame in model.make(model.address).answer(request, AT_NS):
        assert isinstance(frame.data, bytes)


def test_each_transport_has_a_model_and_shared_buses_have_several() -> None:
    transports = [model.transport for model in MODELS.values()]
    assert set(transports) >= ONE_EACH
    assert len(MODELS) >= 14
    assert transports.count("modbus") >= 3
