"""Weather instruments on serial lines: Davis Vantage, Gill WindSonic, Hydreon RG-15."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from simulators.checksums import crc_xmodem
from simulators.emulators.numbers import counted, known
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_INCH_HG_PER_HPA: Final = 1 / 33.863886
_MPH_PER_M_S: Final = 1 / 0.44704
_ACK: Final = b"\x06"


class Vantage:
    """Davis Instruments, serial communication reference 2.6.1: LOOP packets when asked for, every two seconds."""

    def __init__(self) -> None:
        self._packet = b""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew the packet; the console never speaks by itself."""
        self._packet = _loop(measurement)
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - it has no clock of ours
        """``LOOP n`` or ``LPS 1 n``: that many packets; a bare line wakes it up; anything else it does not know."""
        words = request.decode("ascii", "replace").split()
        if not words:
            return (Frame(b"\n\r"),)
        if words[0] == "TEST":
            return (Frame(b"TEST\n\r"),)
        if words[0] not in {"LOOP", "LPS"} or not words[-1].isdecimal():
            return (Frame(b"\x21"),)
        count = min(int(words[-1]), 200)
        packets = (Frame(self._packet, delay_ns=50_000_000 + 2_000_000_000 * index) for index in range(count))
        return (Frame(_ACK), *packets)


def _loop(measurement: Measurement) -> bytes:
    values = measurement.values

    def fahrenheit(name: str) -> int:
        value = values.get(name)
        return 0x7FFF if value is None else counted(value * 9 / 5 + 32, 0.1, -32_768, 32_766)

    pressure, speed = values.get("sea_level_pressure"), values.get("wind_speed")
    direction = values.get("wind_direction")
    packet = bytearray(b"\xff" * 99)
    struct.pack_into("<3sBBH", packet, 0, b"LOO", 0, 0, measurement.number & 0xFFFF)
    bar = 0 if pressure is None else counted(pressure * _INCH_HG_PER_HPA, 0.001, 1, 0xFFFE)
    indoor_humidity = known(values.get("indoor_humidity"), 255, 1, 0, 100)
    struct.pack_into("<HhB", packet, 7, bar, fahrenheit("indoor_temperature"), indoor_humidity)
    mph = 255 if speed is None else counted(speed * _MPH_PER_M_S, 1, 0, 254)
    # North is 360: nought says that there is no direction.
    bearing = 0x7FFF if direction is None else counted(direction, 1, 0, 360) % 360 or 360
    struct.pack_into("<hBBH", packet, 12, fahrenheit("air_temperature"), mph, mph, bearing)
    packet[33] = known(values.get("relative_humidity"), 255, 1, 0, 100)
    solar = known(values.get("solar_radiation"), 0x7FFF, 1, 0, 1800)
    uv_index = known(values.get("uv_index"), 255, 0.1, 0, 160)
    struct.pack_into("<HBH", packet, 41, 0, uv_index, solar)
    struct.pack_into("<8H", packet, 46, 0, 0xFFFF, 0, 0, 0, 0, 0, 0)
    packet[70:87] = bytes(17)
    struct.pack_into("<HBBHH2s", packet, 87, 820, 6, 45, 545, 1855, b"\n\r")
    struct.pack_into(">H", packet, 97, crc_xmodem(bytes(packet[:97])))
    return bytes(packet)


class WindSonic(Talker):
    """Gill Instruments, WindSonic manual 1405-PS-0019, continuous polar mode: a line with an XOR check."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One line; without direction below 0.05 m/s, as the manual says."""
        speed, direction = measurement.values.get("wind_speed"), measurement.values.get("wind_direction")
        if speed is None or direction is None:
            body = "Q,,,M,04,"
        else:
            bearing = "" if speed < 0.05 else f"{counted(direction, 1, 0, 360) % 360:03d}"
            body = f"Q,{bearing},{counted(speed, 0.01, 0, 6000) / 100:06.2f},M,00,"
        check = 0
        for byte in body.encode():
            check ^= byte
        return (Frame(b"\x02" + body.encode() + b"\x03" + f"{check:02X}\r\n".encode()),)


class Rg15:
    """Hydreon RG-15, software notes 1.000: polling mode, metric; a new accumulation begins with every answer."""

    def __init__(self) -> None:
        self._line = b""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew the line; it never speaks by itself."""
        names = ("precipitation", "precipitation_event", "precipitation_total", "precipitation_rate")
        acc, event, total, rate = (max(0.0, measurement.values.get(name) or 0.0) for name in names)
        self._line = (
            f"Acc {acc:5.2f} mm, EventAcc {event:5.2f} mm, TotalAcc {total:5.2f} mm, RInt {rate:5.2f} mmph\r\n".encode()
        )
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - it has no clock
        """``R`` reads, ``K`` restarts, ``P`` and ``M`` are acknowledged."""
        command = request.strip().upper()
        if command == b"R":
            return (Frame(self._line, delay_ns=30_000_000),)
        return (Frame(command.lower() + b"\r\n"),) if command in {b"P", b"M", b"H", b"L"} else ()


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
WINDSONIC: Final = Model(
    id="gill/windsonic",
    transport="serial",
    period_s=1.0,
    channels={"wind_speed": 2.74, "wind_direction": 229.0},
    make=lambda _: WindSonic(),
)
RG15: Final = Model(
    id="hydreon/rg-15",
    transport="serial",
    period_s=5.0,
    channels={
        "precipitation": 0.2,
        "precipitation_event": 2.1,
        "precipitation_total": 54.85,
        "precipitation_rate": 2.89,
    },
    make=lambda _: Rg15(),
    requests="line",
)
