"""Logs of positioning receivers: rows by epoch with the receiver's own time, damaged sentences and messages told."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import pyubx2
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.framing.mixed import MixedStream
from edge_agent.imports.gnss_log import GnssLog
from tests.imports.test_vehicle_logs import imported, number_of

MIXED: Final = "serial/pyubx2_MIXED.log"
FIXES: Final = "serial/gpsd_nmea-rtk.log"


def test_a_mixed_stream_is_what_another_reader_finds(captures: Path) -> None:
    data = (captures / MIXED).read_bytes()
    with (captures / MIXED).open("rb") as file:
        reader = pyubx2.UBXReader(file, protfilter=2)
        theirs = [raw for raw, _ in reader]
    ours = [piece for is_message, piece in MixedStream().feed(data, ended=True) if is_message]
    assert ours == theirs
    assert len(ours) == 300


@given(st.lists(st.integers(1, 3000), max_size=40), st.binary(max_size=80))
def test_any_cutting_gives_the_same(cuts: list[int], noise: bytes) -> None:
    message = bytes.fromhex("b5620106000007") + b"\x1b"
    body = b"\x01\x06\x02\x00ab"
    first = second = 0
    for byte in body:
        first = (first + byte) & 255
        second = (second + first) & 255
    message = b"\xb5\x62" + body + bytes([first, second])
    data = noise + message + b"$GPTXT*00\r\n" + message + noise
    whole = MixedStream()
    expected = whole.feed(data, ended=True)
    pieces, stream, at = [], MixedStream(), 0
    for cut in cuts:
        pieces += stream.feed(data[at : at + cut])
        at += cut
    pieces += stream.feed(data[at:], ended=True)
    for flag in (True, False):
        assert b"".join(piece for kind, piece in pieces if kind is flag) == b"".join(
            piece for kind, piece in expected if kind is flag
        )
    assert stream.damaged == whole.damaged


def test_a_mixed_log_gives_the_solutions_as_another_reader_has_them(captures: Path, tmp_path: Path) -> None:
    summary = imported(tmp_path, captures / MIXED)
    assert (summary["frames"], summary["kept"], summary["rejects"]) == (308, 308, {})
    with (captures / MIXED).open("rb") as file:
        theirs = [message for _, message in pyubx2.UBXReader(file, protfilter=2) if message.identity == "NAV-PVT"]
    rows = list(GnssLog(captures / MIXED, device="rover").rows())
    assert len(rows) == len(theirs) == summary["rows_added"] + summary["rows_known"] > 30
    for row, message in zip(rows, theirs, strict=True):
        found = {number.channel: number.value for number in row.sample.numbers if number.value is not None}
        assert row.device == "rover-ubx"
        assert number_of(found["latitude"]) == pytest.approx(message.lat, abs=1e-9)
        assert number_of(found["satellites"]) == message.numSV
    assert imported(tmp_path, captures / MIXED)["rows_added"] == 0


def test_epochs_have_the_receivers_time_and_are_there_once(captures: Path, tmp_path: Path) -> None:
    data = (captures / FIXES).read_bytes()
    cut = data.index(b"\n", len(data) // 2) + 1
    parts = [tmp_path / "b.log", tmp_path / "a.log"]
    parts[0].write_bytes(data[cut:])
    parts[1].write_bytes(data[:cut])
    first = imported(tmp_path, *parts)
    assert first["rows_added"] == 122
    assert imported(tmp_path, captures / FIXES)["rows_added"] == 0


def test_a_receiver_that_lost_count_of_weeks_is_not_believed_unless_the_recording_is_old(
    captures: Path, tmp_path: Path
) -> None:
    log = captures / "serial/gpsd_april6_2019.log"
    assert list(GnssLog(log, device="g").rows()) == []
    old = GnssLog(log, device="g", year_min=1990)
    (row,) = old.rows()
    assert row.sample.observed_at_ns is not None
    assert imported(tmp_path, "--dry-run", log)["rejects"] == {"time_unknown": 2}


def test_damage_is_counted_by_its_reason(captures: Path, tmp_path: Path) -> None:
    data = bytearray((captures / MIXED).read_bytes())
    first = data.index(b"\xb5\x62")
    data[first + 8] ^= 1
    data[data.index(b"*") - 1] ^= 1
    bad = tmp_path / "bad.log"
    bad.write_bytes(data)
    summary = imported(tmp_path, "--dry-run", bad)
    assert summary["rejects"]["checksum"] == 2
    assert summary["frames"] == 308
