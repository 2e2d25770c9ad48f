"""What surrounds a payload on each transport: verified and taken off before any field is read.

```
modbus-rtu   unit | function | bytes | registers … | CRC low, high
modbus-tcp   transaction 2 | 0 2 | length 2 | unit | function | bytes | registers …
ubx          B5 62 | class | id | length 2 LE | payload … | CK_A CK_B
sdi-12       address | values … | [CRC, 3 letters] | CR LF
meter-ddi    TAB values … CR type | sum | CRC6
shdlc        7E | stuffed: address, command, state, length, data …, checksum | 7E
mavlink 2    FD | length | incompat | compat | seq | system | component | id 3 LE | payload … | CRC 2 LE | [signature]
umb          01 10 to2 from2 len 02 | cmd ver status … | 03 CRC low, high | 04
ve.direct    CR LF label TAB value … CR LF Checksum TAB byte; all bytes add up to 0
w1           two lines of w1_slave
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from device_profiles import checksums
from device_profiles.engine.envelopes_binary import mavlink, sensirion_words, shdlc, ubx, umb, unstuff
from device_profiles.engine.envelopes_text import meter_ddi, sdi12, ve_direct, w1, without_hex_messages
from device_profiles.engine.payload import Payload, Unwrap
from device_profiles.rejects import FrameRejected, RejectReason, reject

__all__ = [
    "ENVELOPES",
    "ChecksumPlan",
    "Payload",
    "Unwrap",
    "mavlink",
    "meter_ddi",
    "modbus_rtu",
    "modbus_tcp",
    "plain",
    "sdi12",
    "shdlc",
    "unstuff",
    "with_checksum",
    "without_hex_messages",
]


class ChecksumPlan(NamedTuple):
    """A profile's own checksum, resolved."""

    name: str
    start: int
    end: int | None
    at: int
    little: bool
    hex: bool


def plain(data: bytes) -> Payload | FrameRejected:
    """The frame is the payload."""
    return Payload(data, 0, len(data))


def with_checksum(plan: ChecksumPlan) -> Unwrap:
    """The frame is the payload, up to its checksum when that stands at the end."""
    function, size = checksums.CHECKSUMS[plan.name]
    stored_size = size * 2 if plan.hex else size

    def unwrap(data: bytes) -> Payload | FrameRejected:
        at = plan.at if plan.at >= 0 else len(data) + plan.at
        end = plan.end if plan.end is not None else at
        end = end if end >= 0 else len(data) + end
        if at < 0 or at + stored_size > len(data) or not 0 <= plan.start <= end <= len(data):
            return reject(RejectReason.TRUNCATED, f"too short for its {plan.name} checksum", data)
        stored = data[at : at + stored_size]
        if plan.hex:
            try:
                stored = bytes.fromhex(stored.decode("ascii"))
            except ValueError:
                return reject(RejectReason.CHECKSUM, f"checksum {stored!r} is not hexadecimal", data)
        wanted = function(data[plan.start : end]).to_bytes(size, "little" if plan.little else "big")
        if stored != wanted:
            return reject(RejectReason.CHECKSUM, f"{plan.name} is {stored.hex()}, computed {wanted.hex()}", data)
        return Payload(data, 0, at if plan.at < 0 else len(data))

    return unwrap


def modbus_rtu(data: bytes) -> Payload | FrameRejected:
    """A reply of function 1 to 4."""
    if len(data) < 5:
        return reject(RejectReason.TRUNCATED, "a Modbus reply has at least 5 bytes", data)
    crc = checksums.crc16_modbus(data[:-2])
    if int.from_bytes(data[-2:], "little") != crc:
        return reject(
            RejectReason.CHECKSUM,
            f"crc16-modbus is {data[-2:].hex()}, computed {crc.to_bytes(2, 'little').hex()}",
            data,
        )
    return _modbus_body(data, 1, len(data) - 2)


def modbus_tcp(data: bytes) -> Payload | FrameRejected:
    """A reply with its MBAP header."""
    if len(data) < 9:
        return reject(RejectReason.TRUNCATED, "a Modbus TCP reply has at least 9 bytes", data)
    if data[2:4] != b"\0\0" or int.from_bytes(data[4:6], "big") != len(data) - 6:
        return reject(RejectReason.SHAPE, "protocol id or length of the MBAP header is wrong", data)
    return _modbus_body(data, 7, len(data))


def _modbus_body(data: bytes, at: int, end: int) -> Payload | FrameRejected:
    function = data[at]
    if function & 0x80:
        return reject(RejectReason.EXCEPTION, f"Modbus exception {data[at + 1]} to function {function & 0x7F}", data)
    if function not in (1, 2, 3, 4):
        return reject(RejectReason.SHAPE, f"function {function} is no read", data)
    if data[at + 1] != end - at - 2:
        return reject(RejectReason.LENGTH, f"says {data[at + 1]} bytes, carries {end - at - 2}", data)
    return Payload(data, at + 2, end, function)


ENVELOPES: Final[Mapping[str, Unwrap]] = {
    "modbus-rtu": modbus_rtu,
    "modbus-tcp": modbus_tcp,
    "ubx": ubx,
    "sdi-12": sdi12,
    "meter-ddi": meter_ddi,
    "shdlc": shdlc,
    "umb": umb,
    "ve.direct": ve_direct,
    "w1": w1,
    "sensirion-words": sensirion_words,
}
"""Envelope by the name of the framing; all others are plain or carry the profile's own checksum."""
