"""MAVLink frames out of a stream: those asked for are verified and given, all others are stepped over by their length.

A vehicle speaks fifty kinds of messages a hundred times a second and few are wanted. A frame that nobody wants costs a
look at its header and at the byte behind its end; only what is wanted is checked byte by byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from device_profiles.checksums import crc16_mcrf4xx

V1: Final = 0xFE
V2: Final = 0xFD
SIGNATURE_BYTES: Final = 13
TLOG_LEAD: Final = 8
"""Before each frame of a ground station's log stands when it came: microseconds since 1970, big end first. [bytes]"""
AUTOPILOT: Final = 1
"""MAV_COMP_ID_AUTOPILOT1: only its times are the vehicle's."""
GROUND_STATIONS_FROM: Final = 250
"""Systems from here on are ground stations by custom: their time is not the vehicle's."""
SETUP_SIGNING: Final = 256
"""The one message that must be kept nowhere: it carries a key."""
_V1_BYTES, _V2_BYTES = 8, 12
_SIGNED: Final = 1
_HEADER_MAX: Final = 10


class Frame(NamedTuple):
    """A verified frame.

    Attributes:
        system: System id of the sender.
        component: Component id of the sender.
        message: Message number.
        data: The whole frame.
        start: Where its payload begins. [bytes]
        end: Behind its payload. [bytes]
        logged_us: When a ground station's log says that it came, Unix; 0 where there is no such time. [us]
    """

    system: int
    component: int
    message: int
    data: bytes
    start: int
    end: int
    logged_us: int

    @property
    def payload(self) -> bytes:
        """As sent: version 2 leaves noughts at the end out."""
        return self.data[self.start : self.end]

    @property
    def is_vehicles(self) -> bool:
        """Whether an autopilot said it, rather than a camera, radio or ground station."""
        return self.component == AUTOPILOT and self.system < GROUND_STATIONS_FROM

    @property
    def is_signed(self) -> bool:
        """Whether a signature follows the checksum."""
        return self.data[0] == V2 and bool(self.data[2] & _SIGNED)


class MavlinkScan:
    """Cuts a stream of bytes in any pieces.

    Attributes:
        frames: Frames seen, wanted or not.
        unwanted: Of these, stepped over.
        incompatible: Of these, with flags that say they must not be understood by who does not know the flags.
        noise_bytes: What belonged to no frame. [bytes]
        checksum_errors: Wanted frames whose checksum is wrong; their bytes are searched for other frames.
    """

    def __init__(self, wanted: Mapping[int, int], *, lead: int = 0) -> None:
        """Make a scan.

        Args:
            wanted: Message number to the seed of its checksum.
            lead: Bytes before each frame: `TLOG_LEAD` in a ground station's log. [bytes]
        """
        self.frames = self.unwanted = self.incompatible = self.noise_bytes = self.checksum_errors = 0
        self._wanted = dict(wanted)
        self._lead = lead
        self._held = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes; gives the wanted frames that are complete by them."""
        return self._scan(self._held + data if self._held else bytes(data), ended=False)

    def flush(self) -> list[Frame]:
        """The stream ended: a frame that ends with it counts, what is left is noise."""
        return self._scan(self._held, ended=True)

    def _scan(self, buffer: bytes, *, ended: bool) -> list[Frame]:  # noqa: C901, PLR0912 - one loop, its speed is the point
        found: list[Frame] = []
        wanted, lead, size = self._wanted, self._lead, len(buffer)
        at = lead  # of the frame itself, behind its lead
        frames = unwanted = noise = 0
        while at < size:
            first = buffer[at]
            if first == V2:
                if at + _HEADER_MAX > size:
                    break
                flags = buffer[at + 2]
                end = at + _V2_BYTES + buffer[at + 1] + (SIGNATURE_BYTES if flags & _SIGNED else 0)
                message = buffer[at + 7] | buffer[at + 8] << 8 | buffer[at + 9] << 16
            elif first == V1:
                if at + 6 > size:
                    break
                flags = 0
                end = at + _V1_BYTES + buffer[at + 1]
                message = buffer[at + 5]
            else:
                at += 1
                noise += 1
                continue
            if message in wanted and not flags & ~_SIGNED:
                if end > size:
                    break
                frame = self._verified(buffer, at, end, message)
                if frame is not None:
                    frames += 1
                    found.append(frame)
                    at = end + lead
                    continue
                self.checksum_errors += 1
            else:
                follower = end + lead
                if follower >= size and not (ended and end == size):
                    break  # Whether this is a frame, what follows will tell.
                if follower >= size or buffer[follower] == V2 or buffer[follower] == V1:
                    frames += 1
                    unwanted += 1
                    if flags & ~_SIGNED:
                        self.incompatible += 1
                    at = follower
                    continue
            at += 1
            noise += 1
        self.frames += frames
        self.unwanted += unwanted
        self.noise_bytes += noise
        self._held = buffer[at - lead :]
        if ended:
            return found + self._end()
        return found

    def _end(self) -> list[Frame]:
        """What is held at the end is cut short, or noise that looked like a frame and may hide a whole one."""
        if len(self._held) <= self._lead:
            self._held = b""
            return []
        self.noise_bytes += 1
        rest, self._held = self._held[1:], b""
        return self._scan(rest, ended=True)

    def _verified(self, buffer: bytes, at: int, end: int, message: int) -> Frame | None:
        second = buffer[at] == V2
        start = at + (_HEADER_MAX if second else 6)
        stop = start + buffer[at + 1]
        crc = crc16_mcrf4xx(buffer[at + 1 : stop] + bytes((self._wanted[message],)))
        if buffer[stop] | buffer[stop + 1] << 8 != crc:
            return None
        system, component = (buffer[at + 5], buffer[at + 6]) if second else (buffer[at + 3], buffer[at + 4])
        logged_us = int.from_bytes(buffer[at - self._lead : at], "big") if self._lead else 0
        return Frame(system, component, message, buffer[at:end], start - at, stop - at, logged_us)
