"""Sensors by radio: a Dragino soil probe over a LoRaWAN network server, a Ruuvi tag's advertisement."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

from simulators.emulators.numbers import all_sensed, counted, known
from simulators.emulators.port import Measurement, Model, Talker
from simulators.frames import Frame

_EUI: Final = "a84041000181c061"
_PORT: Final = 2
Network = Literal["chirpstack", "things-stack"]
_ALWAYS: Final = ("battery_voltage", "soil_moisture_percent", "soil_temperature", "soil_conductivity")


class Lse01(Talker):
    """Dragino LSE01 user manual 1.5, 2.3: eleven bytes on port 2, as ``server`` publishes them.

    Args:
        server: ChirpStack 4 or The Things Stack 3.
    """

    def __init__(self, server: Network) -> None:
        self._server = server

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """One uplink; a frame's channel is its topic. None without soil: its payload has no word for that."""
        sensed = all_sensed(measurement.values, _ALWAYS)
        if sensed is None:
            return ()
        data = base64.b64encode(_soil(sensed, measurement.values.get("probe_temperature"))).decode()
        seconds, rest_ns = divmod(measurement.at_ns, 10**9)
        at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest_ns:09d}Z"
        if self._server == "chirpstack":
            message: dict[str, object] = {
                "time": at,
                "deviceInfo": {"applicationName": "soil", "deviceName": "field-1", "devEui": _EUI},
                "devAddr": "01a2b3c4",
                "dr": 2,
                "fCnt": measurement.number,
                "fPort": _PORT,
                "data": data,
            }
            topic = f"application/1/device/{_EUI}/event/up"
        else:
            message = {
                "end_device_ids": {"device_id": "field-1", "dev_eui": _EUI.upper()},
                "received_at": at,
                "uplink_message": {
                    "f_port": _PORT,
                    "f_cnt": measurement.number,
                    "frm_payload": data,
                    "received_at": at,
                },
            }
            topic = "v3/soil@station/devices/field-1/up"
        return (Frame(json.dumps(message, separators=(",", ":")).encode(), topic),)


def _soil(always: Sequence[float], probe: float | None) -> bytes:
    battery, moisture, temperature, conductivity = always
    return struct.pack(
        ">HhHhHB",
        counted(battery, 0.001, 0, 0x3FFF),
        known(probe, 0x7FFF, 0.1, -550, 1250),
        counted(moisture, 0.01, 0, 10_000),
        counted(temperature, 0.01, -4000, 8500),
        counted(conductivity, 1, 0, 20_000),
        0x10,
    )


class RuuviTag(Talker):
    """Ruuvi data format 5 (RAWv2), docs.ruuvi.com: the manufacturer's data of an advertisement."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """24 bytes; every value has its own word for not available."""
        values = measurement.values
        pressure = values.get("air_pressure")
        millivolts = known(values.get("battery_voltage"), 2047 + 1600, 0.001, 1600, 3646) - 1600
        body = struct.pack(
            ">BhHHhhhHBH",
            5,
            known(values.get("air_temperature"), -0x8000, 0.005, -32_767, 32_767),
            known(values.get("relative_humidity"), 0xFFFF, 0.0025, 0, 40_000),
            known(None if pressure is None else pressure - 50_000, 0xFFFF, 1, 0, 65_534),
            *(known(values.get(f"acceleration_{axis}"), -0x8000, 1, -32_767, 32_767) for axis in "xyz"),
            millivolts << 5 | known(values.get("transmit_power"), 31 - 20, 2, -20, 10) + 20,
            known(values.get("movement_count"), 255, 1, 0, 254),
            measurement.number % 65_535,
        )
        return (Frame(body + bytes.fromhex("cbb8334c884f")),)


_SOIL_CHANNELS: Final = {
    "battery_voltage": 3.412,
    "probe_temperature": 24.1,
    "soil_moisture_percent": 19.57,
    "soil_temperature": 21.3,
    "soil_conductivity": 320.0,
}
LSE01: Final = Model(
    id="dragino/lse01",
    transport="mqtt",
    period_s=1200.0,
    channels=_SOIL_CHANNELS,
    make=lambda _: Lse01("chirpstack"),
)
RUUVI_DF5: Final = Model(
    id="ruuvi/ruuvitag-df5",
    transport="ble",
    period_s=1.285,
    channels={
        "air_temperature": 24.3,
        "relative_humidity": 53.49,
        "air_pressure": 93_820.0,
        "acceleration_x": 4.0,
        "acceleration_y": -4.0,
        "acceleration_z": 1036.0,
        "battery_voltage": 2.977,
        "transmit_power": 4.0,
        "movement_count": 66.0,
    },
    make=lambda _: RuuviTag(),
)
