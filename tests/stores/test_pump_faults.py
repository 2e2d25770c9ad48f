"""Faults of ours, rot, short memory and stores that lie cost what they are about, and nothing else."""

from __future__ import annotations

import threading
import time

import pytest

from collector.stores import read_back
from collector.stores.ports import NeedsPerson, Unreachable
from tests.conftest import wait_until
from tests.lake.stations import block, store
from tests.stores.pump_world import World
from tests.stores.small_store import truth


def test_an_offset_that_rotted_costs_work_and_no_value(world: World) -> None:
    world.blocks(5)
    world.finish()
    world.bench.project()
    record = bytearray(world.file.path.read_bytes())
    record[20] ^= 1
    world.file.path.write_bytes(bytes(record))
    world.start()
    world.blocks(2)
    world.finish()
    assert world.store.on_disk == truth(world.made)
    assert world.file.path.with_suffix(".offset-corrupt").exists()


def test_a_block_that_no_lines_can_be_made_of_costs_itself_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = world.pump._maker._encode

    def faulty(readings):  # type: ignore[no-untyped-def]
        if any(facts.device == "cursed" for facts in readings.series_table):
            raise ZeroDivisionError
        return encode(readings)

    monkeypatch.setattr(world.pump._maker, "_encode", faulty)
    world.blocks(3)
    cursed = block(99, device="cursed")
    world.pump.offer(store(world.bench.journal, [cursed]))
    world.blocks(3)
    world.finish()
    assert world.store.on_disk == truth(world.made)
    assert world.pump.tally.left_out == {"fault": 48}


def test_a_store_that_answers_and_forgets_is_found_out_and_gets_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_back, "AGE_NS_MAX", 10**19)
    world.blocks(3)
    world.work(90)
    assert (world.pump.forgets, world.pump.safe) == ("", 3)
    world.store.forgetting = True
    world.blocks(30)
    world.work(120)
    assert "does not give it back" in world.pump.forgets
    assert world.pump.safe == 3
    requests = world.store.requests
    world.work(100)
    assert world.store.requests - requests < 10
    world.store.forgetting = False
    world.finish()
    world.work(30)
    assert world.pump.forgets == ""
    assert world.store.on_disk == truth(world.made)


def test_a_line_that_the_store_refused_is_not_held_for_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "AGE_NS_MAX", 10**19)
    world.blocks(2)
    world.work(90)
    world.store.forgetting = True
    world.blocks(1)
    world.work(5)
    world.store.refused["quarantined"] += 1
    world.work(120)
    assert world.pump.forgets == ""


def test_memory_that_is_short_for_a_moment_leaves_no_block_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    encode = world.pump._maker._encode
    short = [True]

    def encode_in_little_memory(readings):  # type: ignore[no-untyped-def]
        if short:
            raise MemoryError
        return encode(readings)

    monkeypatch.setattr(world.pump._maker, "_encode", encode_in_little_memory)
    world.blocks(3)
    with pytest.raises(MemoryError):
        world.pump.step()
    short.clear()
    world.finish()
    assert world.store.on_disk == truth(world.made)
    assert not world.pump.tally.left_out


def test_a_rotted_row_lets_no_mark_pass_what_is_not_safe_in_the_store_nor_in_the_lake(world: World) -> None:
    world.blocks(1)
    world.bench.project()
    # Sent and answered for, not safe yet; the lake has not got it yet either.
    world.blocks(2)
    world.work(3)
    assert (world.pump.sent, world.pump.safe, world.bench.lake.note.position) == (3, 0, 1)
    store(world.bench.journal, [block(99, device="rotten")])
    world.blocks(2, told=False)
    world.bench.journal._write(lambda c: c.execute("DELETE FROM batch WHERE id = 4"))
    world.work(3)
    world.store.kill()
    world.work(3)
    world.bench.project()
    world.finish()
    assert world.store.on_disk == truth(world.made)


def test_a_fault_at_every_step_is_shown_said_once_and_over_when_it_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse, read = world.store.pulse, world.bench.journal.read
    asked: list[int] = []
    said: list[str] = []

    def broken(*_: object, **__: object) -> object:
        asked.append(1)
        raise ZeroDivisionError("nobody foresaw this")

    world.blocks(3, told=False)
    # The journal cannot be read when the thread begins, and then the store's answer breaks us.
    monkeypatch.setattr(world.bench.journal, "read", broken)
    monkeypatch.setattr(world.store, "pulse", broken)
    monkeypatch.setattr("collector.stores.turns._log.exception", lambda *words: said.append(str(words)))
    stop = threading.Event()
    thread = threading.Thread(target=world.pump.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: len(asked) >= 2, what="it to be tried again")
        assert isinstance(world.pump.trouble, Unreachable)
        assert "ZeroDivisionError: nobody foresaw this" in world.pump.trouble.words
        assert len(said) == 1
        # Whatever wakes it: it does not turn as fast as it can.
        before = len(asked)
        until_s = time.monotonic() + 0.5
        while time.monotonic() < until_s:
            world.pump.wake()
            time.sleep(0.001)
        assert len(asked) - before <= 3
        monkeypatch.setattr(world.bench.journal, "read", read)
        monkeypatch.setattr(world.store, "pulse", pulse)
        wait_until(lambda: world.pump.sent == 3, what="it to be served again")
        assert world.pump.trouble is None
    finally:
        stop.set()
        world.pump.wake()
        thread.join()


def test_a_pump_whose_thread_has_ended_needs_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(world.pump.courier, "start", no_thread)
    world.pump.run(threading.Event())
    assert isinstance(world.pump.trouble, NeedsPerson)
    assert "can't start new thread" in world.pump.trouble.words
