"""Envelopes of text protocols: SDI-12, METER power-on strings, VE.Direct, the kernel's 1-Wire files."""

from __future__ import annotations

import re
from typing import Final

from device_profiles import checksums
from device_profiles.engine.payload import Payload
from device_profiles.rejects import FrameRejected, RejectReason, reject

MAX_LINE_BYTES: Final = 256
"""Longer is no line of a device that writes short ones; bounds the work of a checksum over bits."""
_HEX_MESSAGES: Final = re.compile(rb"(?:^|(?<=\n))(?::[^\n]*(?:\n|\Z))+")


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
