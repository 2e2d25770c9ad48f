"""Messages of an autopilot that a profile reads, at the vehicle's own times. Listens only: it sends nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from device_profiles.codecs.mavlink_scan import GROUND_STATIONS_FROM, Frame
from device_profiles.engine.payload import Payload
from device_profiles.engine.profile import Profile
from device_profiles.mavlink.definitions import Message
from device_profiles.rejects import FrameRejected
from edge_agent.clock import Clock
from edge_agent.drivers.mavlink_link import Heard, MavlinkLink
from edge_agent.drivers.ports import LinkDown, Read, Sample, Text
from edge_agent.drivers.profiled import sample_of
from edge_agent.telemetry.events import HEARD, VehicleEvents
from edge_agent.telemetry.flights import HEARTBEAT

LEARN_S: Final = 30.0
"""How long readings wait for the vehicle to learn the time: it says so every second once it has a fix. [s]"""
HELD_MAX: Final = 2048
"""Frames that wait for it."""
_TICK_S: Final = 1.0


class MavlinkDriver:
    """One profile's messages of one vehicle; with a profile that reads heartbeats its events in words, too."""

    def __init__(
        self,
        link: MavlinkLink,
        profile: Profile,
        clock: Clock,
        *,
        system: int = 0,
        component: int = 1,
        interval_s: float = 0,
        silence_s: float = 0,
        own: Mapping[int, Message] | None = None,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            link: The stream, shared with other devices.
            profile: What reads the messages.
            clock: Of the agent.
            system: Of this vehicle only; nought takes any that is no ground station.
            component: Of this component only; nought takes any.
            interval_s: Of each kind of message at most one in this time; nought takes all. [s]
            silence_s: The line counts as down after this long without a byte; nought never. [s]
            own: Messages of the user's, by number.
        """
        self._link = link
        self._profile = profile
        self._clock = clock
        self._system = system
        self._component = component
        self._interval_ns = int(interval_s * 1e9)
        self._silence_s = silence_s
        self._read_kinds = frozenset(number for frame in profile.frames for number in frame.ids)
        self._event_kinds = HEARD if HEARTBEAT in self._read_kinds else frozenset()
        self._subscriber = link.subscribe(self._read_kinds | self._event_kinds, own)
        self._events: dict[tuple[int, int], VehicleEvents] = {}
        self._held: deque[tuple[float, Heard, bool]] = deque()
        self._last_ns: dict[tuple[int, int, int, int], int] = {}
        self._quiet_since_s = 0.0
        self._notes = {"thinned": 0, "clock_unset": 0, "time_unknown": 0, "others": 0}

    async def open(self) -> None:
        """Open the line, or join those who read it; raises ``LinkDown`` or ``NotReady``."""
        await self._link.open(self._subscriber)
        self._quiet_since_s = self._clock.monotonic_s()

    async def read(self) -> list[Read]:
        """Samples of what came.

        Raises:
            LinkDown: The line is gone, or silent for too long.
        """
        if await self._link.pump(self._subscriber, _TICK_S):
            self._quiet_since_s = self._clock.monotonic_s()
        elif self._silence_s and self._clock.monotonic_s() - self._quiet_since_s >= self._silence_s:
            raise LinkDown(f"no byte for {self._silence_s:g} s")
        now_s = self._clock.monotonic_s()
        while self._subscriber.heard:
            heard = self._subscriber.heard.popleft()
            if not self._is_mine(heard.frame):
                self._notes["others"] += 1
                continue
            is_read = heard.frame.message in self._read_kinds and not self._is_thinned(heard)
            if is_read or heard.frame.message in self._event_kinds:
                self._held.append((now_s, heard, is_read))
        return [*self._release(now_s), *self._words()]

    async def close(self) -> list[Read]:
        """Leave the line; what waited for the time goes by this machine's clock."""
        await self._link.close(self._subscriber)
        return [*self._release(float("inf")), *self._words()]

    def _words(self) -> list[Read]:
        """What the line itself had to say; by this machine's clock, since it happened here."""
        reads: list[Read] = []
        while self._subscriber.told:
            reads.append(Sample(None, self._clock.wall_ns(), (), (self._subscriber.told.popleft(),)))
        return reads

    def notes(self) -> dict[str, int]:
        """Counts of what was left out, and of times that are not the vehicle's."""
        return {**self._notes, **self._link.counts(), "overrun": self._subscriber.overrun}

    def _is_mine(self, frame: Frame) -> bool:
        if self._component and frame.component != self._component:
            return False
        return frame.system == self._system if self._system else frame.system < GROUND_STATIONS_FROM

    def _is_thinned(self, heard: Heard) -> bool:
        """By the vehicle's clock: a burst of late frames is thinned as it would have been in time."""
        if not self._interval_ns:
            return False
        key = (heard.frame.system, heard.frame.component, heard.frame.message, heard.boot)
        at_ns = heard.boot_ns if heard.boot_ns is not None else heard.arrived_ns
        if key in self._last_ns and at_ns - self._last_ns[key] < self._interval_ns:
            self._notes["thinned"] += 1
            return True
        self._last_ns[key] = at_ns
        return False

    def _release(self, now_s: float) -> list[Read]:
        """What has its time, in order; the first that must wait stops those behind it."""
        reads: list[Read] = []
        while self._held:
            since_s, heard, is_read = self._held[0]
            at_ns = self._link.utc_ns(heard)
            if at_ns is None:
                if now_s - since_s < LEARN_S and len(self._held) < HELD_MAX:
                    break
                at_ns = self._link.by_own_clock_ns(heard)
                self._notes["clock_unset" if at_ns is not None else "time_unknown"] += 1
            self._held.popleft()
            if is_read:
                reads += self._samples(heard, at_ns)
            reads += self._told(heard, at_ns)
        return reads

    def _told(self, heard: Heard, at_ns: int | None) -> list[Read]:
        """Events; of a vehicle that began anew all is news."""
        if heard.frame.message not in self._event_kinds or not heard.frame.is_vehicles:
            return []
        life = (heard.frame.system, heard.boot)
        events = self._events.setdefault(life, VehicleEvents()).hear(heard.frame, heard.boot_ns or 0)
        texts = tuple(Text(event.channel, event.text) for event in events)
        return [Sample(at_ns, heard.arrived_ns, (), texts)] if texts else []

    def _samples(self, heard: Heard, at_ns: int | None) -> list[Read]:
        frame = heard.frame
        decoded = self._profile.decode_payload(Payload(frame.data, frame.start, frame.end, frame.message))
        if isinstance(decoded, FrameRejected):
            return [decoded]
        rows = [sample_of(row, heard.arrived_ns) for row in decoded.rows if row.channels]
        return [Sample(at_ns, heard.arrived_ns, row.numbers, row.texts) for row in rows]
