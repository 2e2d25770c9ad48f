"""A store ends with exactly the values of the blocks, whatever befell it, the collector, the journal and the lake."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.stores.options import PumpOptions
from collector.stores.ports import Busy, NeedsPerson, Unreachable
from device_profiles.wire.decode import decode
from tests.lake.stations import BEGIN_NS, block
from tests.stores.pump_world import World
from tests.stores.small_store import truth

_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("blocks"), st.integers(1, 6)),
        st.tuples(st.just("blocks unseen"), st.integers(1, 6)),
        st.tuples(st.just("work"), st.integers(1, 20)),
        st.tuples(st.just("fail"), st.integers(1, 4)),
        st.tuples(st.just("stop or go on"), st.just(0)),
        st.tuples(st.just("kill the store"), st.just(0)),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("project"), st.just(0)),
        st.tuples(st.just("trim"), st.just(0)),
        st.tuples(st.just("pause or resume"), st.just(0)),
        st.tuples(st.just("replace the journal"), st.just(0)),
        st.tuples(st.just("fill"), st.just(0)),
        st.tuples(st.just("replay"), st.just(0)),
    ),
    max_size=25,
)
_ANSWERS = (Unreachable("down"), Busy("later", 0.1), NeedsPerson("401 unauthorized"))


@given(_STEPS)
@example([("blocks", 3), ("work", 9), ("kill the store", 0), ("trim", 0)])
@example([("blocks", 1), ("blocks unseen", 1), ("blocks", 1)])
@example([("blocks", 6), ("work", 4), ("replace the journal", 0), ("blocks", 2), ("trim", 0)])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_lost_nothing_altered(steps: list[tuple[str, int]]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="harkara-pump-"))
    world = World(folder)
    try:
        for kind, amount in steps:
            _do(world, kind, amount)
        world.finish()
        assert world.store.on_disk == truth(world.made)
    finally:
        world.close()
        shutil.rmtree(folder)


def _do(world: World, kind: str, amount: int) -> None:
    def fail() -> None:
        world.store.failing.extend(_ANSWERS[number % 3] for number in range(amount))

    def stop_or_go_on() -> None:
        world.store.stopped = not world.store.stopped

    {
        "blocks": lambda: world.blocks(amount),
        "blocks unseen": lambda: world.blocks(amount, told=False),
        "work": lambda: world.work(amount),
        "fail": fail,
        "stop or go on": stop_or_go_on,
        "kill the store": world.store.kill,
        "crash": world.start,
        "project": world.bench.project,
        "trim": world.trim,
        "pause or resume": world.pump.resume if world.pump.is_paused else world.pump.pause,
        "replace the journal": world.replace_journal,
        "fill": lambda: world.pump.fill("asked for", from_ns=None, until_ns=None),
        "replay": world.pump.replay,
    }[kind]()


def test_what_is_counted_is_what_is_there(world: World) -> None:
    world.blocks(10)
    world.finish()
    assert world.pump.tally.values == len(world.store.values)
    assert world.pump.tally.blocks == 10
    world.blocks(5)
    world.work(5)
    world.start()  # crash: what was not safe is sent and counted again
    world.finish()
    assert world.pump.tally.values == len(world.store.values)
    assert world.pump.tally.blocks == 15


def test_a_killed_store_is_sent_its_tail_again(world: World) -> None:
    world.blocks(8)
    world.work(5)
    assert world.pump.sent == 8
    assert world.pump.safe == 0
    world.store.kill()
    assert not world.store.values
    world.finish()
    assert world.store.on_disk == truth(world.made)
    assert world.pump.resent > 0


def test_a_store_that_stands_still_makes_nothing_safe(world: World) -> None:
    world.blocks(2)
    world.work(4)
    world.store.stopped = True
    world.work(50)
    assert world.pump.safe == 0
    world.store.stopped = False
    world.work(2)
    assert world.pump.safe == 0
    world.store.kill()
    world.finish()
    assert world.store.on_disk == truth(world.made)


def test_a_store_whose_answer_is_enough_needs_no_second_sign(tmp_path: Path) -> None:
    world = World(tmp_path, PumpOptions(piece_readings=200, gather_s=0))
    with contextlib.closing(world):
        world.store.flush_s = 0
        world.blocks(3)
        world.work(3, seconds=0.0)
        assert world.pump.safe == 3


def test_single_blocks_are_gathered_and_a_backlog_is_not_kept_waiting(tmp_path: Path) -> None:
    options = PumpOptions(piece_readings=40 * decode(block(1)).readings, gather_s=10.0, pulse_every_s=0)
    world = World(tmp_path, options)
    with contextlib.closing(world):
        for _ in range(20):
            world.blocks(1)
            world.work(1, seconds=1.0)
        assert (world.store.requests, world.pump.sent) == (2, 11)
        world.work(1, seconds=10.0)
        world.work(1, seconds=0.0)
        assert (world.store.requests, world.pump.sent) == (3, 20)
        world.blocks(100)
        world.work(5, seconds=0.0)
        assert world.pump.sent == 20
        # Pieces of forty follow one another at once; the last twenty are a whole piece's half, too.
        world.work(1, seconds=10.0)
        world.work(4, seconds=0.0)
        assert (world.store.requests, world.pump.sent) == (6, 120)
        # A burst does not wait for the time to pass.
        world.blocks(1)
        world.work(1, seconds=10.0)
        world.blocks(1 + 65_536 // len(world.made[-1]))
        world.work(3, seconds=0.0)
        assert world.pump.sent > 121
        world.finish()
        assert world.store.values == truth(world.made)


def test_a_paused_store_gets_nothing_also_after_a_restart(world: World) -> None:
    world.pump.pause()
    world.blocks(4)
    world.work(10)
    assert world.store.requests == 0
    world.start()
    world.work(10)
    assert world.store.requests == 0
    assert world.pump.is_paused
    world.pump.resume()
    world.finish()
    assert world.store.on_disk == truth(world.made)


@pytest.mark.parametrize("why", ["dead", "paused"])
def test_what_a_store_does_not_take_is_not_kept_in_memory(world: World, why: str) -> None:
    world.blocks(3)
    world.work(3)
    if why == "dead":
        world.store.failing.extend([Unreachable("down")] * 1000)
    else:
        world.pump.pause()
    for _ in range(30):
        world.blocks(20)
        world.work(1, seconds=0.1)
    assert world.pump.held_bytes == 0
    world.finish()
    assert world.store.on_disk == truth(world.made)


def test_it_is_known_since_when_a_store_that_never_answered_lacks_something(world: World) -> None:
    world.store.stopped = True
    world.blocks(3)
    world.work(2)
    assert world.pump.lag_s(BEGIN_NS + 90 * 10**9) == 90
    world.finish()
    assert world.pump.lag_s(BEGIN_NS + 90 * 10**9) == 0
