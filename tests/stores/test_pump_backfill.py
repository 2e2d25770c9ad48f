"""What a store gets from the lake: all it lacks, beside the new readings and not before them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from collector.stores.options import PumpOptions
from tests.lake.stations import block, store
from tests.stores.pump_world import World
from tests.stores.small_store import FLUSH_S, truth


def test_new_readings_do_not_wait_for_a_back_fill(world: World) -> None:
    world.blocks(300)
    world.bench.project()
    world.file.path.unlink(missing_ok=True)
    world.start()
    assert [job.why for job in world.pump.jobs] == ["new store"]
    world.blocks(2)
    newest = max(key[3] for key in truth(world.made))
    rounds = 0
    while newest not in {key[3] for key in world.store.values}:
        world.work(1)
        rounds += 1
        assert rounds < 20
    assert world.pump.jobs
    assert len(world.store.values) < len(truth(world.made))
    world.finish()
    assert world.store.on_disk == truth(world.made)


def test_a_store_that_was_trimmed_past_gets_the_rest_from_the_lake(world: World) -> None:
    world.blocks(6)
    world.finish()
    world.store.stopped = True
    world.blocks(20, told=False)
    world.trim()
    assert not world.bench.journal.read(0)
    world.finish()
    assert world.store.on_disk == truth(world.made)


@pytest.mark.parametrize("since", ["now", 10])
def test_a_store_added_later_may_begin_later(tmp_path: Path, since: int | str) -> None:
    world = World(tmp_path)
    with contextlib.closing(world):
        world.blocks(20)
        world.bench.project()
        times = sorted({key[3] for key in truth(world.made)})
        from_ns = "now" if since == "now" else times[len(times) // 2]
        world.options = PumpOptions(
            durable_after_s=FLUSH_S + 3, piece_readings=200, gather_s=0, pulse_every_s=0, since=from_ns
        )
        world.file.path.unlink(missing_ok=True)
        world.start()
        before = len(world.made)
        world.blocks(3)
        world.finish()
        later = truth(world.made[before:])
        if isinstance(from_ns, int):
            later |= {key: value for key, value in truth(world.made[:before]).items() if key[3] >= from_ns}
        assert world.store.on_disk == later


def test_a_series_that_no_lines_can_be_made_of_costs_a_back_fill_itself_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.blocks(3)
    store(world.bench.journal, [block(99, device="cursed")])
    world.blocks(3, told=False)
    world.trim()
    world.start()
    encode = world.pump._maker._encode

    def faulty(readings):  # type: ignore[no-untyped-def]
        if any(readings.series_table[number].device == "cursed" for number in set(readings.series.tolist())):
            raise ZeroDivisionError
        return encode(readings)

    monkeypatch.setattr(world.pump._maker, "_encode", faulty)
    world.finish()
    assert world.store.on_disk == truth(world.made)
    assert world.pump.tally.left_out == {"fault": 48}


def test_a_gap_is_noticed_while_an_older_back_fill_goes_on(world: World) -> None:
    world.blocks(200)
    world.bench.project()
    world.file.path.unlink(missing_ok=True)
    world.start()
    world.work(4)
    world.blocks(20, told=False)
    world.trim()
    world.blocks(5)
    newest = max(key[3] for key in truth(world.made))
    for _ in range(12):
        world.work(1)
    assert newest in {key[3] for key in world.store.values}
    assert [job.why for job in world.pump.jobs] == ["new store", "left behind by the journal"]
    world.finish()
    assert world.store.on_disk == truth(world.made)
