"""MAVLink logs: a ground station's tlog, or the frames alone as they were on the link.

Read twice: first for the vehicle's clocks, flights and arm windows, then for the readings, so that what was measured
before the vehicle knew the time has its time, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from device_profiles import catalogue
from device_profiles.codecs.mavlink_copies import Copies
from device_profiles.codecs.mavlink_scan import AUTOPILOT, TLOG_LEAD, V1, V2, Frame, MavlinkScan
from device_profiles.codecs.mavlink_time import Timed, VehicleClock, timed
from device_profiles.engine.payload import Payload
from device_profiles.engine.profile import Profile
from device_profiles.mavlink import table
from device_profiles.rejects import FrameRejected
from edge_agent.drivers.ports import Sample, Text
from edge_agent.drivers.profiled import sample_of
from edge_agent.imports.model import Counts, ImportedRow, key_of
from edge_agent.telemetry.events import HEARD, VehicleEvents
from edge_agent.telemetry.flights import HEARTBEAT, Flights

BOOT_BYTES: Final = 4
"""Messages whose time has this size count from boot for sure; longer ones may be UTC. [bytes]"""
VENDOR: Final = "mavlink/"
PIECE_BYTES: Final = 1 << 18
_US_NS: Final = 1_000
_LOG_US: Final = (946_684_800_000_000, 4_102_444_800_000_000)
"""A stamp of a log lies between 2000 and 2100. [us]"""


def is_tlog(head: bytes) -> bool:
    """Whether a file begins as a ground station's log does."""
    stamp = int.from_bytes(head[:TLOG_LEAD], "big")
    return len(head) > TLOG_LEAD and _LOG_US[0] < stamp < _LOG_US[1] and head[TLOG_LEAD] in {V1, V2}


def is_raw(head: bytes) -> bool:
    """Whether several whole frames follow one another near the beginning."""
    scan = MavlinkScan(table.crc_extras())
    scan.feed(head)
    return scan.frames >= 3 and scan.noise_bytes <= len(head) // 2


class VehicleLog:
    """One log.

    Devices are named after who spoke: ``PREFIX-position`` is the autopilot's position, ``PREFIX-s255-controls`` what
    system 255 sent, ``PREFIX-c194-status`` another component of the vehicle.
    """

    def __init__(self, path: Path, *, prefix: str, started_ns: int | None = None) -> None:
        """Prepare to read.

        Args:
            path: The file.
            prefix: Of all device ids.
            started_ns: When the vehicle was switched on, for logs that tell no UTC at all. [ns]
        """
        self.counts = Counts()
        self.path = path
        self._prefix = prefix
        self._started_ns = started_ns
        with path.open("rb") as file:
            self._lead = TLOG_LEAD if is_tlog(file.read(TLOG_LEAD + 1)) else 0
        self._offsets: dict[tuple[int, int], int] = {}
        self._kinds: dict[int, Timed] = {}
        for number in table.crc_extras():
            where = timed(table.known(number))
            if where is not None:
                self._kinds[number] = where
        self._since_boot = {number for number, where in self._kinds.items() if where.size == BOOT_BYTES}
        self._profiles = _profiles()
        self._events: dict[tuple[int, int], VehicleEvents] = {}
        self._said: Counter[bytes] = Counter()
        self._said_at_ns = 0

    def rows(self) -> Iterator[ImportedRow]:
        """Every row, in the order of the file."""
        vehicle = self._look_ahead()
        counts = self.counts
        clocks: dict[int, VehicleClock] = {}
        copies = Copies(self._kinds)
        scan = MavlinkScan(table.crc_extras(), lead=self._lead)
        for frame in self._frames(scan):
            has_time = frame.system == vehicle and frame.message in self._since_boot
            counts.notes["timed_frames"] += has_time
            if copies.is_copy(frame):
                counts.copies += 1
                continue
            counts.kept += 1
            counts.notes["timed_kept"] += has_time
            boot, boot_ns = self._hear(clocks, frame, vehicle)
            yield from self._read(frame, boot, boot_ns, vehicle)
            if frame.is_vehicles and frame.message in HEARD and boot_ns is not None:
                yield from self._told(frame, boot, boot_ns, vehicle)
        counts.frames = scan.frames
        if scan.checksum_errors:
            counts.rejects["checksum"] = scan.checksum_errors
        for name, number in (
            ("unknown_message", scan.unwanted - scan.incompatible),
            ("incompatible", scan.incompatible),
        ):
            if number:
                counts.rejects[name] = number
        if scan.noise_bytes:
            counts.notes["noise_bytes"] = scan.noise_bytes

    def _frames(self, scan: MavlinkScan) -> Iterator[Frame]:
        with self.path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield from scan.feed(piece)
        yield from scan.flush()

    def _look_ahead(self) -> int:
        """Clocks, flights and arm windows; gives the vehicle's system id."""
        clocks: dict[int, VehicleClock] = {}
        flights: dict[int, Flights] = {}
        logged: dict[tuple[int, int], int] = {}
        heard: dict[int, int] = {}
        for frame in self._frames(MavlinkScan(table.crc_extras(), lead=self._lead)):
            if not frame.is_vehicles:
                continue
            heard[frame.system] = heard.get(frame.system, 0) + 1
            clock = clocks.setdefault(frame.system, VehicleClock())
            boot_ns = clock.hear(frame, self._kinds.get(frame.message))
            if boot_ns is None:
                continue
            flights.setdefault(frame.system, Flights()).hear(frame, boot_ns)
            boot = (frame.system, clock.boot)
            if clock.offset_ns is not None:
                self._offsets[boot] = clock.offset_ns
            if frame.logged_us and frame.message in self._kinds:
                # What was under way the shortest came nearest to when it was measured.
                late_ns = frame.logged_us * _US_NS - boot_ns
                logged[boot] = min(late_ns, logged.get(boot, late_ns))
        for boot, offset_ns in logged.items():
            if boot not in self._offsets:
                self._offsets[boot] = offset_ns
                self.counts.notes["clock_unset_time_from_log"] += 1
        self.counts.notes["clock_unset_messages"] += sum(clock.unset for clock in clocks.values())
        self.counts.notes["clock_steps"] += sum(clock.steps for clock in clocks.values())
        self.counts.notes = +self.counts.notes
        self.counts.flights = sum(len(each.flights) for each in flights.values())
        self.counts.arm_windows = sum(len(each.arm_windows) for each in flights.values())
        return max(heard, key=lambda system: heard[system], default=1)

    def _hear(self, clocks: dict[int, VehicleClock], frame: Frame, vehicle: int) -> tuple[int, int | None]:
        """Which boot of the vehicle, and the time in it; of who has no clock of the vehicle, its newest."""
        if frame.is_vehicles:
            clock = clocks.setdefault(frame.system, VehicleClock())
            boot_ns = clock.hear(frame, self._kinds.get(frame.message))
            return clock.boot, boot_ns
        clock = clocks.setdefault(vehicle, VehicleClock())
        return clock.boot, clock.boot_ns or None

    def _utc_ns(self, system: int, boot: int, boot_ns: int | None) -> int | None:
        if boot_ns is None:
            return None
        offset_ns = self._offsets.get((system, boot))
        if offset_ns is None and self._started_ns is not None and boot == 1:
            offset_ns = self._started_ns
        return None if offset_ns is None else boot_ns + offset_ns

    def _read(self, frame: Frame, boot: int, boot_ns: int | None, vehicle: int) -> Iterator[ImportedRow]:
        profile = self._profiles.get(frame.message)
        if profile is None:
            self.counts.notes["frames_without_profile"] += 1
            return
        owner = frame.system if frame.is_vehicles else vehicle
        observed_at_ns = self._utc_ns(owner, boot, boot_ns)
        if observed_at_ns is None:
            self.counts.rejects["time_unknown"] += 1
            return
        decoded = profile.decode_payload(Payload(frame.data, frame.start, frame.end, frame.message))
        if isinstance(decoded, FrameRejected):
            self.counts.rejects[decoded.reason.value] += 1
            return
        for number, row in enumerate(decoded.rows):
            sample = sample_of(row, observed_at_ns)
            self.counts.take(sample.numbers)
            if all(each.value is None for each in sample.numbers):
                continue
            key = key_of(
                "mavlink", boot_ns or 0, frame.system, frame.component, *self._content(frame, boot_ns or 0), number
            )
            # The vehicle's own time counts: that of the receiver it carries is one of its readings.
            placed = Sample(observed_at_ns, observed_at_ns, sample.numbers)
            yield ImportedRow(self._name(frame, profile, vehicle), profile.id, placed, key)

    def _told(self, frame: Frame, boot: int, boot_ns: int, vehicle: int) -> Iterator[ImportedRow]:
        """Events: what changed. How a vehicle was when the file begins is no event, so that a part of it adds none."""
        profile = self._profiles.get(HEARTBEAT)
        at_ns = self._utc_ns(frame.system, boot, boot_ns)
        events = self._events.setdefault((frame.system, boot), VehicleEvents()).hear(frame, boot_ns)
        if profile is None or at_ns is None:
            return
        for event in events:
            if event.is_first:
                continue
            self.counts.events += 1
            self.counts.readings += 1
            key = key_of("mavlink event", boot_ns, frame.system, event.channel, event.text)
            sample = Sample(at_ns, at_ns, (), (Text(event.channel, event.text),))
            yield ImportedRow(self._name(frame, profile, vehicle), profile.id, sample, key)

    def _content(self, frame: Frame, boot_ns: int) -> tuple[int, bytes, int]:
        """What a frame says, and how often it was said at this instant.

        A stick that does not move says the same again and again, also while the vehicle, whose time it gets, is silent.
        """
        if frame.message in self._kinds and boot_ns:
            return frame.message, frame.payload.rstrip(b"\0"), 0
        if boot_ns != self._said_at_ns:
            self._said_at_ns = boot_ns
            self._said.clear()
        self._said[frame.data] += 1
        return frame.message, frame.data, self._said[frame.data]

    def _name(self, frame: Frame, profile: Profile, vehicle: int) -> str:
        who = "" if frame.system == vehicle else f"s{frame.system}-"
        if frame.component != AUTOPILOT and frame.system == vehicle:
            who = f"c{frame.component}-"
        return f"{self._prefix}-{who}{profile.id.removeprefix(VENDOR)}"


def _profiles() -> dict[int, Profile]:
    """The catalogue's profile of each message; the first by name where several read it."""
    found: dict[int, Profile] = {}
    for name in catalogue.ids():
        if name.startswith(VENDOR):
            profile = catalogue.load(name)
            for frame in profile.frames:
                for number in frame.ids:
                    found.setdefault(number, profile)
    return found
