"""What a vehicle does, in words, when it changes: armed, its mode, flights, mission items, landed or not, home."""

from __future__ import annotations

from typing import Final, NamedTuple

from device_profiles.codecs.mavlink_scan import Frame
from device_profiles.mavlink.modes import mode_name
from edge_agent.telemetry.flights import (
    EXTENDED_SYS_STATE,
    GLOBAL_POSITION_INT,
    HEARTBEAT,
    Flights,
    is_autopilots_heartbeat,
)

MISSION_CURRENT: Final = 42
MISSION_ITEM_REACHED: Final = 46
HOME_POSITION: Final = 242
HEARD: Final = frozenset(
    {HEARTBEAT, GLOBAL_POSITION_INT, MISSION_CURRENT, MISSION_ITEM_REACHED, HOME_POSITION, EXTENDED_SYS_STATE}
)
"""Messages that events are made of."""
_LANDED: Final = {1: "on the ground", 2: "in the air", 3: "taking off", 4: "landing"}
"""MAV_LANDED_STATE."""


class Event(NamedTuple):
    """One change.

    Attributes:
        channel: ``arming``, ``mode``, ``flight``, ``landed``, ``mission`` or ``home``.
        text: What it is from now on.
        is_first: It was found so when first heard; nobody knows since when.
    """

    channel: str
    text: str
    is_first: bool


class VehicleEvents:
    """Events of one life of one vehicle."""

    def __init__(self) -> None:
        self._flights = Flights()
        self._said: dict[str, str] = {}

    def hear(self, frame: Frame, at_ns: int) -> list[Event]:
        """Take a frame of the vehicle's autopilot; gives what changed with it.

        Args:
            frame: Any message.
            at_ns: Its time since boot. [ns]
        """
        payload = frame.payload.ljust(52, b"\0")
        states: list[tuple[str, str, str]] = []
        if frame.message == HEARTBEAT and is_autopilots_heartbeat(payload):
            states.append(("arming", "arming", "armed" if payload[6] & 0x80 else "disarmed"))
            custom = int.from_bytes(payload[:4], "little")
            states.append(("mode", "mode", mode_name(payload[5], payload[4], payload[6], custom)))
        elif frame.message == EXTENDED_SYS_STATE and payload[1] in _LANDED:
            states.append(("landed", "landed", _LANDED[payload[1]]))
        elif frame.message == MISSION_CURRENT:
            states.append(("mission", "current", f"item {int.from_bytes(payload[:2], 'little')} under way"))
        elif frame.message == MISSION_ITEM_REACHED:
            states.append(("mission", "reached", f"item {int.from_bytes(payload[:2], 'little')} reached"))
        elif frame.message == HOME_POSITION and payload[:8].strip(b"\0"):
            states.append(("home", "home", _home(payload)))
        self._flights.hear(frame, at_ns)
        if self._flights.is_known:
            states.append(("flight", "flight", "in flight" if self._flights.is_flying else "not in flight"))
        return [Event(channel, text, is_first) for channel, key, text in states for is_first in self._news(key, text)]

    def _news(self, key: str, text: str) -> list[bool]:
        """Whether this is the first word on it; nothing when it was said before."""
        before = self._said.get(key)
        if before == text:
            return []
        self._said[key] = text
        # An item is reached at one moment: what was heard first happened then.
        return [before is None and key != "reached"]


def _home(payload: bytes) -> str:
    latitude, longitude, altitude = (int.from_bytes(payload[at : at + 4], "little", signed=True) for at in (0, 4, 8))
    return f"{latitude / 1e7:.7f} deg, {longitude / 1e7:.7f} deg, {altitude / 1e3:.3f} m"
