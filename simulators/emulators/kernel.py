"""Sensors that the Linux kernel reads, as its trees show them: a BME280 under IIO, a DS18B20 under 1-Wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulators.checksums import crc_maxim
from simulators.emulators.numbers import counted
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_POWER_ON: Final = 85 * 16
"""What the scratchpad holds before the first conversion: 85 degrees in sixteenths (DS18B20, figure 4)."""


class Bme280(Talker):
    """Documentation/ABI/testing/sysfs-bus-iio: milli degrees, kilopascal, milli per cent."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One file for each quantity that can be read; a frame's channel is the path below ``/sys``."""
        folder = "bus/iio/devices/iio:device0"
        values = measurement.values
        frames = [Frame(b"bme280\n", f"{folder}/name")]
        temperature, pressure, humidity = (
            values.get(name) for name in ("air_temperature", "air_pressure", "relative_humidity")
        )
        if temperature is not None:
            text = f"{counted(temperature, 0.01, -4000, 8500) * 10}\n"
            frames.append(Frame(text.encode(), f"{folder}/in_temp_input"))
        if pressure is not None:
            text = f"{counted(pressure, 0.01, 30_000, 110_000) / 1000:.9f}\n"
            frames.append(Frame(text.encode(), f"{folder}/in_pressure_input"))
        if humidity is not None:
            text = f"{counted(humidity, 0.001, 0, 100_000)}\n"
            frames.append(Frame(text.encode(), f"{folder}/in_humidityrelative_input"))
        return frames


class Ds18b20(Talker):
    """Scratchpad and value as ``w1_slave`` prints them; data sheet 19-7487, figures 3 and 4."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """The file of the probe; the power-on value where it sensed nothing."""
        temperature = measurement.values.get("temperature")
        raw = _POWER_ON if temperature is None else counted(temperature, 0.0625, -880, 2000)
        pad = (raw & 0xFFFF).to_bytes(2, "little") + bytes((0x4B, 0x46, 0x7F, 0xFF, 0x0C, 0x10))
        pad += bytes((crc_maxim(pad),))
        row = pad.hex(" ")
        # The kernel divides as C does, towards nought: -0.0625 is t=-62.
        milli = abs(raw) * 1000 // 16 * (-1 if raw < 0 else 1)
        text = f"{row} : crc={pad[8]:02x} YES\n{row} t={milli}\n"
        return (Frame(text.encode(), "bus/w1/devices/28-0316a2795bff/w1_slave"),)


BME280: Final = Model(
    id="bosch/bme280-iio",
    transport="directory",
    period_s=1.0,
    channels={"air_temperature": 23.45, "air_pressure": 938.2, "relative_humidity": 48.2},
    make=lambda _: Bme280(),
)
DS18B20: Final = Model(
    id="maxim/ds18b20-w1",
    transport="directory",
    period_s=1.0,
    channels={"temperature": 12.5},
    make=lambda _: Ds18b20(),
)
