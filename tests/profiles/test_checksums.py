"""Published check values: the CRC catalogue's for "123456789", and frames printed in vendors' documents."""

from __future__ import annotations

import pytest

from device_profiles import checksums
from device_profiles.engine.envelopes import Payload, meter_ddi, sdi12, shdlc, unstuff

CHECK = b"123456789"
# Catalogue of parametrised CRC algorithms (reveng), "check" of each; sums by their definition.
PUBLISHED = {
    "crc16-modbus": 0x4B37,
    "crc16-arc": 0xBB3D,
    "crc16-mcrf4xx": 0x6F91,
    "crc16-kermit": 0x2189,
    "crc16-xmodem": 0x31C3,
    "crc16-ccitt-false": 0x29B1,
    "crc8-sensirion": 0xF7,
    "crc8-maxim": 0xA1,
    "crc8-smbus": 0xF4,
    "crc32": 0xCBF43926,
    "sum8": 0xDD,
    "sum15": 0x1DD,
    "sum16": 0x1DD,
    "negative-sum8": 0x23,
    "inverted-sum8": 0x22,
    "xor8": 0x31,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_check_value(name: str) -> None:
    assert checksums.CHECKSUMS[name][0](CHECK) == PUBLISHED[name]


def test_sensirion_example() -> None:
    assert checksums.crc8_sensirion(bytes.fromhex("BEEF")) == 0x92


def test_ubx_cfg_msg_printed_in_the_interface_description() -> None:
    # Enabling NAV-PVT by CFG-MSG, the message that many u-blox guides print.
    assert checksums.fletcher8(bytes.fromhex("060103000107 01".replace(" ", ""))) == 0x1351


@pytest.mark.parametrize(
    ("line", "crc"),
    [
        ("0+3.14", "OqZ"),
        ("0+3.14+2.718+1.414", "Ipz"),
        ("0+1.11+2.22+3.33+4.44+5.55+6.66", "I]q"),
        ("0+7.77+8.88+9.99", "IvW"),
        ("0+3.14+2.718", "IWO"),
        ("0", "AP@"),
    ],
)
def test_sdi12_examples_of_the_specification(line: str, crc: str) -> None:
    assert checksums.sdi12_letters(line.encode()) == crc.encode()
    assert isinstance(sdi12((line + crc + "\r\n").encode()), Payload)
    broken = chr(ord(crc[0]) ^ 1) + crc[1:]
    assert not isinstance(sdi12((line + broken).encode()), Payload)


def test_meter_captured_line() -> None:
    line = b"\t2493.4 27.8 22\rgDb"
    assert checksums.meter_legacy(line[:-2]) == ord("D")
    assert checksums.meter_crc6(line[:-1]) == ord("b")
    assert meter_ddi(line) == Payload(line[:15], 1, 15, ord("g"))


def test_unstuffing_is_one_pass() -> None:
    assert unstuff(bytes.fromhex("7d5d31")) == bytes.fromhex("7d31")
    assert unstuff(bytes.fromhex("7d5e7d337d31")) == bytes.fromhex("7e1311")
    assert unstuff(b"\x7d") is None


def test_shdlc_device_error_is_no_data() -> None:
    content = bytes([0, 3, 0x43, 0])
    frame = b"\x7e" + content + bytes([checksums.inverted_sum8(content)]) + b"\x7e"
    result = shdlc(frame)
    assert not isinstance(result, Payload)
    assert result.reason == "exception"
