"""The demonstration's drone: an autopilot on one port, an air sensor on board on another, both in one simulated world.

What it really did is written beside: what each said, value by value, and where the sensor was at each of its readings.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import struct
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from simulators.cli_words import end_on_signals
from simulators.demo.layout import AIR, DRONE
from simulators.emulators.mavlink_writer import Definition, Value
from simulators.emulators.port import Measurement
from simulators.emulators.survey import Home, Spot, Survey
from simulators.emulators.vehicle import Vehicle
from simulators.emulators.vehicle_messages import (
    ATTITUDE,
    EXTENDED_SYS_STATE,
    GLOBAL_POSITION_INT,
    GPS_RAW_INT,
    HEARTBEAT,
    MISSION_CURRENT,
    MISSION_ITEM_REACHED,
    SYSTEM_TIME,
)
from simulators.pty_port import PtyPort
from simulators.truth import Emission, TruthLog
from simulators.world.fields import Points, World

AIR_CHANNELS: Final[Mapping[str, int]] = {"pm2_5": 1, "air_temperature": 2, "relative_humidity": 1, "air_pressure": 2}
"""What the sensor on board reads, and its digits after the point."""
STEP_NS: Final = 200_000_000
"""The sensor measures five times a second. [ns]"""
SPEAKS_EACH: Final = 2
"""The autopilot speaks at every second of these steps, so that most readings lie between two positions."""
AIR_AFTER_NS: Final = 70_000_000
"""The sensor measures between two positions. [ns]"""
ELEVATION_M: Final = 560.0
_MS_NS: Final = 1_000_000
_DRAIN_S: Final = 5.0

_ARMED: Final = "base_mode, highest bit"
_CHANNELS: Final[Mapping[int, tuple[str, tuple[tuple[str, str, int], ...]]]] = {
    GLOBAL_POSITION_INT.number: (
        "drone-position",
        (
            ("uptime", "time_boot_ms", 0),
            ("latitude", "lat", 7),
            ("longitude", "lon", 7),
            ("altitude", "alt", 0),
            ("height_above_home", "relative_alt", 0),
            ("speed_north", "vx", 0),
            ("speed_east", "vy", 0),
            ("speed_down", "vz", 0),
            ("heading", "hdg", 2),
        ),
    ),
    GPS_RAW_INT.number: (
        "drone-gnss",
        (
            ("fix_mode", "fix_type", 0),
            ("latitude", "lat", 7),
            ("longitude", "lon", 7),
            ("altitude", "alt", 0),
            ("hdop", "eph", 2),
            ("vdop", "epv", 2),
            ("ground_speed", "vel", 0),
            ("course", "cog", 2),
            ("satellites", "satellites_visible", 0),
        ),
    ),
    ATTITUDE.number: (
        "drone-attitude",
        (
            ("uptime", "time_boot_ms", 0),
            ("roll", "roll", 0),
            ("pitch", "pitch", 0),
            ("yaw", "yaw", 0),
            ("roll_rate", "rollspeed", 0),
            ("pitch_rate", "pitchspeed", 0),
            ("yaw_rate", "yawspeed", 0),
        ),
    ),
    HEARTBEAT.number: (
        "drone-status",
        (
            ("flight_mode", "custom_mode", 0),
            ("vehicle_type", "type", 0),
            ("autopilot", "autopilot", 0),
            ("device_status", "system_status", 0),
            ("armed", _ARMED, 0),
        ),
    ),
    SYSTEM_TIME.number: ("drone-status", (("uptime", "time_boot_ms", 0),)),
    EXTENDED_SYS_STATE.number: ("drone-status", (("landed_state", "landed_state", 0),)),
    MISSION_CURRENT.number: ("drone-status", (("mission_item", "seq", 0),)),
    MISSION_ITEM_REACHED.number: ("drone-status", (("mission_item_reached", "seq", 0),)),
}
"""Of the messages that are read: who reads them, and each channel's field and digits after the point."""


def said_text(definition: Definition, fields: Mapping[str, Value], at_ns: int) -> tuple[str, str] | None:
    """Who reads a message said at an instant, and its values as a line of truth; None for what nobody reads."""
    found = _CHANNELS.get(definition.number)
    if found is None:
        return None
    who, channels = found
    kinds = {name: kind for kind, name in definition.fields}
    parts = [f'"time":"{iso(at_ns)}"']
    for channel, name, digits in channels:
        value = fields.get("base_mode" if name == _ARMED else name, 0)
        assert isinstance(value, int | float)
        if name == _ARMED:
            value = int(value) >> 7
        if kinds.get(name) == "float":
            parts.append(f'"{channel}":{struct.unpack("<f", struct.pack("<f", value))[0]!r}')
        else:
            parts.append(f'"{channel}":{value / 10**digits:.{digits}f}')
    return who, "{" + ",".join(parts) + "}"


def iso(at_ns: int) -> str:
    """A time to the millisecond."""
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // _MS_NS:03d}Z"


class Flight:
    """One flight over real ports.

    Args:
        seed: Of the world.
        survey: The way.
        drone: The autopilot's port.
        air: The sensor's port.
        folder: For the logs of truth.
    """

    def __init__(self, seed: int, survey: Survey, drone: PtyPort, air: PtyPort, folder: Path) -> None:
        self._world = World(seed=seed)
        self._home = Home(self._world.latitude_deg, self._world.longitude_deg, ELEVATION_M)
        self._survey = survey
        self._vehicle = Vehicle(mission=self._home.mission(survey.corners))
        self._drone, self._air, self._folder = drone, air, folder

    def fly(self) -> None:
        """Speak until interrupted; after landing it stands and goes on speaking."""
        self._boot_ns = (time.time_ns() // STEP_NS + 1) * STEP_NS
        with contextlib.ExitStack() as files:
            logs = {name: files.enter_context(TruthLog(self._folder / f"{name}.truth.jsonl")) for name in (AIR, *DRONE)}
            places = files.enter_context((self._folder / f"{AIR}.places.jsonl").open("a", encoding="ascii"))
            number = 0
            while True:
                at_ns = self._boot_ns + number * STEP_NS
                _sleep_until(at_ns)
                if number % SPEAKS_EACH == 0:
                    self._speak(number // SPEAKS_EACH + 1, at_ns, logs)
                number += 1
                _sleep_until(at_ns + AIR_AFTER_NS)
                places.write(json.dumps(self._measure(at_ns + AIR_AFTER_NS, logs[AIR])) + "\n")
                places.flush()

    def _spot(self, at_ns: int) -> Spot:
        return self._survey.at((at_ns - self._boot_ns) / 1e9)

    def _speak(self, number: int, at_ns: int, logs: Mapping[str, TruthLog]) -> None:
        spot = self._spot(at_ns)
        latitude, longitude, _ = self._home.place(spot)
        values = {
            "latitude": latitude,
            "longitude": longitude,
            "height_above_ground": spot.height,
            "ground_elevation": self._home.elevation,
        }
        measurement = Measurement(number=number, at_ns=at_ns, clock_ns=at_ns, values=values)
        heard = self._drone.has_reader()
        for definition, fields in self._vehicle.messages(measurement):
            frame = self._vehicle.frame(definition, fields, at_ns)
            told = said_text(definition, fields, at_ns)
            if told is not None:
                who, text = told
                logs[who].append(
                    Emission(device=who, form="json", text=text, emitted_at_ns=time.time_ns(), heard=heard)
                )
            if heard:
                self._drone.write(frame.data)

    def _measure(self, at_ns: int, log: TruthLog) -> dict[str, float]:
        """One line of the sensor; gives where it really was."""
        spot = self._spot(at_ns)
        latitude, longitude, altitude = self._home.place(spot)
        point = Points(
            np.array([spot.east]), np.array([spot.north]), np.array([altitude]), np.array([at_ns], dtype=np.int64)
        )
        values = {channel: self._world.sample(channel, point).item() for channel in AIR_CHANNELS}
        said = ",".join(f'"{channel}":{value:.{AIR_CHANNELS[channel]}f}' for channel, value in values.items())
        line = f'{{"time":"{iso(at_ns)}",{said}}}'
        heard = self._air.has_reader()
        log.append(Emission(device=AIR, form="json", text=line, emitted_at_ns=time.time_ns(), heard=heard))
        if heard:
            self._air.write(f"{line}\n".encode("ascii"))
        return {"at_ns": at_ns, "latitude": latitude, "longitude": longitude, "altitude": altitude}


def _sleep_until(at_ns: int) -> None:
    while (rest_ns := at_ns - time.time_ns()) > 0:
        time.sleep(rest_ns / 1e9)


def main() -> int:
    """Run as a process of the demonstration.

    Returns:
        0 when it was stopped.
    """
    parser = argparse.ArgumentParser(prog="python -m simulators.demo.flight", description=__doc__)
    parser.add_argument("--drone-link", type=Path, required=True, help="the autopilot's port")
    parser.add_argument("--air-link", type=Path, required=True, help="the port of the sensor on board")
    parser.add_argument("--folder", type=Path, required=True, help="for the logs of truth")
    parser.add_argument("--seconds", type=float, required=True, help="after so long it must have landed")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    end_on_signals()
    with PtyPort(args.drone_link) as drone, PtyPort(args.air_link) as air:
        try:
            while not (drone.has_reader() and air.has_reader()):
                time.sleep(0.05)
            Flight(args.seed, Survey(args.seconds), drone, air, args.folder).fly()
        except KeyboardInterrupt:
            for port in (drone, air):
                port.drain(_DRAIN_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
