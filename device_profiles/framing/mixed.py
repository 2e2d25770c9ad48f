"""A receiver's stream of UBX messages and NMEA sentences, taken apart: u-blox receivers send both on one line."""

from __future__ import annotations

from typing import Final

START: Final = b"\xb5\x62"
PAYLOAD_BYTES_MAX: Final = 8192
"""A message that says it is longer is none. [bytes]"""
_AROUND: Final = 8


class MixedStream:
    """Any cutting of the same bytes into pieces gives the same whole.

    Attributes:
        damaged: Beginnings of UBX messages whose checksum is wrong, or that break off.
    """

    def __init__(self) -> None:
        self.damaged = 0
        self._held = bytearray()

    def feed(self, data: bytes, *, ended: bool = False) -> list[tuple[bool, bytes]]:
        """Take the next bytes; gives in order whole UBX messages (True) and what lies between them (False)."""
        held = self._held
        held += data
        out: list[tuple[bool, bytes]] = []
        text_from = at = 0
        while True:
            start = held.find(START, at)
            if start < 0:
                at = len(held) - (not ended and held.endswith(START[:1]))
                break
            length = int.from_bytes(held[start + 4 : start + 6], "little")
            end = start + length + _AROUND
            if length > PAYLOAD_BYTES_MAX:
                at = start + 1
            elif len(held) < max(end, start + 6):
                if not ended:
                    at = start
                    break
                self.damaged += 1
                at = start + 1
            elif _is_right(held, start, end):
                if start > text_from:
                    out.append((False, bytes(held[text_from:start])))
                out.append((True, bytes(held[start:end])))
                text_from = at = end
            else:
                self.damaged += 1
                at = start + 1
        if at > text_from:
            out.append((False, bytes(held[text_from:at])))
        del held[:at]
        return out


def _is_right(held: bytearray, start: int, end: int) -> bool:
    """The checksum of RFC 1145 over class, id, length and payload (UBX protocol, 3.4)."""
    first = second = 0
    for byte in held[start + 2 : end - 2]:
        first = (first + byte) & 0xFF
        second = (second + first) & 0xFF
    return held[end - 2] == first and held[end - 1] == second
