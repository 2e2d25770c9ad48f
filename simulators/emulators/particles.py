"""Particle sensors on serial lines: Plantower PMS5003 and Nova SDS011 speak by themselves, Sensirion SPS30 is asked."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from simulators.emulators.numbers import all_sensed, counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_PMS_WORDS: Final = (
    *("pm1_standard", "pm2_5_standard", "pm10_standard", "pm1", "pm2_5", "pm10"),
    *("particles_0_3", "particles_0_5", "particles_1_0", "particles_2_5", "particles_5_0", "particles_10"),
)
_SPS_FLOATS: Final = (
    *("pm1", "pm2_5", "pm4", "pm10"),
    *("particles_0_5", "particles_1_0", "particles_2_5", "particles_4_0", "particles_10", "particle_size"),
)


class Pms5003(Talker):
    """Plantower, manual V2.3, appendix I: 32 bytes a second in active mode."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One frame, or none where a value is missing; its check is the sum of all bytes before."""
        sensed = all_sensed(measurement.values, (*_PMS_WORDS, "device_status"))
        if sensed is None:
            return ()
        *words, status = (counted(value, 1, 0, 0xFFFF) for value in sensed)
        body = b"BM" + struct.pack(">H12HBB", 28, *words, 0x97, min(status, 0xFF))
        return (Frame(body + struct.pack(">H", sum(body))),)


class Sds011(Talker):
    """Nova Fitness, control protocol V1.3, command 4: ten bytes a second."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One frame, or none where a value is missing; its check is the sum of the six data bytes."""
        sensed = all_sensed(measurement.values, ("pm2_5", "pm10", "device_id"))
        if sensed is None:
            return ()
        fine, coarse = (counted(value, 0.1, 0, 19_999) for value in sensed[:2])
        data = struct.pack("<3H", fine, coarse, counted(sensed[2], 1, 0, 0xFFFF))
        return (Frame(b"\xaa\xc0" + data + bytes((sum(data) & 0xFF, 0xAB))),)


class Sps30:
    """Sensirion, datasheet SPS30 1.0, section 5: SHDLC frames; it measures once it was started."""

    def __init__(self) -> None:
        self._measures = False
        self._fresh: bytes | None = None

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew what the next reading gives, nothing new where nothing was sensed; it never speaks by itself."""
        if self._measures:
            floats = all_sensed(measurement.values, _SPS_FLOATS)
            self._fresh = None if floats is None else struct.pack(">10f", *floats)
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - it has no clock
        """Answer one frame between its two marks; silent to damage."""
        body = _unstuffed(request)
        if len(body) < 4 or body[0] != 0 or ~sum(body[:-1]) & 0xFF != body[-1] or body[2] != len(body) - 4:
            return ()
        command = body[1]
        if command == 0x00:
            self._measures = True
        elif command == 0x01:
            self._measures, self._fresh = False, None
        elif command == 0x03:
            if not self._measures:
                return (_shdlc(command, 0x43, b""),)
            data, self._fresh = self._fresh or b"", None
            return (_shdlc(command, 0, data),)
        else:
            return (_shdlc(command, 0x02, b""),)
        return (_shdlc(command, 0, b""),)


_STUFFED: Final[Mapping[int, bytes]] = {0x7E: b"\x7d\x5e", 0x7D: b"\x7d\x5d", 0x11: b"\x7d\x31", 0x13: b"\x7d\x33"}


def _shdlc(command: int, state: int, data: bytes) -> Frame:
    body = bytes((0, command, state, len(data))) + data
    body += bytes((~sum(body) & 0xFF,))
    stuffed = b"".join(_STUFFED.get(byte, bytes((byte,))) for byte in body)
    return Frame(b"\x7e" + stuffed + b"\x7e", delay_ns=20_000_000)


def _unstuffed(frame: bytes) -> bytes:
    body = frame.strip(b"\x7e")
    for byte, code in _STUFFED.items():
        if byte != 0x7D:
            body = body.replace(code, bytes((byte,)))
    return body.replace(_STUFFED[0x7D], b"\x7d")


PMS5003: Final = Model(
    id="plantower/pms5003",
    transport="serial",
    period_s=1.0,
    channels={
        "pm1_standard": 8.0,
        "pm2_5_standard": 12.0,
        "pm10_standard": 15.0,
        "pm1": 8.0,
        "pm2_5": 12.0,
        "pm10": 15.0,
        "particles_0_3": 1500.0,
        "particles_0_5": 430.0,
        "particles_1_0": 80.0,
        "particles_2_5": 9.0,
        "particles_5_0": 3.0,
        "particles_10": 1.0,
        "device_status": 0.0,
    },
    make=lambda _: Pms5003(),
)
SDS011: Final = Model(
    id="nova/sds011",
    transport="serial",
    period_s=1.0,
    channels={"pm2_5": 12.3, "pm10": 26.1, "device_id": 0x60A1},
    make=lambda _: Sds011(),
)
SPS30: Final = Model(
    id="sensirion/sps30-uart",
    transport="serial",
    period_s=1.0,
    channels={
        "pm1": 5.23,
        "pm2_5": 9.47,
        "pm4": 12.65,
        "pm10": 13.28,
        "particle_size": 0.83,
        "particles_0_5": 26.3,
        "particles_1_0": 36.1,
        "particles_2_5": 40.6,
        "particles_4_0": 42.4,
        "particles_10": 42.5,
    },
    make=lambda _: Sps30(),
    requests="shdlc",
)
