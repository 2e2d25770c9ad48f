"""From samples to blocks: every value and time in its place, blocks ended by size, age, and steps of the clock."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers.messages import ROWS_A_BLOCK
from benchmarks.recordings import recordings
from device_profiles.quality import Flag
from device_profiles.wire.decode import decode
from device_profiles.wire.encode import encode
from device_profiles.wire.model import Block, ClockState, ColumnSpec, ProfileRef, Row, TextEvent
from device_profiles.wire.values import Scaled, Value
from edge_agent.blocks import BLOCK_BYTES_SOFT, ROWS_MAX, BlockBuilder, Step, recovered
from edge_agent.chunks import Chunk, pack, readings_of, unpack
from edge_agent.drivers.ports import Number, Sample, Text
from edge_agent.outbox import Accept, Outbox, Seal
from tests.agent.test_clock import NOW_NS, SECOND_NS, SetClock

PROFILE = ProfileRef("driver/lines", 1, bytes(8))


def builder(clock: SetClock, seal_after_s: float = 60.0) -> BlockBuilder:
    return BlockBuilder("test-agent", "dev", PROFILE, clock, seal_after_s=seal_after_s)


def sample(at_ns: int | None, clock: SetClock, **values: Value | None) -> Sample:
    numbers = tuple(
        Number(name, "", value, Flag.UNKNOWN if value is not None else Flag.MISSING) for name, value in values.items()
    )
    return Sample(at_ns, clock.wall, numbers)


def blocks(folder: Path, steps: list[Step]) -> list[Block]:
    """The blocks that a real outbox makes of these steps."""
    outbox = Outbox.open(folder / "outbox.db", agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    try:
        refs = outbox.commit(steps).refs
        assert outbox.stats().open_rows == 0
        return [decode(outbox.read(ref.segment, ref.seq)) for ref in refs]
    finally:
        outbox.close()


def kinds(steps: list[Step]) -> list[type]:
    return [type(step) for step in steps]


def test_channels_that_come_and_go_share_a_block(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    made.add(sample(1, clock, a=Scaled(2150, -2)))
    steps = made.accept()
    made.add(sample(2, clock, b=Scaled(5, 0), a=Scaled(215, -1)))
    made.add(sample(3, clock, b=None, c=0.1))
    (block,) = blocks(tmp_path, steps + made.seal())
    assert block.times_ns == (1, 2, 3)
    columns = {column.channel: (column.exponent, column.values) for column in block.columns}
    assert columns == {
        "a": (-2, (2150, 2150, None)),
        "b": (0, (None, 5, None)),
        "c": (None, (None, None, 0.1)),
    }
    assert block.readings == 4
    assert made.open_rows == 0


def test_a_block_is_full_by_rows_or_by_bytes_and_due_by_age() -> None:
    clock = SetClock()
    made = builder(clock, seal_after_s=60)
    due_s = made.due_s
    assert due_s is None
    for number in range(ROWS_MAX - 1):
        assert made.add(sample(number, clock, a=Scaled(number, 0))) == []
    assert made.due_s == clock.monotonic_s() + 60
    assert kinds(made.add(sample(999, clock, a=Scaled(1, 0)))) == [Accept, Seal]
    wide = {f"c{number}": 0.5 * number for number in range(BLOCK_BYTES_SOFT // 8 + 1)}
    assert kinds(made.add(sample(1, clock, **wide))) == [Accept, Seal]
    digits = {channel: Scaled(10**16 + number, -17) for number, channel in enumerate(wide)}
    assert kinds(made.add(sample(1, clock, **digits))) == [Accept, Seal]


def test_full_blocks_of_recorded_weather_are_as_large_as_they_may_be(tmp_path: Path, captures: Path) -> None:
    """By rows or by bytes; a station of 15 channels comes to both, as `benchmarks.peers` has it."""
    sizes = {}
    for recording in recordings()[0]:
        clock = SetClock()
        made = BlockBuilder("test-agent", recording.device, PROFILE, clock, seal_after_s=1e9)
        steps: list[Step] = []
        for row in recording.rows:
            values = {spec.channel: value for spec, value in zip(recording.specs, row.values, strict=True)}
            steps += made.add(sample(row.observed_at_ns, clock, **values))
        (tmp_path / recording.name).mkdir()
        full = blocks(tmp_path / recording.name, steps)
        assert max(len(encode(block)) for block in full) < 1.25 * BLOCK_BYTES_SOFT
        sizes[recording.name] = {len(block.times_ns) for block in full}
    assert sizes["midc_raw"] == {ROWS_A_BLOCK}
    assert all(rows == ROWS_MAX or rows > ROWS_MAX // 2 for found in sizes.values() for rows in found)


def test_a_step_of_the_clock_ends_the_block_that_came_before(tmp_path: Path) -> None:
    clock = SetClock(state=ClockState.UNSET, wall=5 * SECOND_NS)
    made = builder(clock)
    assert made.add(sample(None, clock, a=Scaled(1, 0))) == []
    clock.pass_ns(SECOND_NS)
    assert made.add(sample(None, clock, a=Scaled(2, 0))) == [], "time that merely passes is no step"
    clock.pass_ns(SECOND_NS)
    clock.wall, clock.state = NOW_NS, ClockState.NTP
    steps = made.add(sample(None, clock, a=Scaled(3, 0)))
    assert kinds(steps) == [Accept, Seal]
    before, after = blocks(tmp_path, steps + made.seal())
    assert before.times_ns == (5 * SECOND_NS, 6 * SECOND_NS)
    assert after.times_ns == (NOW_NS,)
    assert (before.clock.state, after.clock.state) == (ClockState.UNSET, ClockState.NTP)
    # What was sealed keeps the clock under which it was read.
    assert before.clock.wall_ns - before.clock.boottime_ns == 5 * SECOND_NS - 1000 * SECOND_NS
    assert after.clock.wall_ns == NOW_NS


def test_two_arrivals_in_one_millisecond_are_two_instants(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    for number in range(5):
        clock.pass_ns(1000)
        made.add(sample(None, clock, a=Scaled(number, 0)))
    (block,) = blocks(tmp_path, made.seal())
    assert len(set(block.times_ns)) == 5
    assert list(block.times_ns) == sorted(block.times_ns)
    assert max(block.times_ns) - NOW_NS < 10**6


def test_flags_of_doubtful_values_travel(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    made.add(Sample(1, 0, (Number("a", "m", Scaled(1, 0), Flag.SUSPECT, "low_quality"),)))
    made.add(Sample(2, 0, (Number("a", "m", Scaled(2, 0)),)))
    (block,) = blocks(tmp_path, made.seal())
    assert block.columns[0].flags == ((0, 3),)


def test_what_a_killed_process_left_open_becomes_the_block_it_would_have_been(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    made.add(sample(1, clock, a=Scaled(2150, -2)))
    first = made.accept()
    clock.pass_ns(SECOND_NS)
    made.add(sample(2, clock, a=Scaled(1, 0), b=0.25))
    second = made.accept()
    path = tmp_path / "outbox.db"
    outbox = Outbox.open(path, agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    outbox.commit(first)
    outbox.commit(second)
    outbox.close(clean=False)
    outbox = Outbox.open(path, agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    (ref,) = outbox.commit(recovered("test-agent", outbox.open_chunks())).refs
    block = decode(outbox.read(ref.segment, ref.seq))
    assert block.times_ns == (1, 2)
    assert block.readings == 3 == ref.readings
    assert block.clock == clock.section()
    assert block.profile == PROFILE
    assert outbox.open_chunks() == []
    outbox.close()


scaled = st.builds(Scaled, st.integers(-(2**62), 2**62), st.integers(-12, 12))
values = st.none() | scaled | st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.integers(0, 2**62), values, values), min_size=1, max_size=20))
def test_a_chunk_comes_back_as_it_was(given_rows: list[tuple[int, Value | None, Value | None]]) -> None:
    clock = SetClock()
    rows = tuple(Row(at, (one, two)) for at, one, two in given_rows)
    chunk = Chunk((ColumnSpec("a", "Cel"), ColumnSpec("b", "")), rows, clock.section(), PROFILE)
    packed = pack("dev", chunk)
    assert packed.readings == readings_of(rows)
    back = unpack(packed)
    assert dataclasses.replace(back, rows=()) == dataclasses.replace(chunk, rows=())
    assert [repr(row) for row in back.rows] == [repr(row) for row in rows]


def test_texts_go_into_the_block_with_and_without_numbers_beside_them(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    made.add(sample(1, clock, a=Scaled(2150, -2)))
    made.add(Sample(2, clock.wall, (), (Text("mode", "auto"), Text("mission_item", "3"))))
    steps = made.accept()
    made.add(Sample(3, clock.wall, (Number("a", "", Scaled(1, 0)),), (Text("mode", "rtl ½"),)))
    assert made.open_rows == 5
    (block,) = blocks(tmp_path, steps + made.seal())
    assert block.texts == (
        TextEvent("mode", 2, "auto"),
        TextEvent("mission_item", 2, "3"),
        TextEvent("mode", 3, "rtl ½"),
    )
    assert (block.times_ns, block.readings) == ((1, 3), 5)


def test_texts_alone_are_a_block_and_survive_a_kill(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    made.add(Sample(7, clock.wall, (), (Text("mode", "loiter"),)))
    outbox = Outbox.open(tmp_path / "o.db", agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    outbox.commit(made.accept())
    assert (outbox.stats().accepted, outbox.stats().open_rows) == (1, 1)
    outbox.close()
    again = Outbox.open(tmp_path / "o.db", agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    (ref,) = again.commit(recovered("test-agent", again.open_chunks())).refs
    block = decode(again.read(ref.segment, ref.seq))
    again.close()
    assert (block.texts, block.times_ns, block.columns) == ((TextEvent("mode", 7, "loiter"),), (), ())


def test_a_state_in_words_goes_along_when_it_is_news(tmp_path: Path) -> None:
    clock = SetClock()
    made = builder(clock)
    steps: list[Step] = []
    for at_ns, serial in enumerate(("A-17", "A-17", "A-17", "B-4", "B-4", "A-17"), 1):
        states = (Text("device_serial", serial, is_event=False), Text("status", "ok", is_event=False))
        numbers = (Number("a", "", Scaled(at_ns, 0)),)
        steps += made.add(Sample(at_ns, clock.wall, numbers, (*states, Text("event", "armed"))))
        steps += made.accept()
    assert made.add(Sample(7, clock.wall, (), (Text("status", "ok", is_event=False),))) == []
    (block,) = blocks(tmp_path, steps + made.seal())
    told = [(event.channel, event.observed_at_ns, event.text) for event in block.texts if event.channel != "event"]
    assert told == [
        ("device_serial", 1, "A-17"),
        ("status", 1, "ok"),
        ("device_serial", 4, "B-4"),
        ("device_serial", 6, "A-17"),
    ]
    assert [event.observed_at_ns for event in block.texts if event.channel == "event"] == [1, 2, 3, 4, 5, 6]
    assert block.times_ns == (1, 2, 3, 4, 5, 6)
    assert block.readings == 6 + 4 + 6


def test_old_news_alone_opens_no_block() -> None:
    clock = SetClock()
    made = builder(clock)
    state = Sample(1, clock.wall, (), (Text("status", "ok", is_event=False),))
    made.add(state)
    assert made.seal()
    made.add(state)
    assert (made.due_s, made.open_rows, made.seal()) == (None, 0, [])
