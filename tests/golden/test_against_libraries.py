"""Frames of random content, read by our profiles and by open libraries of the same devices: every number is equal."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

import pytest
from pms import InconsistentObservation, SensorWarmingUp, WrongMessageChecksum, WrongMessageFormat
from pms.core.sensor import Sensor
from pyubx2 import UBXReader

from device_profiles import catalogue
from device_profiles.checksums import fletcher8, inverted_sum8, negative_sum8
from device_profiles.engine.rows import Decoded

FRAMES = 200
Words = dict[str, tuple[str, float]]
MASS: Words = {"pm01": ("pm1", 1), "pm25": ("pm2_5", 1), "pm10": ("pm10", 1)}
STANDARD: Words = {"raw01": ("pm1_standard", 1), "raw25": ("pm2_5_standard", 1), "raw10": ("pm10_standard", 1)}
FOUR_SIZES: Words = {
    "n0_3": ("particles_0_3", 100),
    "n0_5": ("particles_0_5", 100),
    "n1_0": ("particles_1_0", 100),
    "n2_5": ("particles_2_5", 100),
}
SIX_SIZES: Words = {**FOUR_SIZES, "n5_0": ("particles_5_0", 100), "n10_0": ("particles_10", 100)}
CLIMATE: Words = {"temp": ("air_temperature", 1), "rhum": ("relative_humidity", 1)}
HCHO: Words = {"HCHO": ("formaldehyde_mass", 1)}
SPS30: Words = {
    **MASS,
    "pm04": ("pm4", 1),
    "n0_5": ("particles_0_5", 1),
    "n1_0": ("particles_1_0", 1),
    "n2_5": ("particles_2_5", 1),
    "n4_0": ("particles_4_0", 1),
    "n10_0": ("particles_10", 1),
    "diam": ("particle_size", 1),
}


def _plantower(count: int, humidity_at: int = -1) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        values = [chance.randrange(1, 1000) for _ in range(count)]
        if humidity_at >= 0:
            values[humidity_at - 1] = chance.randrange(-200, 990) & 0xFFFF
        frame = b"BM" + (2 * count + 2).to_bytes(2, "big") + struct.pack(f">{count}H", *values)
        return frame + (sum(frame) & 0xFFFF).to_bytes(2, "big")

    return make


def _nova(kind: int) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        body = struct.pack("<3H", chance.randrange(9999), chance.randrange(19999), chance.randrange(65536))
        return bytes((0xAA, kind)) + body + bytes((sum(body) & 0xFF, 0xAB))

    return make


def _winsen(chance: random.Random) -> bytes:
    body = b"\x86" + struct.pack(">3H", *(chance.randrange(1, 5000) for _ in range(3)))
    return b"\xff" + body + bytes((negative_sum8(body),))


def _honeywell(count: int) -> Callable[[random.Random], bytes]:
    def make(chance: random.Random) -> bytes:
        values = [chance.randrange(1, 1000) for _ in range(count)] + [0] * (2 if count == 4 else 0)
        body = struct.pack(f">{len(values)}H", *values)
        frame = bytes((0x40, len(body) + 1, 4)) + body
        return frame + bytes((negative_sum8(frame),))

    return make


def _shdlc(chance: random.Random) -> bytes:
    # Floats of random bits hold 7D and 7E often, so that the stuffing is put to work.
    floats: list[bytes] = []
    while len(floats) < 10:
        bits = bytes((chance.randrange(0x3F, 0x44), *chance.choices((0x7D, 0x7E, 0x11, 0x13, 0x5D, 0x31, 0x80), k=3)))
        floats.append(bits)
    content = b"\x00\x03\x00\x28" + b"".join(floats)
    content += bytes((inverted_sum8(content),))
    stuffed = b"".join(
        bytes((0x7D, byte ^ 0x20)) if byte in (0x7E, 0x7D, 0x11, 0x13) else bytes((byte,)) for byte in content
    )
    return b"\x7e" + stuffed + b"\x7e"


def _readings(model: str, frame: bytes) -> dict[str, float | None]:
    profile = catalogue.load(model)
    result = profile.decode(frame)
    assert isinstance(result, Decoded), result
    return {reading.channel: reading.value for row in result.rows for reading in profile.apply(row)}


def _random_frames(make: Callable[[random.Random], bytes]) -> Iterator[bytes]:
    chance = random.Random(20261124)
    for _ in range(FRAMES):
        yield make(chance)


@pytest.mark.parametrize(
    ("sensor", "model", "make", "words"),
    [
        ("PMSx003", "plantower/pms5003", _plantower(13), {**STANDARD, **MASS, **SIX_SIZES}),
        ("PMS3003", "plantower/pms3003", _plantower(9), {**STANDARD, **MASS}),
        ("PMS5003T", "plantower/pms5003t", _plantower(13, 11), {**STANDARD, **MASS, **FOUR_SIZES, **CLIMATE}),
        ("PMS5003S", "plantower/pms5003s", _plantower(13), {**STANDARD, **MASS, **SIX_SIZES, **HCHO}),
        (
            "PMS5003ST",
            "plantower/pms5003st",
            _plantower(17, 14),
            {**STANDARD, **MASS, **SIX_SIZES, **HCHO, **CLIMATE},
        ),
        ("SDS01x", "nova/sds011", _nova(0xC0), {"pm25": ("pm2_5", 1), "pm10": ("pm10", 1)}),
        ("SDS198", "nova/sds198", _nova(0xCF), {"pm100": ("pm100", 1)}),
        ("SPS30", "sensirion/sps30-uart", _shdlc, SPS30),
        ("HPMA115S0", "honeywell/hpma115", _honeywell(2), {"pm25": ("pm2_5", 1), "pm10": ("pm10", 1)}),
        ("HPMA115C0", "honeywell/hpma115", _honeywell(4), {**MASS, "pm04": ("pm4", 1)}),
        ("MHZ19B", "winsen/mh-z19", _winsen, {"CO2": ("co2", 1)}),
        ("ZH0xx", "winsen/zh03b", _winsen, MASS),
    ],
)
def test_every_number_is_what_the_library_reads(
    sensor: str, model: str, make: Callable[[random.Random], bytes], words: Words
) -> None:
    compared = 0
    for frame in _random_frames(make):
        ours = _readings(model, frame)
        try:
            theirs = Sensor[sensor].decode(frame, time=1)
        except (InconsistentObservation, SensorWarmingUp):
            continue
        except (WrongMessageChecksum, WrongMessageFormat):
            # The library takes a Winsen sum of 0 for 256, and undoes SHDLC stuffing pair by pair; both frames are good.
            continue
        for word, (channel, factor) in words.items():
            value = ours[channel]
            assert value is not None, (channel, frame.hex())
            assert value == pytest.approx(getattr(theirs, word) * factor, rel=1e-6), (channel, frame.hex())
            compared += 1
    assert compared > FRAMES * len(words) // 2


def test_every_number_of_nav_pvt_is_what_the_library_reads() -> None:
    chance = random.Random(1)
    for _ in range(FRAMES):
        payload = bytearray(chance.randbytes(92))
        payload[4:12] = struct.pack("<HBBBBBB", 2026, 1 + chance.randrange(12), 1 + chance.randrange(28), 5, 6, 7, 7)
        payload[16:22] = struct.pack("<iBB", chance.randrange(10**9), 3, 1)
        payload[24:32] = struct.pack("<ii", chance.randrange(-180, 180) * 10**7, chance.randrange(-90, 90) * 10**7)
        body = b"\x01\x07\x5c\x00" + bytes(payload)
        frame = b"\xb5\x62" + body + fletcher8(body).to_bytes(2, "big")
        theirs = UBXReader.parse(frame)
        ours = _readings("u-blox/nav-pvt", frame)
        for channel, wanted in {
            "latitude": theirs.lat,
            "longitude": theirs.lon,
            "altitude": theirs.hMSL / 1000,
            "height_ellipsoid": theirs.height / 1000,
            "ground_speed": theirs.gSpeed / 1000,
            "speed_north": theirs.velN / 1000,
            "course": theirs.headMot,
            "satellites": theirs.numSV,
            "dilution": theirs.pDOP,
            "fix_mode": theirs.fixType,
            "carrier_solution": theirs.carrSoln,
        }.items():
            value = ours[channel]
            assert value is not None or (channel == "dilution" and wanted == 99.99), channel
            assert value is None or value == pytest.approx(wanted, rel=1e-9, abs=1e-9), channel
