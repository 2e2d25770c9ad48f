"""Envelopes of binary protocols: UBX, SHDLC, UMB, MAVLink, Sensirion words."""

from __future__ import annotations

from collections.abc import Mapping

from device_profiles import checksums
from device_profiles.engine.payload import Payload, Unwrap
from device_profiles.rejects import FrameRejected, RejectReason, reject


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
