"""Check values as the documents of devices and buses define them; own code, so that a mistake in ours shows."""

from __future__ import annotations


def modbus_crc(data: bytes) -> int:
    """CRC of Modbus over serial line V1.02, 6.2.2: polynomial 0xA001 from 0xFFFF."""
    return _reflected(data, 0xFFFF)


def sdi12_crc(data: bytes) -> bytes:
    """Three printable bytes, SDI-12 1.4, 4.4.12."""
    crc = _reflected(data, 0)
    return bytes((0x40 | crc >> 12, 0x40 | crc >> 6 & 0x3F, 0x40 | crc & 0x3F))


def _reflected(data: bytes, crc: int) -> int:
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def sensirion_crc(data: bytes) -> int:
    """CRC-8 of Sensirion's I2C words: polynomial 0x31 from 0xFF."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x31 if crc & 0x80 else 0)) & 0xFF
    return crc


def fletcher(data: bytes) -> bytes:
    """The two bytes that end a UBX frame."""
    first = second = 0
    for byte in data:
        first = first + byte & 0xFF
        second = second + first & 0xFF
    return bytes((first, second))


def xor(data: bytes) -> int:
    """Exclusive or of all bytes (NMEA 0183, WindSonic)."""
    result = 0
    for byte in data:
        result ^= byte
    return result


def mavlink_crc(data: bytes) -> int:
    """CRC-16/MCRF4XX, as MAVLink takes it over everything between the start byte and the check."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc
