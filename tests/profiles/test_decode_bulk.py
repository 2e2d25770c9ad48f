"""Frames read together give what they give one by one."""

from __future__ import annotations

import random

import pytest

from benchmarks.profiles import ten_channels
from device_profiles import catalogue
from device_profiles.checksums import crc16_modbus
from device_profiles.engine.decode_bulk import Batch, Table, decode_frames
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Mark
from device_profiles.quality import Flag
from tests.profiles.fuzz import damaged, seeds

Whole = tuple[str, dict[str, tuple[float | int | None, int | None, str]], dict[str, tuple[int, str]]]


def _one(profile: Profile, frame: bytes, port: int | None) -> Whole | str:
    result = profile.decode(frame, port=port)
    if not isinstance(result, Decoded):
        return str(result.reason)
    (row,) = result.rows
    numbers = dict(zip(row.channels, zip(row.mantissas, row.exponents, row.units, strict=True), strict=True))
    marks = {row.channels[mark.column]: (int(mark.flag), mark.reason) for mark in row.marks}
    return result.frame, numbers, marks


def _of(table: Table, row: int) -> Whole:
    numbers: dict[str, tuple[float | int | None, int | None, str]] = {}
    marks: dict[str, tuple[int, str]] = {}
    for channel, column in table.columns.items():
        flag = int(column.flags[row])
        gone = flag in (Flag.MISSING, Flag.FAIL)
        numbers[channel] = (None if gone else column.values[row].item(), column.exponent, column.unit)
        marks.update((channel, (int(m.flag), m.reason)) for m in table.marks.get(channel, []) if m.column == row)
    return table.frame, numbers, marks


def _compare(profile: Profile, frames: list[bytes], port: int | None) -> int:
    batch = decode_frames(profile, frames, port=port)
    together = 0
    for table in batch.tables:
        for row, number in enumerate(table.frames.tolist()):
            assert _of(table, row) == _one(profile, frames[number], port), frames[number].hex()
            together += 1
    assert together + len(batch.others) == len(frames)
    for number, outcome in batch.others.items():
        assert repr(outcome) == repr(profile.decode(frames[number], port=port))
    return together


def test_the_whole_catalogue() -> None:
    chance = random.Random(11)
    together = 0
    kinds = set()
    for seed in seeds():
        frames = [damaged(seed.frame, chance) for _ in range(40)]
        count = _compare(seed.profile, frames, seed.port)
        together += count
        kinds |= {seed.profile.id} if count else set()
    assert together > 500
    assert len(kinds) > 10


def test_ten_channels_of_modbus() -> None:
    profile = ten_channels()
    chance = random.Random(2)
    frames = []
    for number in range(300):
        body = bytes([1, 3, 22]) + (
            chance.randbytes(22) if number % 3 else bytes.fromhex("00017FFF") + chance.randbytes(18)
        )
        frame = body + crc16_modbus(body).to_bytes(2, "little")
        frames.append(frame if number % 10 else frame[:-1] + bytes([frame[-1] ^ 1]))
    assert _compare(profile, frames, None) == 270


def test_a_sentinel_is_marked_and_no_number() -> None:
    profile = ten_channels()
    body = bytes([1, 3, 22]) + bytes.fromhex("00017FFF") + bytes(18)
    frames = [body + crc16_modbus(body).to_bytes(2, "little")] * 20
    (table,) = decode_frames(profile, frames).tables
    assert table.marks == {"value_1": [Mark(row, Flag.MISSING, "invalid") for row in range(20)]}
    assert table.columns["value_0"].values.tolist() == [1] * 20


@pytest.mark.parametrize("frames", [[], [b""], [b"\x01"] * 30])
def test_nothing_and_nonsense(frames: list[bytes]) -> None:
    batch = decode_frames(catalogue.load("sensirion/scd30-modbus"), frames)
    assert batch.tables == []
    assert len(batch.others) == len(frames)
    assert isinstance(batch, Batch)
