"""Checksums of the emulators against values that others published."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyubx2 import calc_checksum

from simulators.emulators import checks


def test_published_values() -> None:
    nine = b"123456789"
    assert checks.modbus_crc(nine) == 0x4B37  # CRC-16/MODBUS of the catalogue of CRCs
    assert checks.mavlink_crc(nine) == 0x6F91  # CRC-16/MCRF4XX
    assert checks.sensirion_crc(bytes.fromhex("beef")) == 0x92  # SHT3x data sheet, table 20
    assert checks.sdi12_crc(b"0+3.14") == b"OqZ"  # SDI-12 1.4, section 4.4.12.3
    assert checks.xor(b"GPGLL,5300.97914,N,00259.98174,E,125926,A") == 0x28  # NMEA 0183, a sentence as published


@given(st.binary(max_size=60))
def test_the_check_of_ubx_is_that_of_another_library(data: bytes) -> None:
    assert checks.fletcher(data) == calc_checksum(data)
