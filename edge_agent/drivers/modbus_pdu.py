"""Modbus frames, pure: requests, their two envelopes, and finding one's own answer among others'.

Modbus application protocol V1.1b3; Modbus over serial line V1.02, 2.5.1::

    RTU  | unit 1 | PDU 1..253 | CRC 2, low byte first |
    TCP  | number 2 | 0 0 | length 2: unit and PDU | unit 1 | PDU |
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from device_profiles.checksums import crc16_modbus

READ_MAX: Final = 125
"""Registers of one answer."""
BITS: Final = frozenset({1, 2})
WRITE_REGISTER: Final = 6
_ERROR: Final = 0x80
_RTU_LEAST: Final = 5

EXCEPTIONS: Final = {
    1: "it does not know this function",
    2: "it has no such registers",
    3: "it does not take this number of registers",
    4: "it has failed inside",
    5: "it needs more time",
    6: "it is busy",
    10: "the gateway has no way to it",
    11: "the gateway got no answer from it",
}
"""What exceptions mean (application protocol, 7)."""


def read_pdu(function: int, address: int, count: int) -> bytes:
    """A request to read; ``address`` counts from zero."""
    return struct.pack(">BHH", function, address, count)


def write_pdu(address: int, value: int) -> bytes:
    """A request to write one register; the answer repeats it."""
    return struct.pack(">BHH", WRITE_REGISTER, address, value)


def rtu(unit: int, pdu: bytes) -> bytes:
    """A frame of a serial line."""
    body = bytes((unit,)) + pdu
    return body + crc16_modbus(body).to_bytes(2, "little")


def tcp(number: int, unit: int, pdu: bytes) -> bytes:
    """A frame of a TCP connection."""
    return struct.pack(">HHHB", number, 0, len(pdu) + 1, unit) + pdu


def answers(pdu: bytes, reply: bytes) -> bool:
    """Whether a reply fits a request: its function, and as many bytes as were asked for."""
    if not reply or reply[0] & ~_ERROR != pdu[0]:
        return False
    if reply[0] & _ERROR:
        return len(reply) == 2
    if pdu[0] == WRITE_REGISTER:
        return reply == pdu
    return len(reply) == 2 + reply[1] and reply[1] == wanted_bytes(pdu)


def wanted_bytes(pdu: bytes) -> int:
    """Data bytes of the answer to a request to read. [bytes]."""
    count = int.from_bytes(pdu[3:5], "big")
    return (count + 7) // 8 if pdu[0] in BITS else 2 * count


def rtu_taker(unit: int, pdu: bytes, late: Callable[[int], None]) -> Callable[[bytearray], bytes | None]:
    """Finds the answer to a request on a serial line.

    Args:
        unit: Who was asked.
        pdu: What was asked.
        late: Told of whole frames of others, or to other questions, by their unit.
    """

    def take(heard: bytearray) -> bytes | None:
        at = 0
        while len(heard) - at >= _RTU_LEAST:
            size = _size(heard[at + 1 : at + 3])
            if not size:
                at += 1
                continue
            frame = bytes(heard[at : at + size])
            if len(frame) < size:
                # Perhaps noise that looks like a long frame: a whole one may begin behind it.
                at += 1
                continue
            if rtu(frame[0], frame[1:-2]) != frame:
                at += 1
                continue
            del heard[: at + size]
            at = 0
            if frame[0] == unit and answers(pdu, frame[1:-2]):
                return frame[1:-2]
            late(frame[0])
        return None

    return take


def _size(head: bytes | bytearray) -> int:
    """Length of the frame whose function and next byte are these; nought when no answer begins so. [bytes]."""
    function, following = head
    if function & _ERROR:
        return _RTU_LEAST
    if function in {1, 2, 3, 4}:
        return _RTU_LEAST + following if following else 0
    return 8 if function in {5, 6, 15, 16} else 0


def tcp_taker(number: int, unit: int, pdu: bytes, late: Callable[[int], None]) -> Callable[[bytearray], bytes | None]:
    """Finds the answer to a request on a TCP connection."""

    def take(heard: bytearray) -> bytes | None:
        while len(heard) >= 8:
            own, protocol, length, who = struct.unpack(">HHHB", heard[:7])
            if protocol or not 3 <= length <= 254:
                # Not a frame: what follows cannot be cut either.
                heard.clear()
                return None
            if len(heard) < 6 + length:
                return None
            reply = bytes(heard[7 : 6 + length])
            del heard[: 6 + length]
            if own == number and who == unit and answers(pdu, reply):
                return reply
            late(who)
        return None

    return take
