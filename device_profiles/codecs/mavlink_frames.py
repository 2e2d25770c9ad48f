"""MAVLink 2 frames of our own: the few that ask an autopilot for what it does not send by itself."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from device_profiles.checksums import crc16_mcrf4xx
from device_profiles.codecs.mavlink_scan import V2
from device_profiles.codecs.mavlink_signing import signature

HEARTBEAT: Final = 0
COMMAND_LONG: Final = 76
COMMAND_ACK: Final = 77
SET_MESSAGE_INTERVAL: Final = 511
REQUEST_MESSAGE: Final = 512
ONBOARD_COMPUTER: Final = 191
"""MAV_COMP_ID_ONBOARD_COMPUTER: who we are beside the autopilot."""
_SEEDS: Final = {HEARTBEAT: 50, COMMAND_LONG: 152}
"""Of the checksums, as `device_profiles.mavlink.table.crc_extras` has them."""
_ONBOARD_CONTROLLER: Final = 18
_NO_AUTOPILOT: Final = 8
_ACTIVE: Final = 4


class Sender:
    """Numbers and, with a key, signs what one component says.

    Args:
        component: Of ours.
        key: For signatures; empty for none.
        link: Id of the link in signatures.
    """

    def __init__(self, component: int = ONBOARD_COMPUTER, key: bytes = b"", link: int = 1) -> None:
        self.component = component
        self._key = key
        self._link = link
        self._number = 0
        self._stamp = 0

    def heartbeat(self, system: int, stamp: int = 0) -> bytes:
        """That a companion computer of this vehicle is there.

        Args:
            system: The vehicle's; a companion has the same.
            stamp: For the signature. [10 us]
        """
        return self._frame(
            HEARTBEAT, system, struct.pack("<IBBBBB", 0, _ONBOARD_CONTROLLER, _NO_AUTOPILOT, 0, _ACTIVE, 3), stamp
        )

    def command(
        self, system: int, command: int, parameters: Sequence[float], *, repeated: int = 0, stamp: int = 0
    ) -> bytes:
        """A command to the autopilot of ``system``.

        Args:
            system: The vehicle's.
            command: MAV_CMD.
            parameters: Up to seven; those left out are nought.
            repeated: How often it was sent before.
            stamp: For the signature. [10 us]
        """
        values = [*parameters, *[0.0] * (7 - len(parameters))]
        return self._frame(COMMAND_LONG, system, struct.pack("<7fHBBB", *values, command, system, 1, repeated), stamp)

    def _frame(self, message: int, system: int, payload: bytes, stamp: int) -> bytes:
        payload = payload.rstrip(b"\0") or b"\0"
        head = bytes((len(payload), 1 if self._key else 0, 0, self._number, system, self.component))
        self._number = (self._number + 1) & 0xFF
        body = head + message.to_bytes(3, "little") + payload
        check = crc16_mcrf4xx(body + bytes((_SEEDS[message],)))
        frame = bytes((V2,)) + body + check.to_bytes(2, "little")
        if not self._key:
            return frame
        self._stamp = max(self._stamp + 1, stamp)
        return frame + signature(self._key, frame, self._link, self._stamp)
