"""Flights and arm windows out of what an autopilot says of its state.

A flight is from taking off to landing. Motors that are armed say less: the real flight in the tests was armed three
times and flew once. An autopilot that tells whether it is landed (EXTENDED_SYS_STATE) is believed; of others a
flight is armed and above its home, or armed and fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from device_profiles.codecs.mavlink_scan import Frame

HEARTBEAT: Final = 0
GLOBAL_POSITION_INT: Final = 33
EXTENDED_SYS_STATE: Final = 245
_ARMED: Final = 0x80
_GROUND, _AIR, _TAKEOFF, _LANDING = 1, 2, 3, 4
"""MAV_LANDED_STATE."""
_GROUND_STATION: Final = 6
"""MAV_TYPE_GCS: its heartbeats are not the vehicle's."""
_NO_AUTOPILOT: Final = 8
"""MAV_AUTOPILOT_INVALID: cameras, gimbals and radios have heartbeats, too."""
HIGH_MM: Final = 2_000
"""Above home: higher than a vehicle is carried. [mm]"""
FAST_CM_S: Final = 300
"""Faster than it is carried. [cm/s]"""


@dataclass(slots=True)
class Span:
    """From when to when; still open while ``ended_ns`` is None; in nanoseconds since boot."""

    began_ns: int
    ended_ns: int | None = None


@dataclass(slots=True)
class Flights:
    """Spans of one vehicle.

    Attributes:
        flights: In the air.
        arm_windows: Motors armed.
        is_known: Whether enough was heard to tell if it flies: an armed vehicle may be on the ground.
    """

    flights: list[Span] = field(default_factory=list)
    arm_windows: list[Span] = field(default_factory=list)
    is_known: bool = False
    _says_landed: bool = False

    @property
    def is_armed(self) -> bool:
        """Whether the motors are armed now."""
        return bool(self.arm_windows) and self.arm_windows[-1].ended_ns is None

    @property
    def is_flying(self) -> bool:
        """Whether it is in the air now."""
        return bool(self.flights) and self.flights[-1].ended_ns is None

    def hear(self, frame: Frame, at_ns: int) -> None:
        """Take a frame of the vehicle; ``at_ns`` is its time since boot. [ns]."""
        payload = frame.payload.ljust(32, b"\0")
        if frame.message == HEARTBEAT and is_autopilots_heartbeat(payload):
            _follow(self.arm_windows, is_on=bool(payload[6] & _ARMED), at_ns=at_ns)
            if not self.is_armed and not self._says_landed:
                self.is_known = True
                _follow(self.flights, is_on=False, at_ns=at_ns)
        elif frame.message == EXTENDED_SYS_STATE and payload[1] in {_GROUND, _AIR, _TAKEOFF, _LANDING}:
            self._says_landed = self.is_known = True
            _follow(self.flights, is_on=payload[1] != _GROUND, at_ns=at_ns)
        elif frame.message == GLOBAL_POSITION_INT and self.is_armed and not self._says_landed:
            height_mm = int.from_bytes(payload[16:20], "little", signed=True)
            north, east = (int.from_bytes(payload[at : at + 2], "little", signed=True) for at in (20, 22))
            if height_mm > HIGH_MM or north * north + east * east > FAST_CM_S * FAST_CM_S:
                self.is_known = True
                _follow(self.flights, is_on=True, at_ns=at_ns)


def is_autopilots_heartbeat(payload: bytes) -> bool:
    """Whether a heartbeat is a vehicle's, not a camera's or ground station's."""
    return payload[4] != _GROUND_STATION and payload[5] != _NO_AUTOPILOT


def _follow(spans: list[Span], *, is_on: bool, at_ns: int) -> None:
    is_open = bool(spans) and spans[-1].ended_ns is None
    if is_on and not is_open:
        spans.append(Span(at_ns))
    elif is_open and not is_on:
        spans[-1].ended_ns = at_ns
