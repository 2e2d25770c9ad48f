"""Checksums of the simulators against values that others published."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyubx2 import calc_checksum

from simulators import checksums
from simulators.nmea_log import nmea_checksum


def test_published_values() -> None:
    nine = b"123456789"
    assert checksums.crc_modbus(nine) == 0x4B37  # CRC-16/MODBUS of the catalogue of CRCs
    assert checksums.crc_x25(nine) == 0x6F91  # CRC-16/MCRF4XX
    assert checksums.crc_sensirion(bytes.fromhex("beef")) == 0x92  # SHT3x data sheet, table 20
    assert checksums.crc_sdi12(b"0+3.14") == b"OqZ"  # SDI-12 1.4, section 4.4.12.3
    assert nmea_checksum(b"GPGLL,5300.97914,N,00259.98174,E,125926,A") == 0x28  # NMEA 0183, a sentence as published


@given(st.binary(max_size=60))
def test_the_check_of_ubx_is_that_of_another_library(data: bytes) -> None:
    assert checksums.ubx_checksum(data) == calc_checksum(data)
