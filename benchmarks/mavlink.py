"""What an autopilot's stream costs the agent, and how near an interpolated place comes to the true one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from device_profiles.codecs.mavlink_copies import Copies
from device_profiles.codecs.mavlink_scan import MavlinkScan
from device_profiles.codecs.mavlink_time import VehicleClock, timed
from device_profiles.mavlink import table
from edge_agent.telemetry.track import Fix, Track, distance_m

FLIGHT: Final = "mavlink/thayer_flight_pass53.mav"
CHUNK_BYTES: Final = 4096
POSITION, ATTITUDE = 33, 30
_ADDED: Final = """
import time
import edge_agent.agent, edge_agent.drivers.make_profiled, device_profiles.catalogue as catalogue
catalogue.load("nova/sds011")
def kib():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
before, began = kib(), time.perf_counter()
import edge_agent.drivers.mavlink, edge_agent.drivers.mavlink_link, edge_agent.telemetry.track
imported_s = time.perf_counter() - began
from edge_agent.clock import SystemClock
from edge_agent.drivers.tcp import TcpStream
link = edge_agent.drivers.mavlink_link.MavlinkLink(TcpStream("127.0.0.1", 9), SystemClock())
driver = edge_agent.drivers.mavlink.MavlinkDriver(link, catalogue.load("mavlink/position"), SystemClock())
from device_profiles.mavlink import table
table.crc_extras()
print(imported_s, time.perf_counter() - began, kib() - before)
"""


def run(seconds: float = 5.0) -> dict[str, Any]:
    """Scan the recorded flight again and again for positions; import the driver in fresh processes."""
    folder = os.environ.get("HARKARA_CAPTURES")
    path = Path(folder) / FLIGHT if folder else None
    if path is None or not path.is_file():
        raise SystemExit("HARKARA_CAPTURES names no folder with the recorded flight")
    data = path.read_bytes()
    frames, took_s = _scan(data, seconds)
    added = sorted(_added() for _ in range(3))[1]
    errors = _errors(data)
    return {
        "about": f"a recorded flight in pieces of {CHUNK_BYTES} bytes; positions and attitudes wanted, 17 % of it",
        "frames_per_s": round(frames / took_s),
        "import_ms": round(added[0] * 1000, 1),
        "first_device_ms": round(added[1] * 1000, 1),
        "memory_mb": round(added[2] / 1024, 1),
        "places": len(errors),
        "place_error_p50_m": round(errors[len(errors) // 2], 3),
        "place_error_p95_m": round(errors[int(0.95 * len(errors))], 3),
        "place_error_max_m": round(errors[-1], 3),
        "targets": {
            "frames_per_s": ">= 500000",
            "import_ms": "<= 60",
            "memory_mb": "<= 10",
            "place_error_p95_m": "<= 0.35",
        },
    }


def _scan(data: bytes, seconds: float) -> tuple[int, float]:
    wanted = {number: table.crc_extras()[number] for number in (POSITION, ATTITUDE)}
    pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
    frames, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        scan = MavlinkScan(wanted)
        for piece in pieces:
            scan.feed(piece)
        scan.flush()
        frames += scan.frames
    return frames, time.perf_counter() - began


def _added() -> tuple[float, float, float]:
    done = subprocess.run([sys.executable, "-c", _ADDED], capture_output=True, text=True, check=True)
    imported_s, ready_s, kib = map(float, done.stdout.split())
    return imported_s, ready_s, kib


def _errors(data: bytes) -> list[float]:
    """Distances of interpolated places from the true ones, every second position held out. [m]."""
    extras = table.crc_extras()
    scan = MavlinkScan({POSITION: extras[POSITION]})
    where = timed(table.known(POSITION))
    assert where is not None
    copies, clock, fixes = Copies({POSITION: where}), VehicleClock(), []
    for frame in scan.feed(data) + scan.flush():
        at_ns = None if copies.is_copy(frame) else clock.hear(frame, where)
        if at_ns is not None:
            payload = frame.payload.ljust(28, b"\0")
            lat, lon, alt = (int.from_bytes(payload[at : at + 4], "little", signed=True) for at in (4, 8, 12))
            if lat or lon:
                fixes.append(Fix(at_ns, lat / 1e7, lon / 1e7, alt / 1e3))
    track = Track()
    for fix in fixes[::2]:
        track.add(fix)
    return sorted(distance_m(place, fix) for fix in fixes[1::2] if (place := track.at(fix.at_ns)) is not None)
