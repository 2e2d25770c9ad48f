"""Every check the catalogue's protocols use, by name. Each is proved against a published check value in the tests."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from functools import cache
from typing import Final

Check = Callable[[bytes], int]

_MIRRORED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Each byte with its bits in reverse order."""


@cache
def _table_reflected(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ polynomial if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


@cache
def _table_forward8(polynomial: int) -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = ((crc << 1) ^ polynomial) & 0xFF if crc & 0x80 else crc << 1
        table.append(crc)
    return tuple(table)


def _crc16_reflected(data: bytes, polynomial: int, start: int) -> int:
    table = _table_reflected(polynomial)
    crc = start
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


def _crc8_forward(data: bytes, polynomial: int, start: int) -> int:
    table = _table_forward8(polynomial)
    crc = start
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def crc16_modbus(data: bytes) -> int:
    """CRC-16/MODBUS; sent low byte first."""
    return _crc16_reflected(data, 0xA001, 0xFFFF)


def crc16_arc(data: bytes) -> int:
    """CRC-16/ARC: SDI-12 sends it as three ASCII letters."""
    return _crc16_reflected(data, 0xA001, 0)


def crc16_mcrf4xx(data: bytes) -> int:
    """CRC-16/MCRF4XX: MAVLink (with CRC_EXTRA) and Lufft UMB, low byte first.

    The standard library has its mirror image in C: bits turned round on the way in and out make it this one.
    """
    mirrored = binascii.crc_hqx(data.translate(_MIRRORED), 0xFFFF)
    return _MIRRORED[mirrored & 0xFF] << 8 | _MIRRORED[mirrored >> 8]


def crc16_kermit(data: bytes) -> int:
    """CRC-16/KERMIT."""
    return _crc16_reflected(data, 0x8408, 0)


def crc16_xmodem(data: bytes) -> int:
    """CRC-16/XMODEM: Davis weather stations, high byte first."""
    return binascii.crc_hqx(data, 0)


def crc16_ccitt_false(data: bytes) -> int:
    """CRC-16/IBM-3740, often called CCITT-FALSE."""
    return binascii.crc_hqx(data, 0xFFFF)


def crc8_sensirion(data: bytes) -> int:
    """CRC-8/NRSC-5, polynomial 0x31, start 0xFF: Sensirion, after each two bytes."""
    return _crc8_forward(data, 0x31, 0xFF)


def crc8_maxim(data: bytes) -> int:
    """CRC-8/MAXIM-DOW: 1-Wire."""
    crc = 0
    table = _table_reflected(0x8C)
    for byte in data:
        crc = table[crc ^ byte]
    return crc


def crc8_smbus(data: bytes) -> int:
    """CRC-8/SMBUS, polynomial 0x07."""
    return _crc8_forward(data, 0x07, 0)


def crc32(data: bytes) -> int:
    """CRC-32/ISO-HDLC."""
    return binascii.crc32(data)


def sum8(data: bytes) -> int:
    """Sum of the bytes, modulo 256."""
    return sum(data) & 0xFF


def sum15(data: bytes) -> int:
    """Lowest 15 bits of the sum of all bytes (SiRF)."""
    return sum(data) & 0x7FFF


def sum16(data: bytes) -> int:
    """Sum of the bytes, modulo 65536."""
    return sum(data) & 0xFFFF


def negative_sum8(data: bytes) -> int:
    """256 minus the sum, modulo 256: Winsen; with it the whole adds up to 0 (VE.Direct)."""
    return -sum(data) & 0xFF


def inverted_sum8(data: bytes) -> int:
    """Bitwise NOT of the sum: SHDLC."""
    return ~sum(data) & 0xFF


def xor8(data: bytes) -> int:
    """Exclusive or of the bytes: NMEA 0183, Gill."""
    crc = 0
    for byte in data:
        crc ^= byte
    return crc


def fletcher8(data: bytes) -> int:
    """8-bit Fletcher of UBX: CK_A in the high byte, CK_B in the low, in the order they are sent."""
    a = b = 0
    for byte in data:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return a << 8 | b


def meter_legacy(data: bytes) -> int:
    """METER DDI serial: sum modulo 64, plus 32, so that it prints."""
    return sum(data) % 64 + 32


def meter_crc6(data: bytes) -> int:
    """METER DDI serial: CRC-6, polynomial 0x27 in the upper six bits, start all ones, plus 48."""
    crc = 0xFC
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x9C) & 0xFF if crc & 0x80 else (crc << 1) & 0xFF
    return (crc >> 2) + 48


def sdi12_letters(data: bytes) -> bytes:
    """The CRC of an SDI-12 answer as its three letters (SDI-12 1.4, section 4.4.12.2)."""
    crc = crc16_arc(data)
    return bytes((0x40 | crc >> 12, 0x40 | (crc >> 6) & 0x3F, 0x40 | crc & 0x3F))


CHECKSUMS: Final[dict[str, tuple[Check, int]]] = {
    "crc16-modbus": (crc16_modbus, 2),
    "crc16-arc": (crc16_arc, 2),
    "crc16-mcrf4xx": (crc16_mcrf4xx, 2),
    "crc16-kermit": (crc16_kermit, 2),
    "crc16-xmodem": (crc16_xmodem, 2),
    "crc16-ccitt-false": (crc16_ccitt_false, 2),
    "crc8-sensirion": (crc8_sensirion, 1),
    "crc8-maxim": (crc8_maxim, 1),
    "crc8-smbus": (crc8_smbus, 1),
    "crc32": (crc32, 4),
    "sum8": (sum8, 1),
    "sum15": (sum15, 2),
    "sum16": (sum16, 2),
    "negative-sum8": (negative_sum8, 1),
    "inverted-sum8": (inverted_sum8, 1),
    "xor8": (xor8, 1),
    "fletcher8": (fletcher8, 2),
    "meter-legacy": (meter_legacy, 1),
    "meter-crc6": (meter_crc6, 1),
}
"""Name, as profiles write it, to function and size. [bytes]"""
