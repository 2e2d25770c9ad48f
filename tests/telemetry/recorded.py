"""The recorded flight, read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from device_profiles.codecs.mavlink_scan import TLOG_LEAD, Frame, MavlinkScan
from device_profiles.codecs.mavlink_time import Timed, timed
from device_profiles.mavlink import table

FLIGHT = "mavlink/thayer_flight_pass53.mav"
SUBMARINE = "mavlink/ardusub_small.tlog"


@cache
def frames_of(path: Path) -> tuple[Frame, ...]:
    """Every frame of a kind that the table knows."""
    scan = MavlinkScan(table.crc_extras(), lead=TLOG_LEAD if path.suffix == ".tlog" else 0)
    return tuple(scan.feed(path.read_bytes()) + scan.flush())


def timed_kinds(frames: tuple[Frame, ...]) -> dict[int, Timed]:
    """Kinds of these frames that carry the vehicle's time."""
    kinds = {number: timed(table.known(number)) for number in {frame.message for frame in frames}}
    return {number: where for number, where in kinds.items() if where is not None}
