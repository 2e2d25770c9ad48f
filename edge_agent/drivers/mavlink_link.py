"""One vehicle's stream, shared by the devices that read parts of it: position, battery, weather."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

from device_profiles.codecs.mavlink_copies import Copies
from device_profiles.codecs.mavlink_scan import Frame, MavlinkScan
from device_profiles.codecs.mavlink_time import SYSTEM_TIME, UTM_GLOBAL_POSITION, Timed, VehicleClock, timed
from device_profiles.mavlink import table
from edge_agent.clock import Clock
from edge_agent.drivers.ports import ByteSource, LinkDown, NotReady

WAITING_MAX: Final = 2048
"""Frames that wait for one device; a device that does not read loses the oldest, and counts them."""


class Heard(NamedTuple):
    """A frame, and when it was made.

    Attributes:
        frame: The frame.
        boot: Which life of the vehicle, from 1.
        boot_ns: Time since boot; None before the vehicle told any. [ns]
        arrived_ns: When its last byte was read, by the wall clock. [ns]
    """

    frame: Frame
    boot: int
    boot_ns: int | None
    arrived_ns: int


class Subscriber:
    """What one device wants of the stream.

    Attributes:
        wanted: Message numbers.
        heard: Frames that wait for it.
        overrun: Frames that it was too slow for.
    """

    def __init__(self, wanted: frozenset[int]) -> None:
        self.wanted = wanted
        self.heard: deque[Heard] = deque()
        self.overrun = 0


class MavlinkLink:
    """Opens the line for its first device and closes it behind the last; whoever reads, reads for all."""

    def __init__(self, source: ByteSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._subscribers: list[Subscriber] = []
        self._present: set[int] = set()
        self._broken = ""
        self._reading = asyncio.Lock()
        self._kinds: dict[int, Timed] = {}
        self._clocks: dict[int, VehicleClock] = {}
        self._vehicle = 0
        self._least_late_ns: dict[tuple[int, int], int] = {}
        self._first_ns: dict[tuple[int, int], int] = {}
        self._scan = MavlinkScan({})
        self._copies = Copies({})

    def subscribe(self, wanted: frozenset[int]) -> Subscriber:
        """Take part; before the line is opened."""
        subscriber = Subscriber(wanted)
        self._subscribers.append(subscriber)
        for number in wanted | {SYSTEM_TIME, UTM_GLOBAL_POSITION}:
            where = timed(table.known(number))
            if where is not None:
                self._kinds[number] = where
        return subscriber

    async def open(self, subscriber: Subscriber) -> None:
        """Open the line, unless another device has.

        Raises:
            LinkDown: It cannot be opened.
            NotReady: The others have not let go of a line that broke.
        """
        async with self._reading:
            if self._broken and self._present:
                raise NotReady(self._broken, 0.2)
            if not self._present:
                self._broken = ""
                await self._source.open()
                wanted = {SYSTEM_TIME, UTM_GLOBAL_POSITION}.union(*(each.wanted for each in self._subscribers))
                extras = table.crc_extras()
                self._scan = MavlinkScan({number: extras[number] for number in wanted})
                self._copies = Copies(self._kinds)
            self._present.add(id(subscriber))
            subscriber.heard.clear()

    async def pump(self, subscriber: Subscriber, timeout_s: float | None) -> bool:
        """Read once for all, unless something waits for this device; False when ``timeout_s`` passed in silence.

        Raises:
            LinkDown: The line is gone.
        """
        async with self._reading:
            if subscriber.heard:
                return True
            if self._broken:
                raise LinkDown(self._broken)
            try:
                data = await self._source.read(timeout_s)
            except LinkDown as exc:
                self._broken = str(exc)
                raise
            if data is None:
                return False
            arrived_ns = self._clock.wall_ns()
            for frame in self._scan.feed(data):
                if not self._copies.is_copy(frame):
                    self._give(frame, arrived_ns)
            return True

    async def close(self, subscriber: Subscriber) -> None:
        """Leave; the last one closes the line. Never raises."""
        self._present.discard(id(subscriber))
        if not self._present:
            await self._source.close()

    def utc_ns(self, heard: Heard) -> int | None:
        """When the frame was made, as the vehicle says; None while it does not know. [ns]."""
        clock = self._clocks.get(self._owner(heard.frame))
        if clock is None or clock.boot != heard.boot:
            return None
        return clock.utc_ns(self._made_ns(heard))

    def by_own_clock_ns(self, heard: Heard) -> int | None:
        """The same by this machine's clock, for a vehicle that never learns the time. [ns].

        What was under way the shortest came nearest to when it was made, so that one difference serves all frames.
        """
        late_ns = self._least_late_ns.get((self._owner(heard.frame), heard.boot))
        made_ns = self._made_ns(heard)
        return None if late_ns is None or made_ns is None else made_ns + late_ns

    def counts(self) -> dict[str, int]:
        """What was not given to any device, by name."""
        return {
            "copies": sum(self._copies.dropped.values()),
            "checksum_errors": self._scan.checksum_errors,
            "noise_bytes": self._scan.noise_bytes,
        }

    def _made_ns(self, heard: Heard) -> int | None:
        """Time since boot; what came before the vehicle told any is taken for as old as the first it told."""
        if heard.boot_ns is not None:
            return heard.boot_ns
        return self._first_ns.get((self._owner(heard.frame), heard.boot))

    def _owner(self, frame: Frame) -> int:
        """Whose clock a frame goes by: cameras, radios and ground stations go by the vehicle's."""
        return frame.system if frame.is_vehicles else self._vehicle

    def _give(self, frame: Frame, arrived_ns: int) -> None:
        owner = self._owner(frame)
        clock = self._clocks.setdefault(owner, VehicleClock())
        boot_ns: int | None
        if frame.is_vehicles:
            self._vehicle = self._vehicle or owner
            where = self._kinds.get(frame.message)
            boot_ns = clock.hear(frame, where)
            if boot_ns is not None and (where is not None or frame.message == SYSTEM_TIME):
                late_ns = arrived_ns - boot_ns
                key = (owner, clock.boot)
                self._first_ns.setdefault(key, boot_ns)
                self._least_late_ns[key] = min(late_ns, self._least_late_ns.get(key, late_ns))
        else:
            boot_ns = clock.boot_ns or None
        for subscriber in self._subscribers:
            if frame.message in subscriber.wanted and id(subscriber) in self._present:
                if len(subscriber.heard) >= WAITING_MAX:
                    subscriber.heard.popleft()
                    subscriber.overrun += 1
                subscriber.heard.append(Heard(frame, clock.boot, boot_ns, arrived_ns))
