"""Framers of binary protocols: all tell a frame's length from its first bytes and its health from a checksum."""

from __future__ import annotations

from typing import Final

from device_profiles.engine.envelopes import Payload, Unwrap
from device_profiles.framing.base import ScanFramer, Verify
from device_profiles.rejects import FrameRejected, RejectReason

Buffer = bytes | bytearray
_LENGTH_SIZES: Final = {"u8": 1, "u16": 2, "u16le": 2}


def verify_with(unwrap: Unwrap) -> Verify:
    """A framer's check from the envelope that reads the frame.

    Exceptions of the device are frames all the same. A message whose checksum cannot be told is none: taken on trust, a
    chance start inside noise would swallow the frame behind it.
    """

    def verify(frame: bytes) -> FrameRejected | None:
        result = unwrap(frame)
        if isinstance(result, Payload) or result.reason is RejectReason.EXCEPTION:
            return None
        return result

    return verify


def fixed(start: bytes, size: int, verify: Verify | None) -> ScanFramer:
    """Frames of one size behind fixed bytes."""
    return ScanFramer(
        starts=(start,) if start else (), length_of=lambda _held, _at: size, verify=verify, max_bytes=size
    )


def with_length(start: bytes, *, at: int, kind: str, add: int, verify: Verify | None, max_bytes: int) -> ScanFramer:
    """Frames that carry their length.

    Args:
        start: Fixed bytes at the beginning.
        at: Offset of the length field.
        kind: ``u8``, ``u16`` or ``u16le``.
        add: Whole frame = field + this. [bytes]
        verify: Check of a candidate.
        max_bytes: A frame that says it is longer is none. [bytes]
    """
    size = _LENGTH_SIZES[kind]

    def length_of(held: Buffer, offset: int) -> int:
        field = bytes(held[offset + at : offset + at + size])
        if len(field) < size:
            return 0
        length = int.from_bytes(field, "little" if kind.endswith("le") else "big") + add
        return length if length >= max(at + size, len(start)) else -1

    return ScanFramer(starts=(start,) if start else (), length_of=length_of, verify=verify, max_bytes=max_bytes)


def ubx(verify: Verify) -> ScanFramer:
    """UBX messages, up to 1,024 bytes of payload."""
    return with_length(b"\xb5\x62", at=4, kind="u16le", add=8, verify=verify, max_bytes=1032)


def umb(verify: Verify) -> ScanFramer:
    """Lufft UMB answers."""
    return with_length(b"\x01\x10", at=6, kind="u8", add=12, verify=verify, max_bytes=267)


def modbus_tcp(verify: Verify) -> ScanFramer:
    """Modbus TCP replies: nothing marks a start, the header's zeros and length tell."""

    def length_of(held: Buffer, at: int) -> int:
        if len(held) - at < 8:
            return 0
        length = int.from_bytes(held[at + 4 : at + 6], "big")
        return 6 + length if held[at + 2] == held[at + 3] == 0 and 3 <= length <= 254 else -1

    return ScanFramer(starts=(), length_of=length_of, verify=verify, max_bytes=260)


def modbus_rtu(verify: Verify) -> ScanFramer:
    """Modbus RTU replies to reads, and exceptions, told by length and CRC: a USB adapter blurs the silence between."""

    def length_of(held: Buffer, at: int) -> int:
        if len(held) - at < 3:
            return 0
        function = held[at + 1]
        if held[at] > 247:
            return -1
        if function & 0x80:
            return 5 if function & 0x7F in (1, 2, 3, 4, 5, 6, 15, 16) else -1
        return 5 + held[at + 2] if function in (1, 2, 3, 4) and held[at + 2] else -1

    return ScanFramer(starts=(), length_of=length_of, verify=verify, max_bytes=260)


def mavlink(verify: Verify) -> ScanFramer:
    """MAVLink 1 and 2 frames, signed ones with their signature."""

    def length_of(held: Buffer, at: int) -> int:
        if held[at] == 0xFE:
            return 8 + held[at + 1] if len(held) - at >= 2 else 0
        if len(held) - at < 3:
            return 0
        return 12 + held[at + 1] + (13 if held[at + 2] & 1 else 0)

    return ScanFramer(starts=(b"\xfd", b"\xfe"), length_of=length_of, verify=verify, max_bytes=280)
