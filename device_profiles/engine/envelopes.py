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

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from device_profiles import checksums
from device_profiles.rejects import FrameRejected, RejectReason, reject

MAX_LINE_BYTES: Final = 256
"""Longer is no line of a device that writes short ones; bounds the work of a checksum over bits."""
_HEX_MESSAGES: Final = re.compile(rb"(?:^|(?<=\n))(?::[^\n]*(?:\n|\Z))+")


class Payload(NamedTuple):
    """What a frame carries.

    Attributes:
        data: Bytes that hold the payload.
        start: First byte of it.
        end: After its last byte.
        id: Message number where the protocol has one, else None.
    """

    data: bytes
    start: int
    end: int
    id: int | None = None


class ChecksumPlan(NamedTuple):
    """A profile's own checksum, resolved."""

    name: str
    start: int
    end: int | None
    at: int
    little: bool
    hex: bool


Unwrap = Callable[[bytes], Payload | FrameRejected]


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


def ubx(data: bytes) -> Payload | FrameRejected:
    """A UBX message; its id is class * 256 + id."""
    if data[:2] != b"\xb5\x62" or len(data) < 8:
        return reject(RejectReason.SHAPE, "no UBX header", data)
    end = 6 + int.from_bytes(data[4:6], "little")
    if end + 2 != len(data):
        return reject(RejectReason.LENGTH, f"says {end - 6} bytes, carries {len(data) - 8}", data)
    if checksums.fletcher8(data[2:end]).to_bytes(2, "big") != data[end:]:
        return reject(RejectReason.CHECKSUM, "fletcher8", data)
    return Payload(data, 6, end, data[2] << 8 | data[3])


def sdi12(data: bytes) -> Payload | FrameRejected:
    """An answer to D: address, values, perhaps a CRC, which is told by its three letters of 0x40 to 0x7F."""
    line = data.rstrip(b"\r\n")
    if not line or not chr(line[0]).isalnum():
        return reject(RejectReason.SHAPE, "no SDI-12 address", data)
    tail = line[-3:]
    if len(line) >= 4 and all(0x40 <= byte <= 0x7F for byte in tail):
        wanted = checksums.sdi12_letters(line[:-3])
        if tail != wanted:
            return reject(RejectReason.CHECKSUM, f"CRC is {tail!r}, computed {wanted!r}", data)
        line = line[:-3]
    return Payload(line, 1, len(line))


def meter_ddi(data: bytes) -> Payload | FrameRejected:
    """A METER sensor's power-on string. Its type character is the message id."""
    line = data.strip(b"\n")
    head, cr, tail = line.rpartition(b"\r")
    if len(line) > MAX_LINE_BYTES:
        return reject(RejectReason.TOO_LONG, f"{len(line)} bytes; a power-on string is one line", data)
    if not cr or len(tail) != 3:
        return reject(RejectReason.SHAPE, "no type, sum and CRC after the carriage return", data)
    checked = line[: len(head) + 2]
    if checksums.meter_legacy(checked) != tail[1]:
        return reject(
            RejectReason.CHECKSUM, f"sum is {tail[1]:#x}, computed {checksums.meter_legacy(checked):#x}", data
        )
    if checksums.meter_crc6(checked + tail[1:2]) != tail[2]:
        return reject(
            RejectReason.CHECKSUM,
            f"CRC6 is {tail[2]:#x}, computed {checksums.meter_crc6(checked + tail[1:2]):#x}",
            data,
        )
    start = 1 if head.startswith(b"\t") else 0
    return Payload(head, start, len(head), tail[0])


def shdlc(data: bytes) -> Payload | FrameRejected:
    """A Sensirion SHDLC answer; payload is its data, id its command."""
    if len(data) < 7 or data[0] != 0x7E or data[-1] != 0x7E:
        return reject(RejectReason.SHAPE, "no SHDLC frame between 7E and 7E", data)
    content = unstuff(data[1:-1])
    if content is None or len(content) < 5:
        return reject(RejectReason.SHAPE, "byte stuffing is broken", data)
    if checksums.inverted_sum8(content[:-1]) != content[-1]:
        return reject(
            RejectReason.CHECKSUM, f"sum is {content[-1]:#x}, computed {checksums.inverted_sum8(content[:-1]):#x}", data
        )
    if content[3] != len(content) - 5:
        return reject(RejectReason.LENGTH, f"says {content[3]} bytes, carries {len(content) - 5}", data)
    if content[2] & 0x7F:
        return reject(RejectReason.EXCEPTION, f"SHDLC error {content[2] & 0x7F}", data)
    return Payload(content, 4, len(content) - 1, content[1])


def unstuff(data: bytes) -> bytes | None:
    """Undo SHDLC byte stuffing; None when an escape is not one.

    One pass: replacing pair by pair would undo ``7D5D31`` twice.
    """
    out = bytearray()
    escaped = False
    for byte in data:
        if escaped:
            if byte not in (0x31, 0x33, 0x5D, 0x5E):
                return None
            out.append(byte ^ 0x20)
            escaped = False
        elif byte == 0x7D:
            escaped = True
        else:
            out.append(byte)
    return None if escaped else bytes(out)


def umb(data: bytes) -> Payload | FrameRejected:
    """A Lufft UMB answer; payload is what follows command, version and status, id the command."""
    if len(data) < 15 or data[0] != 1 or data[1] != 0x10 or data[7] != 2 or data[-1] != 4 or data[-4] != 3:
        return reject(RejectReason.SHAPE, "no UMB frame", data)
    if data[6] != len(data) - 12:
        return reject(RejectReason.LENGTH, f"says {data[6]} bytes, carries {len(data) - 12}", data)
    crc = checksums.crc16_mcrf4xx(data[:-3])
    if int.from_bytes(data[-3:-1], "little") != crc:
        return reject(
            RejectReason.CHECKSUM,
            f"crc16-mcrf4xx is {data[-3:-1].hex()}, computed {crc.to_bytes(2, 'little').hex()}",
            data,
        )
    if data[10]:
        return reject(RejectReason.EXCEPTION, f"UMB status {data[10]:#x}", data)
    return Payload(data, 11, len(data) - 4, data[8])


def mavlink(own: Mapping[int, int]) -> Unwrap:
    """MAVLink 1 and 2 messages of the profile and of the public definitions; others cannot be verified.

    Messages of other profiles are verified too: a stream carries fifty kinds, and one that cannot be told from noise
    would have the framer look for frames inside it.

    Args:
        own: Message number to the seed of its checksum, of the profile's messages.
    """
    from device_profiles.mavlink.table import crc_extras as public  # noqa: PLC0415 - only who reads an autopilot needs it

    crc_extras = {**public(), **own}

    def unwrap(data: bytes) -> Payload | FrameRejected:
        if len(data) < 8 or data[0] not in (0xFD, 0xFE) or (data[0] == 0xFD and len(data) < 12):
            return reject(RejectReason.SHAPE, "no MAVLink frame", data)
        second = data[0] == 0xFD
        if second and data[2] & ~1:
            return reject(RejectReason.SHAPE, f"incompatibility flags {data[2]:#x}", data)
        start = 10 if second else 6
        message = int.from_bytes(data[7:10], "little") if second else data[5]
        end = start + data[1]
        if len(data) != end + 2 + (13 if second and data[2] & 1 else 0):
            return reject(RejectReason.LENGTH, f"says {data[1]} bytes, the frame has {len(data)}", data)
        extra = crc_extras.get(message)
        if extra is None:
            return reject(RejectReason.NO_FRAME, f"message {message} is in no definition known", data)
        crc = checksums.crc16_mcrf4xx(data[1:end] + bytes([extra]))
        if int.from_bytes(data[end : end + 2], "little") != crc:
            return reject(RejectReason.CHECKSUM, f"crc16-mcrf4xx is {data[end : end + 2].hex()}", data)
        return Payload(data, start, end, message)

    return unwrap


def ve_direct(data: bytes) -> Payload | FrameRejected:
    """A VE.Direct text block; hexadecimal messages (``:`` to newline) in it are left out first."""
    block = without_hex_messages(data)
    at = block.rfind(b"Checksum\t")
    if at < 0 or len(block) < at + 10:
        return reject(RejectReason.SHAPE, "no Checksum field", data)
    if sum(block[: at + 10]) & 0xFF:
        return reject(RejectReason.CHECKSUM, f"bytes add up to {sum(block[: at + 10]) & 0xFF:#x}, not 0", data)
    return Payload(block, 0, at)


def without_hex_messages(data: bytes) -> bytes:
    """A VE.Direct stretch without the hexadecimal messages a device may put between or inside lines of text."""
    return _HEX_MESSAGES.sub(b"", data)


def w1(data: bytes) -> Payload | FrameRejected:
    """The kernel's ``w1_slave`` text: nine bytes with their CRC, twice."""
    if len(data) > MAX_LINE_BYTES:
        return reject(RejectReason.TOO_LONG, f"{len(data)} bytes; the kernel writes two lines", data)
    first, newline, second = data.partition(b"\n")
    words = first.split(b":")[0].split()
    try:
        scratchpad = bytes(int(word, 16) for word in words)
    except ValueError:
        return reject(RejectReason.SHAPE, "no scratchpad bytes", data)
    if len(scratchpad) != 9 or not newline:
        return reject(RejectReason.SHAPE, "no nine scratchpad bytes", data)
    if not any(scratchpad):
        return reject(RejectReason.SHAPE, "all zeros: the bus is shorted or no device answered", data)
    if checksums.crc8_maxim(scratchpad[:8]) != scratchpad[8] or b"YES" not in first:
        return reject(
            RejectReason.CHECKSUM,
            f"crc8-maxim is {scratchpad[8]:02x}, computed {checksums.crc8_maxim(scratchpad[:8]):02x}",
            data,
        )
    return Payload(second, 0, len(second), scratchpad[0])


def sensirion_words(data: bytes) -> Payload | FrameRejected:
    """Two bytes and their CRC-8, again and again; the payload is the words alone."""
    if not data or len(data) % 3:
        return reject(RejectReason.LENGTH, f"{len(data)} bytes are not words with checksums", data)
    words = bytearray()
    for at in range(0, len(data), 3):
        word = data[at : at + 2]
        computed = checksums.crc8_sensirion(word)
        if computed != data[at + 2]:
            return reject(
                RejectReason.CHECKSUM,
                f"crc8-sensirion of word {at // 3} is {data[at + 2]:02x}, computed {computed:02x}",
                data,
            )
        words += word
    return Payload(bytes(words), 0, len(words))


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
