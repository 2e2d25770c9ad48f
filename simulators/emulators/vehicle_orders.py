"""What an emulated autopilot is told by others: how often to say what, and what to say once. It answers, and obeys."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import Final

from simulators.checksums import crc_x25
from simulators.emulators.mavlink_writer import Definition, Value

COMMAND_ACK: Final = Definition(
    77,
    "COMMAND_ACK",
    (("uint16_t", "command"), ("uint8_t", "result")),
    (
        ("uint8_t", "progress"),
        ("int32_t", "result_param2"),
        ("uint8_t", "target_system"),
        ("uint8_t", "target_component"),
    ),
)
_COMMAND_LONG: Final = 76
_COMMAND_LONG_SEED: Final = 152
_SET_MESSAGE_INTERVAL: Final = 511
_REQUEST_MESSAGE: Final = 512
_ACCEPTED, _DENIED, _UNSUPPORTED = 0, 2, 3
_LATE: Final = 0.95
"""What is due within a twentieth of its interval is due."""


class Orders:
    """Intervals of the messages that it says again and again.

    Args:
        system: Its own id: orders to others are not its business.
        periodic: Numbers of these messages.
        interval_s: Between two of a kind, as long as nobody says otherwise. [s]
    """

    def __init__(self, system: int, periodic: Collection[int], interval_s: float) -> None:
        self._system = system
        self._usual_ns = round(interval_s * 1e9)
        self._interval_ns: dict[int, int] = dict.fromkeys(periodic, self._usual_ns)
        self._last_ns: dict[int, int] = {}
        self._asked: set[int] = set()

    def take(self, data: bytes) -> Iterator[tuple[Definition, dict[str, Value]]]:
        """Answers to the orders among some whole frames."""
        for system, component, payload in _commands(data):
            *parameters, command, target, _, _ = struct.unpack("<7fHBBB", payload)
            if target not in (0, self._system):
                continue
            fields: dict[str, Value] = {"command": command, "target_system": system, "target_component": component}
            yield COMMAND_ACK, {**fields, "result": self._obey(command, int(parameters[0]), parameters[1])}

    def is_due(self, number: int, at_ns: int) -> bool:
        """Whether to say a message now; what is said but once always is."""
        if number in self._asked:
            self._asked.discard(number)
            return True
        interval_ns = self._interval_ns.get(number)
        if interval_ns is None:
            return True
        last_ns = self._last_ns.get(number)
        if interval_ns < 0 or (last_ns is not None and at_ns - last_ns < interval_ns * _LATE):
            return False
        self._last_ns[number] = at_ns
        return True

    def _obey(self, command: int, number: int, interval_us: float) -> int:
        if command == _REQUEST_MESSAGE and number in self._interval_ns:
            self._asked.add(number)
            return _ACCEPTED
        if command == _SET_MESSAGE_INTERVAL:
            if number not in self._interval_ns:
                return _DENIED
            # Nought is "as usual", less than nought "not at all".
            self._interval_ns[number] = self._usual_ns if interval_us == 0 else round(interval_us * 1000)
            return _ACCEPTED
        return _DENIED if command == _REQUEST_MESSAGE else _UNSUPPORTED


def _commands(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Sender and payload of each COMMAND_LONG whose checksum is right."""
    at = 0
    while at + 12 <= len(data):
        if data[at] != 0xFD:
            at += 1
            continue
        size, message = data[at + 1], int.from_bytes(data[at + 7 : at + 10], "little")
        stop = at + 10 + size
        body = data[at + 1 : stop]
        if message == _COMMAND_LONG and crc_x25(body + bytes((_COMMAND_LONG_SEED,))) == int.from_bytes(
            data[stop : stop + 2], "little"
        ):
            yield data[at + 5], data[at + 6], data[at + 10 : stop].ljust(33, b"\0")
        at = stop + 2 + (13 if data[at + 2] & 1 else 0)
