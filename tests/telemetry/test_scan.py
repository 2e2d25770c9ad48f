"""Frames out of a stream: the same at any chunking, beside noise, beside frames that nobody wants."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.codecs.mavlink_copies import Copies
from device_profiles.codecs.mavlink_scan import Frame, MavlinkScan
from device_profiles.mavlink import table
from simulators.emulators.mavlink_writer import Definition, Writer
from tests.telemetry.recorded import FLIGHT, SUBMARINE, frames_of, timed_kinds

HEARTBEAT = Definition(
    0,
    "HEARTBEAT",
    [
        ("uint32_t", "custom_mode"),
        ("uint8_t", "type"),
        ("uint8_t", "autopilot"),
        ("uint8_t", "base_mode"),
        ("uint8_t", "system_status"),
        ("uint8_t", "mavlink_version"),
    ],
)
PRESSURE = Definition(
    29,
    "SCALED_PRESSURE",
    [("uint32_t", "time_boot_ms"), ("float", "press_abs"), ("float", "press_diff"), ("int16_t", "temperature")],
)
WANTED = {29: table.crc_extras()[29]}


def stream(version: int, key: bytes = b"") -> tuple[bytes, int]:
    """Ten pressures, each behind two heartbeats; and how many frames that is."""
    writer = Writer(version=version, system=7, component=1, key=key)
    parts = []
    for number in range(10):
        parts += [writer.frame(HEARTBEAT, {"type": 2, "autopilot": 3}, 0) for _ in range(2)]
        parts.append(writer.frame(PRESSURE, {"time_boot_ms": 1000 * number, "press_abs": 940.5}, 0))
    return b"".join(parts), len(parts)


@pytest.mark.parametrize(("version", "key"), [(1, b""), (2, b""), (2, bytes(range(32)))])
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_pieces_give_the_same(version: int, key: bytes, data: st.DataObject) -> None:
    whole, frames = stream(version, key)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    scan = MavlinkScan(WANTED)
    found: list[Frame] = []
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += scan.feed(whole[begin:end])
    found += scan.flush()
    assert [int.from_bytes(frame.payload.ljust(4, b"\0")[:4], "little") for frame in found] == list(
        range(0, 10000, 1000)
    )
    assert {(frame.system, frame.component, frame.is_signed) for frame in found} == {(7, 1, bool(key))}
    assert (scan.frames, scan.unwanted, scan.noise_bytes, scan.checksum_errors) == (frames, frames - 10, 0, 0)


@given(st.lists(st.binary(max_size=40), max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_frames_or_noise_and_none_is_counted_twice(pieces: list[bytes]) -> None:
    scan = MavlinkScan(table.crc_extras())
    found = [frame for piece in pieces for frame in scan.feed(piece)] + scan.flush()
    assert scan.noise_bytes + sum(len(frame.data) for frame in found) <= sum(map(len, pieces))
    assert scan.flush() == []


def test_a_frame_behind_noise_and_behind_half_a_frame_is_found() -> None:
    writer = Writer(version=2, system=1, component=1)
    frame = writer.frame(PRESSURE, {"time_boot_ms": 5, "press_abs": 900.0}, 0)
    scan = MavlinkScan(WANTED)
    assert [each.data for each in scan.feed(b"\x00\x11" + frame[:9] + frame) + scan.flush()] == [frame]
    assert scan.noise_bytes == 2 + 9


def test_a_flipped_bit_is_a_checksum_error_and_the_next_frame_is_read() -> None:
    writer = Writer(version=2, system=1, component=1)
    first, second = (writer.frame(PRESSURE, {"time_boot_ms": at, "press_abs": 900.0}, 0) for at in (1, 2))
    bad = bytearray(first)
    bad[12] ^= 4
    scan = MavlinkScan(WANTED)
    assert [each.data for each in scan.feed(bytes(bad) + second) + scan.flush()] == [second]
    assert scan.checksum_errors == 1


def test_a_frame_with_unknown_incompatible_flags_is_let_go_by_whole() -> None:
    writer = Writer(version=2, system=1, component=1)
    first, second = (bytearray(writer.frame(PRESSURE, {"time_boot_ms": at, "press_abs": 900.0}, 0)) for at in (1, 2))
    first[2] = 0x08
    scan = MavlinkScan(WANTED)
    assert [each.data for each in scan.feed(bytes(first + second)) + scan.flush()] == [bytes(second)]
    assert (scan.frames, scan.incompatible, scan.noise_bytes) == (2, 1, 0)


@pytest.mark.parametrize("size", [61, 4096, 1 << 30])
def test_the_recorded_flight_has_33261_frames_in_any_pieces(captures: Path, size: int) -> None:
    data = (captures / FLIGHT).read_bytes()
    scan = MavlinkScan({number: table.crc_extras()[number] for number in (30, 33)})
    found = [frame for at in range(0, len(data), size) for frame in scan.feed(data[at : at + size])] + scan.flush()
    assert (scan.frames, scan.noise_bytes, scan.checksum_errors, len(found)) == (33261, 0, 0, 4148 + 1390)


def test_each_timed_frame_of_the_vehicle_came_twice_and_sticks_that_do_not_move_are_all_kept(captures: Path) -> None:
    frames = frames_of(captures / FLIGHT)
    kinds = timed_kinds(frames)
    since_boot = {number for number, where in kinds.items() if where.size == 4}
    copies = Copies(kinds)
    kept = [frame for frame in frames if not copies.is_copy(frame)]
    count = [sum(frame.system == 1 and frame.message in since_boot for frame in each) for each in (frames, kept)]
    assert count == [10098, 5049]
    assert Counter(frame.message for frame in kept)[69] == 10668


def test_a_ground_stations_log_is_read_to_its_end(captures: Path) -> None:
    frames = frames_of(captures / SUBMARINE)
    assert Counter(frame.message for frame in frames)[137] == 635, "as many as pymavlink's reader finds"
    assert len(frames) == 35912
    assert all(1.3e15 < frame.logged_us < 2e15 for frame in frames)
