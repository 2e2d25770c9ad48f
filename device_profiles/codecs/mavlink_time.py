"""What the time in a message is: the vehicle counts from its boot, and says at times what time that was.

Three clocks meet in a vehicle's stream: since boot, UTC by satellites, and the listener's. The listener's tells when
something *arrived*, seconds late on a bad radio; it is never taken for when something was measured.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from device_profiles.codecs.mavlink_scan import Frame
from device_profiles.mavlink.definitions import Message

UNIX_US_MIN: Final = 1_000_000_000_000_000
"""A smaller time in microseconds counts from boot: 2001 is before any autopilot. [us]"""
SYSTEM_TIME: Final = 2
UTM_GLOBAL_POSITION: Final = 340
REBOOT_MS: Final = 10_000
"""A count that falls by more than this began anew; a smaller step back is a message that was under way longer. [ms]"""
_WRAP_MS: Final = 1 << 32
_MS_NS: Final = 1_000_000
_US_NS: Final = 1_000


class Timed(NamedTuple):
    """Where a message carries its time: offset and size in bytes, and what one count is in nanoseconds."""

    at: int
    size: int
    count_ns: int


def timed(message: Message) -> Timed | None:
    """Where a message has a time of the vehicle; None when it has none."""
    for member in message.members:
        if member.extension or member.count:
            continue
        if member.name == "time_boot_ms":
            return Timed(message.offsets()[member.name], 4, _MS_NS)
        if member.name in {"time_usec", "time_us", "timestamp"} and member.type == "u64":
            return Timed(message.offsets()[member.name], 8, _US_NS)
    return None


class VehicleClock:
    """One vehicle's time since boot, and what is known of UTC.

    Attributes:
        boot: How many times it has started while we listened.
        boot_ns: Newest time since boot. [ns]
        offset_ns: UTC minus time since boot; None while the vehicle does not know. [ns]
        unset: Statements of the time by a vehicle that does not know it.
        steps: How often its UTC jumped by more than a second.
    """

    def __init__(self) -> None:
        self.boot = 1
        self.boot_ns = 0
        self.offset_ns: int | None = None
        self.unset = 0
        self.steps = 0
        self._said = False

    def hear(self, frame: Frame, where: Timed | None) -> int | None:
        """Take the time of a frame of this vehicle's autopilot.

        Returns:
            Time since boot at which the frame was made; of a frame without a time that of the newest before it; None
            before the first. [ns]
        """
        payload = frame.payload.ljust(24, b"\0")
        if frame.message == SYSTEM_TIME:
            self._system_time(payload)
            return self.boot_ns
        if frame.message == UTM_GLOBAL_POSITION:
            self._told_in_passing(int.from_bytes(payload[:8], "little"))
            return self.boot_ns or None
        if where is None:
            return self.boot_ns or None
        payload = payload.ljust(where.at + where.size, b"\0")
        counted = int.from_bytes(payload[where.at : where.at + where.size], "little")
        if where.count_ns == _US_NS and counted >= UNIX_US_MIN:
            return counted * _US_NS - self.offset_ns if self.offset_ns is not None else self.boot_ns or None
        at_ns = counted * where.count_ns
        self._boot(at_ns)
        return at_ns

    def utc_ns(self, boot_ns: int | None) -> int | None:
        """UTC of a time since boot; None when the vehicle has not said. [ns]."""
        return None if boot_ns is None or self.offset_ns is None else boot_ns + self.offset_ns

    def _boot(self, at_ns: int) -> None:
        if at_ns < self.boot_ns - REBOOT_MS * _MS_NS:
            self.boot += 1
            self.boot_ns = at_ns
            self.offset_ns = None
            self._said = False
        self.boot_ns = max(self.boot_ns, at_ns)

    def _system_time(self, payload: bytes) -> None:
        unix_us = int.from_bytes(payload[:8], "little")
        self._boot(int.from_bytes(payload[8:12], "little") * _MS_NS)
        if unix_us < UNIX_US_MIN:
            self.unset += 1
            return
        offset_ns = unix_us * _US_NS - int.from_bytes(payload[8:12], "little") * _MS_NS
        if self._said and self.offset_ns is not None and abs(offset_ns - self.offset_ns) > 1_000_000_000:
            self.steps += 1
        self.offset_ns, self._said = offset_ns, True

    def _told_in_passing(self, unix_us: int) -> None:
        """UTC without the time since boot beside it: made after the newest count, so the least is nearest."""
        if self._said or unix_us < UNIX_US_MIN or not self.boot_ns:
            return
        offset_ns = unix_us * _US_NS - self.boot_ns
        self.offset_ns = offset_ns if self.offset_ns is None else min(self.offset_ns, offset_ns)
