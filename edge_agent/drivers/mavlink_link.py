"""One vehicle's stream, shared by the devices that read parts of it: position, battery, weather."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from device_profiles.codecs.mavlink_copies import Copies
from device_profiles.codecs.mavlink_frames import HEARTBEAT
from device_profiles.codecs.mavlink_scan import SETUP_SIGNING, Frame, MavlinkScan
from device_profiles.codecs.mavlink_time import SYSTEM_TIME, UTM_GLOBAL_POSITION, Timed, VehicleClock, timed
from device_profiles.mavlink import table
from device_profiles.mavlink.definitions import Message
from edge_agent.clock import Clock
from edge_agent.drivers.mavlink_signed import Signed
from edge_agent.drivers.mavlink_talk import Talk
from edge_agent.drivers.ports import ByteLine, LinkDown, NotReady, Text

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
        told: What the line itself has to say, in words: a signature that changed, a rate that is not kept.
        overrun: Frames that it was too slow for.
    """

    def __init__(self, wanted: frozenset[int]) -> None:
        self.wanted = wanted
        self.heard: deque[Heard] = deque()
        self.told: deque[Text] = deque(maxlen=64)
        self.overrun = 0


class MavlinkLink:
    """Opens the line for its first device and closes it behind the last; whoever reads, reads for all.

    Attributes:
        signed: Who verifies signatures; None takes frames as they come.
        talk: What is said on it.
    """

    def __init__(self, source: ByteLine, clock: Clock) -> None:
        self.signed: Signed | None = None
        self.talk = Talk()
        self._messages: dict[int, Message] = {}
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

    def subscribe(self, wanted: frozenset[int], own: Mapping[int, Message] | None = None) -> Subscriber:
        """Take part; before the line is opened.

        Args:
            wanted: Message numbers; a key on its way to the vehicle is never among them.
            own: Messages of the user's, by number.
        """
        subscriber = Subscriber(wanted - {SETUP_SIGNING})
        self._subscribers.append(subscriber)
        self._messages.update(own or {})
        for number in subscriber.wanted | {SYSTEM_TIME, UTM_GLOBAL_POSITION}:
            where = timed(self._messages.get(number) or table.known(number))
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
                self._scan = MavlinkScan(self._seeds())
                self._copies = Copies(self._kinds)
                self.talk.begin(self._name, self.signed)
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
                await self._speak()
                data = await self._source.read(timeout_s)
            except LinkDown as exc:
                self._broken = str(exc)
                raise
            if data is None:
                return False
            arrived_ns = self._clock.wall_ns()
            for frame in self._scan.feed(data):
                # Before copies are told: a forged frame must not make a copy of the true one.
                if (self.signed is None or self.signed.admits(frame)) and not self._copies.is_copy(frame):
                    self._give(frame, arrived_ns)
            return True

    async def close(self, subscriber: Subscriber) -> None:
        """Leave; the last one closes the line. Never raises."""
        self._present.discard(id(subscriber))
        if not self._present:
            await self._source.close()
            if self.signed is not None:
                self.signed.save(self._clock.monotonic_s(), at_once=True)

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
            **(self.signed.counts if self.signed is not None else {}),
            **self.talk.counts,
        }

    def _seeds(self) -> dict[int, int]:
        """Seeds of the checksums of all that anybody wants."""
        wanted = {SYSTEM_TIME, UTM_GLOBAL_POSITION, *self.talk.wanted}
        wanted.update(*(each.wanted for each in self._subscribers))
        own = {number: message.crc_extra for number, message in self._messages.items()}
        seeds = table.crc_extras() | own
        return {number: seeds[number] for number in wanted}

    def _name(self, number: int) -> str:
        return (self._messages.get(number) or table.known(number)).name

    async def _speak(self) -> None:
        """Say what is due, and pass on what the line has to say."""
        now_s = self._clock.monotonic_s()
        for frame in self.talk.due(now_s, self._clock.wall_ns(), self.signed):
            await self._source.write(frame)
        self._tell("rates", self.talk.told())
        if self.signed is not None:
            self.signed.save(now_s)
            self._tell("signing", self.signed.told())

    def _tell(self, channel: str, words: list[str]) -> None:
        """To the device that reads heartbeats, as all events; to the first where none does."""
        if words:
            by_rank = sorted(self._subscribers, key=lambda each: HEARTBEAT not in each.wanted)
            by_rank[0].told.extend(Text(channel, word) for word in words)

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
            boot_before = clock.boot
            boot_ns = clock.hear(frame, where)
            self.talk.hear(frame, self._clock.monotonic_s(), is_new_life=clock.boot != boot_before)
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
