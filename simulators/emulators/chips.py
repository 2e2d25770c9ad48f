"""What is wired to a Pi's own pins: an SHT3x on the I2C bus, a tipping bucket on a GPIO line."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from simulators.checksums import crc_sensirion
from simulators.emulators.numbers import counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_SINGLE_SHOT: Final = frozenset({b"\x24\x00", b"\x24\x0b", b"\x24\x16"})
_SHT_BUSY_NS: Final = 15_000_000
"""Longest measurement at high repeatability (SHT3x-DIS version 6, table 4). [ns]"""


class Sht3x:
    """Sensirion SHT3x-DIS, version 6, 4.3 to 4.13: a write is a command, a read its answer; early reads find none."""

    def __init__(self) -> None:
        self._now = b""
        self._held: tuple[bytes, int] | None = None

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Renew what the next measurement finds; where that is nothing, the read is not acknowledged."""
        temperature, humidity = (measurement.values.get(name) for name in ("air_temperature", "relative_humidity"))
        if temperature is None or humidity is None:
            self._now = b""
            return ()
        words = (
            struct.pack(">H", counted((temperature + 45) / 175 * 65_535, 1, 0, 0xFFFF)),
            struct.pack(">H", counted(humidity / 100 * 65_535, 1, 0, 0xFFFF)),
        )
        self._now = b"".join(word + bytes((crc_sensirion(word),)) for word in words)
        return ()

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:
        """A request with bytes is a write transfer, one without is a read; no frame is a NACK."""
        if request in _SINGLE_SHOT:
            self._held = (self._now, at_ns + _SHT_BUSY_NS)
            return (Frame(b""),)
        if request or self._held is None or at_ns < self._held[1]:
            return ()
        held, self._held = self._held[0], None
        return (Frame(held),) if held else ()


class TippingBucket(Talker):
    """A reed contact: it closes once for each tip; a frame is one closing, its bytes are none."""

    def __init__(self, tip_mm: float) -> None:
        self._tip_mm = tip_mm
        self._tips = 0

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """The tips since the measurement before, evenly within the last second of it; a broken contact never closes."""
        fallen = measurement.values.get("precipitation")
        if fallen is None:
            return ()
        tips = max(self._tips, counted(fallen / self._tip_mm, 1, 0, (1 << 32) - 1))
        fresh, self._tips = tips - self._tips, tips
        return [Frame(b"", delay_ns=index * 10**9 // max(fresh, 1)) for index in range(fresh)]


SHT3X: Final = Model(
    id="sensirion/sht3x-i2c",
    transport="i2c",
    period_s=1.0,
    channels={"air_temperature": 22.4, "relative_humidity": 61.3},
    make=lambda _: Sht3x(),
    address=0x44,
    requests="i2c",
)
TIPPING_BUCKET: Final = Model(
    id="pulse/tipping-bucket",
    transport="pulse",
    period_s=1.0,
    channels={"precipitation": 5.0},
    make=lambda _: TippingBucket(0.2),
)
