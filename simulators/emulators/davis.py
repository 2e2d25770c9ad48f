"""A weather station's console: Davis Vantage Pro2 and Vue, serial communication reference 2.6.1."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Final

from simulators.checksums import crc_xmodem
from simulators.emulators.numbers import counted, known
from simulators.emulators.port import Measurement, Model
from simulators.frames import Frame

_INCH_HG_PER_HPA: Final = 1 / 33.863886
_MPH_PER_M_S: Final = 1 / 0.44704
_ACK: Final = b"\x06"
_NAK: Final = b"\x21"
_LOOPS_MAX: Final = 0xFFFF
_LOOP_NS: Final = 50_000_000
"""A packet begins so long after the acknowledgement. [ns]"""
_DASH: Final = 0x7FFF
"""What a word says of what is not there."""


class Vantage:
    """LOOP and LOOP2 packets when asked for, one with each measurement, every two seconds."""

    def __init__(self) -> None:
        self._latest: Measurement | None = None
        self._kinds: Sequence[Callable[[Measurement], bytes]] = ()
        self._owed = 0
        """Packets still to come of the last command."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """What is said while a command lasts; nothing else by itself."""
        self._latest = measurement
        return self._next()

    def _next(self) -> Sequence[Frame]:
        if not self._owed or self._latest is None:
            return ()
        self._owed -= 1
        # Where both kinds are asked for they take turns.
        kind, *others = self._kinds
        self._kinds = (*others, kind)
        return (Frame(kind(self._latest), delay_ns=_LOOP_NS),)

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - it has no clock of ours
        """``LOOP n`` or ``LPS kinds n``: the packet of now, then one with each measurement.

        Whatever is sent to it ends what lasts; a bare line wakes it up; it does not know anything else.
        """
        self._owed = 0
        words = request.decode("ascii", "replace").split()
        if not words:
            return (Frame(b"\n\r"),)
        if words == ["TEST"]:
            return (Frame(b"TEST\n\r"),)
        kinds = _KINDS.get(tuple(words[:-1]))
        if kinds is None or not (words[-1].isascii() and words[-1].isdecimal()):
            return (Frame(_NAK),)
        self._kinds, self._owed = kinds, min(int(words[-1][:5]), _LOOPS_MAX)
        return (Frame(_ACK), *self._next())


def _loop(measurement: Measurement) -> bytes:
    """Section X.1; what this station has no sensor for stays dashes, and no rain has ever fallen on it."""
    packet = _common(measurement, kind=0)
    packet[15] = packet[14]
    struct.pack_into("<8H", packet, 46, 0, 0xFFFF, 0, 0, 0, 0, 0, 0)
    packet[70:87] = bytes(17)
    struct.pack_into("<HBBHH", packet, 87, 820, 6, 45, 545, 1855)
    return _checked(packet)


def _loop2(measurement: Measurement) -> bytes:
    """Section X.2: means, gusts and what is worked out of several values are not known yet."""
    packet = _common(measurement, kind=1)
    struct.pack_into("<4H", packet, 18, _DASH, _DASH, _DASH, _DASH)
    struct.pack_into("<h", packet, 30, 255)
    struct.pack_into("<3h", packet, 35, 255, 255, 255)
    struct.pack_into("<7H", packet, 46, 0, 0xFFFF, 0, 0, 0, 0, 0)
    packet[60] = 2
    struct.pack_into("<hhHHH", packet, 61, 0, 0, 0, 0, 0)
    return _checked(packet)


def _common(measurement: Measurement, *, kind: int) -> bytearray:
    """What stands at the same place in both kinds."""
    values = measurement.values

    def fahrenheit(name: str) -> int:
        value = values.get(name)
        return _DASH if value is None else counted(value * 9 / 5 + 32, 0.1, -32_768, 32_766)

    pressure, speed = values.get("sea_level_pressure"), values.get("wind_speed")
    direction = values.get("wind_direction")
    packet = bytearray(b"\xff" * 99)
    struct.pack_into("<3sBBH", packet, 0, b"LOO", 0, kind, measurement.number & 0xFFFF if kind == 0 else _DASH)
    bar = 0 if pressure is None else counted(pressure * _INCH_HG_PER_HPA, 0.001, 1, 0xFFFE)
    indoor_humidity = known(values.get("indoor_humidity"), 255, 1, 0, 100)
    struct.pack_into("<HhB", packet, 7, bar, fahrenheit("indoor_temperature"), indoor_humidity)
    mph = 255 if speed is None else counted(speed * _MPH_PER_M_S, 1, 0, 254)
    # North is 360: nought says that there is no direction.
    bearing = _DASH if direction is None else counted(direction, 1, 0, 360) % 360 or 360
    struct.pack_into("<hBBH", packet, 12, fahrenheit("air_temperature"), mph, 0xFF, bearing)
    packet[33] = known(values.get("relative_humidity"), 255, 1, 0, 100)
    solar = known(values.get("solar_radiation"), _DASH, 1, 0, 1800)
    uv_index = known(values.get("uv_index"), 255, 0.1, 0, 160)
    struct.pack_into("<HBH", packet, 41, 0, uv_index, solar)
    return packet


def _checked(packet: bytearray) -> bytes:
    packet[95:97] = b"\n\r"
    struct.pack_into(">H", packet, 97, crc_xmodem(bytes(packet[:97])))
    return bytes(packet)


_KINDS: Final = {("LOOP",): (_loop,), ("LPS", "1"): (_loop,), ("LPS", "2"): (_loop2,), ("LPS", "3"): (_loop, _loop2)}

VANTAGE: Final = Model(
    id="davis/vantage",
    transport="serial",
    period_s=2.0,
    channels={
        "sea_level_pressure": 1008.3,
        "air_temperature": 24.6,
        "indoor_temperature": 26.0,
        "relative_humidity": 71.0,
        "indoor_humidity": 55.0,
        "wind_speed": 3.1,
        "wind_direction": 245.0,
        "solar_radiation": 612.0,
        "uv_index": 6.1,
    },
    make=lambda _: Vantage(),
    requests="line",
)
