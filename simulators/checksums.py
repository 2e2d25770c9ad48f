"""Check values as the documents of devices and buses define them; own code, so that a mistake in a decoder shows."""

from __future__ import annotations


def crc_modbus(data: bytes) -> int:
    """CRC-16 of an RTU frame: initial 0xFFFF, reflected 0x8005 (MODBUS over Serial Line V1.02, 2.5.1.2)."""
    return _crc_8005(data, 0xFFFF)


def crc_sdi12(data: bytes) -> bytes:
    """Three printable bytes, SDI-12 1.4, 4.4.12."""
    crc = _crc_8005(data, 0)
    return bytes((0x40 | crc >> 12, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F))


def _crc_8005(data: bytes, crc: int) -> int:
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def crc_x25(data: bytes) -> int:
    """CRC-16/MCRF4XX, as MAVLink's serialization page gives it: initial 0xFFFF, reflected 0x1021."""
    crc = 0xFFFF
    for byte in data:
        low = (byte ^ crc) & 0xFF
        low = (low ^ (low << 4)) & 0xFF
        crc = (crc >> 8) ^ (low << 8) ^ (low << 3) ^ (low >> 4)
    return crc & 0xFFFF


def crc_sensirion(data: bytes) -> int:
    """CRC-8 of Sensirion's I2C words: polynomial 0x31 from 0xFF."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x31 if crc & 0x80 else 0)) & 0xFF
    return crc


def ubx_checksum(body: bytes) -> bytes:
    """Two bytes over class, id, length and payload: the 8-bit Fletcher of RFC 1145, UBX-13003221, 32.4."""
    first = second = 0
    for byte in body:
        first = (first + byte) & 0xFF
        second = (second + first) & 0xFF
    return bytes((first, second))


def crc_xmodem(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021 from nought (Davis, serial communication reference, section XII)."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def crc_maxim(data: bytes) -> int:
    """CRC-8 of 1-Wire scratchpads: reflected 0x31 from nought (DS18B20, figure 11)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8C if crc & 1 else 0)
    return crc
