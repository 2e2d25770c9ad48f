"""Recordings of many tools are read whole, said again byte for byte, and moved in time without breaking a checksum."""

from __future__ import annotations

import io
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymavlink.dialects.v20 import common as mavlink
from pynmeagps import NMEAReader
from pyubx2 import UBX_PROTOCOL, UBXReader

from simulators.checksums import crc_modbus, crc_x25
from simulators.recordings.detect import READERS, Reading, kind_of, read
from simulators.recordings.model import Recording, RecordingError
from simulators.recordings.packets import modbus_rtu
from simulators.recordings.serial_logs import split
from simulators.recordings.telemetry_logs import rebase

SHIFT = timedelta(days=400, hours=5, seconds=7)
SHIFT_NS = int(SHIFT.total_seconds()) * 1_000_000_000
NMEA = (
    b"$GPRMC,235959.00,A,2232.0000,N,08820.0000,E,0.1,10.0,231126,,,A*69\r\n"
    b"$GPGGA,235959.00,2232.0000,N,08820.0000,E,1,08,1.0,9.0,M,-56.0,M,,*40\r\n"
    b"$GPRMC,000000.00,A,2232.0000,N,08820.0000,E,0.1,10.0,241126,,,A*6F\r\n"
)


def whole(recording: Recording, shift_ns: int = 0) -> bytes:
    return b"".join(recording.rebase(piece.data, shift_ns) if shift_ns else piece.data for piece in recording.pieces)


@pytest.mark.parametrize(
    ("name", "kind", "pieces", "size"),
    [
        ("serial/gpsd_neo-m8n.log", "nmea", 24, None),
        ("serial/pyubx2_MIXED.log", "bytes", 308, "file"),
        ("serial/vedirect_bluesolar_1.23.dump", "bytes", None, "file"),
        ("serial/pypms_PMSx003.hexdump", "hexdump", 10, 320),
        ("serial/pypms_SDS01x.hexdump", "hexdump", 10, 100),
        ("serial/iti_modbus_test.pcap", "pcap", None, None),
        ("mavlink/ardusub_small.tlog", "tlog", 35_916, None),
        ("mavlink/thayer_flight_pass53.mav", "mavlink", 33_261, "file"),
        ("mavlink/px4_sample_log_small.ulg", "ulog", None, None),
        ("timeseries/luftdaten_2019-05-18_bme280_22481.csv", "csv", 585, None),
    ],
)
def test_capture_is_known_and_whole(captures: Path, name: str, kind: str, pieces: int | None, size: object) -> None:
    path = captures / name
    recording = read(path)
    assert recording.kind == kind
    if pieces is not None:
        assert len(recording.pieces) == pieces
    if size is not None:
        assert len(whole(recording)) == (path.stat().st_size if size == "file" else size)
    times = [piece.at_ns for piece in recording.pieces]
    assert times == sorted(times)
    assert recording.length_ns > times[-1] - times[0] >= 0


def test_delay_cookies_are_not_said(captures: Path) -> None:
    assert b"|" not in whole(read(captures / "serial/gpsd_tcp-torture.log"))


def test_moved_sentences_keep_their_checksums_and_pass_midnight(tmp_path: Path) -> None:
    path = tmp_path / "receiver.log"
    path.write_bytes(NMEA)
    recording = read(path)
    assert whole(recording) == NMEA
    assert recording.began_ns == int(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000_000
    before = [parsed for _, parsed in NMEAReader(io.BytesIO(NMEA), validate=1)]
    after = [parsed for _, parsed in NMEAReader(io.BytesIO(whole(recording, SHIFT_NS)), validate=1)]
    assert len(after) == 3
    for was, now in zip(before, after, strict=True):
        clock = datetime.combine(datetime(2026, 11, 23), was.time) + SHIFT  # noqa: DTZ001
        assert now.time == clock.time()
        assert (now.lat, now.lon) == (was.lat, was.lon)
        if was.msgID == "RMC":
            assert datetime.combine(now.date, now.time) == datetime.combine(was.date, was.time) + SHIFT


def pvt(year: int, *, valid: int) -> bytes:
    payload = bytearray(92)
    struct.pack_into("<IHBBBBBB", payload, 0, 345_600_000, year, 11, 24, 3, 4, 5, valid)
    body = b"\x01\x07" + len(payload).to_bytes(2, "little") + bytes(payload)
    first = second = 0
    for byte in body:
        first = (first + byte) & 255
        second = (second + first) & 255
    return b"\xb5\x62" + body + bytes((first, second))


def test_moved_ubx_time_is_read_by_another_reader(tmp_path: Path) -> None:
    path = tmp_path / "receiver.ubx"
    path.write_bytes(b"noise\n" + pvt(2026, valid=3) + NMEA.splitlines(keepends=True)[0] + pvt(2026, valid=0))
    recording = read(path)
    assert recording.kind == "bytes"
    moved = whole(recording, SHIFT_NS)
    first, last = (parsed for _, parsed in UBXReader(io.BytesIO(moved), protfilter=UBX_PROTOCOL, validate=1))
    at = datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC) + SHIFT
    assert (first.year, first.month, first.day, first.hour, first.min, first.second) == at.timetuple()[:6]
    assert first.iTOW == (345_600_000 + SHIFT_NS // 1_000_000) % 604_800_000
    # A date that was not valid stays what it was.
    assert (last.year, last.month, last.day) == (2026, 11, 24)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("unix_us", [1_790_000_000_000_000, 5_000_000])
def test_moved_mavlink_time_is_read_by_another_reader(version: int, unix_us: int) -> None:
    link = mavlink.MAVLink(None, srcSystem=7, srcComponent=1)
    message = mavlink.MAVLink_system_time_message(unix_us, 123_456)
    data = bytes(message.pack(link, force_mavlink1=version == 1))
    moved = rebase(data, SHIFT_NS)
    (read_again,) = mavlink.MAVLink(None).parse_buffer(moved)
    # What counts from boot is not moved.
    expected = unix_us + SHIFT_NS // 1000 if unix_us > 1_000_000_000_000_000 else unix_us
    assert (read_again.time_unix_usec, read_again.time_boot_ms) == (expected, 123_456)


def test_signed_mavlink_stays_as_it_was() -> None:
    link = mavlink.MAVLink(None, srcSystem=7, srcComponent=1)
    link.signing.sign_outgoing = True
    link.signing.secret_key = bytes(32)
    link.signing.timestamp = 1
    data = bytes(mavlink.MAVLink_system_time_message(1_790_000_000_000_000, 1).pack(link))
    assert rebase(data, SHIFT_NS) == data


def test_published_check_values() -> None:
    assert crc_x25(b"123456789") == 0x6F91
    assert crc_modbus(b"123456789") == 0x4B37


def test_capture_of_modbus_becomes_rtu_frames(captures: Path) -> None:
    recording = modbus_rtu(read(captures / "serial/iti_modbus_test.pcap"))
    for piece in recording.pieces:
        assert crc_modbus(piece.data[:-2]) == int.from_bytes(piece.data[-2:], "little")
    asked = [piece for piece in recording.pieces if piece.asked and piece.data[1] == 4]
    said = [piece for piece in recording.pieces if not piece.asked and piece.data[1] == 4]
    assert (len(asked), len(said)) == (1079, 1053)


def test_table_keeps_every_digit_and_moves_its_times(tmp_path: Path) -> None:
    path = tmp_path / "station.csv"
    path.write_text(
        "name;timestamp;p;t;empty\n"
        "a;2026-11-24T03:00:02;98230.20;-0.50;\n"
        "a;2026-11-24T03:00:00;+98230.10;.5;nan\n"
        "a;yesterday;1;2;3\n",
        encoding="utf-8",
    )
    recording = read(path)
    lines = whole(recording).decode().splitlines()
    assert lines == [
        '{"time":"2026-11-24T03:00:00Z","p":98230.10,"t":0.5}',
        '{"time":"2026-11-24T03:00:02Z","p":98230.20,"t":-0.50}',
    ]
    assert [piece.at_ns for piece in recording.pieces] == [0, 2_000_000_000]
    moved = json.loads(whole(recording, SHIFT_NS).splitlines()[0])
    assert datetime.fromisoformat(moved["time"]) == datetime(2026, 11, 24, 3, tzinfo=UTC) + SHIFT


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("empty.log", b"", "", "is empty"),
        ("a.csv", b"x,y\n1,2\n", "", "no column"),
        ("a.csv", b"time,y\nsoon,2\n", "", "ISO 8601"),
        ("a.txt", b"hello\n", "hexdump", "line 1"),
        ("a.txt", b"hello\n", "nmea", "no NMEA sentence"),
        ("a.pcap", b"\xd4\xc3\xb2\xa1short", "", "cut short"),
        ("a.pcap", b"\xd4\xc3\xb2\xa1" + bytes(16) + b"\x69\0\0\0", "", "link type 105"),
        ("a.ulg", b"ULog\x01\x12\x35", "", "not to be read as ULog"),
        ("a.jsonl", b'{"harkara":"capture","version":9}\n', "", "version 9"),
        ("a.jsonl", b'{"harkara":"capture","version":1,"began_at":"2026-11-24T00:00:00Z"}\nnoise\n', "", "line 2"),
        ("a.tlog", b"\0" * 9, "tlog", "nothing that can be said"),
    ],
)
def test_wrong_file_is_said_in_one_line(tmp_path: Path, name: str, content: bytes, kind: str, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=words) as caught:
        read(path, kind)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file"):
        kind_of(tmp_path / "nothing.log")


@given(st.binary(max_size=2000))
def test_splitting_leaves_nothing_out(data: bytes) -> None:
    assert b"".join(split(data)) == data


@given(st.binary(max_size=2000), st.sampled_from(sorted(READERS.keys() - {"ulog"})))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str) -> None:
    path = tmp_path_factory.mktemp("any") / "a.log"
    path.write_bytes(data)
    try:
        recording = read(path, kind, Reading())
    except RecordingError:
        return
    assert recording.pieces
    for piece in recording.pieces[:50]:
        recording.rebase(piece.data, SHIFT_NS)
