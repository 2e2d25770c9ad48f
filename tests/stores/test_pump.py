"""A store ends with exactly the values of the blocks, whatever befell it, the collector, the journal and the lake."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from collector.lake.projector import Projector
from collector.stores import read_back
from collector.stores.offset import OffsetFile
from collector.stores.options import PumpOptions
from collector.stores.ports import Busy, NeedsPerson, Unreachable
from collector.stores.pump import Pump
from device_profiles.wire.decode import decode
from tests.conftest import wait_until
from tests.lake.stations import BEGIN_NS, Bench, block, store
from tests.stores.small_store import FLUSH_S, SmallStore, small_pump, truth


class World:
    """Real journal and lake, a store that fails, and the pump between them."""

    def __init__(self, folder: Path, options: PumpOptions | None = None) -> None:
        self.bench = Bench(folder)
        self.store = SmallStore()
        self.made: list[bytes] = []
        self.file = OffsetFile(folder / "stores", "small")
        self.options = options
        self.pump = self.start()

    def start(self) -> Pump:
        """A collector's pump, as after a crash: what it did not write down, it does not know."""
        self.pump = small_pump(self.store, self.bench.journal, self.bench.lake, self.file, options=self.options)
        return self.pump

    def blocks(self, count: int, *, told: bool = True) -> None:
        fresh = [block(len(self.made) + number, agent=f"station-{number % 3}") for number in range(1, count + 1)]
        self.made += fresh
        entries = store(self.bench.journal, fresh)
        if told:
            self.pump.offer(entries)

    def work(self, rounds: int = 3, seconds: float = 1.0) -> None:
        for _ in range(rounds):
            self.store.run_for(seconds)
            self.pump.step()
            self.pump.courier.turn()
            # A back-fill is read in a thread of its own: give it the time to bring its piece.
            until_s = time.monotonic() + 5
            while self.pump._filling.is_reading and time.monotonic() < until_s:
                time.sleep(0.001)

    def trim(self) -> None:
        self.bench.project()
        self.bench.projector._mark()
        self.bench.journal.trim(age_ns_max=0, bytes_max=0)

    def replace_journal(self) -> None:
        """As a restore from a backup does."""
        self.bench.journal.new_generation()
        bench = self.bench
        bench.projector = Projector(
            bench.lake, bench.journal, bench.latest, bench.accounts, poison=bench.poison, options=bench.options
        )
        self.start()

    def finish(self) -> None:
        """Let all be well and wait until everything is safe."""
        self.store.stopped = False
        self.store.failing.clear()
        if self.pump.is_paused:
            self.pump.resume()
        for _ in range(600):
            self.work(1)
            if self.pump.safe == self.bench.journal.head and not self.pump.jobs:
                return
        pytest.fail(f"never done: at {self.pump.safe} of {self.bench.journal.head}, {self.pump.jobs}")

    def close(self) -> None:
        self.pump._filling.stop()
        self.bench.lake.close()
        self.bench.journal.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


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


def test_it_is_known_since_when_a_store_that_never_answered_lacks_something(world: World) -> None:
    world.store.stopped = True
    world.blocks(3)
    world.work(2)
    assert world.pump.lag_s(BEGIN_NS + 90 * 10**9) == 90
    world.finish()
    assert world.pump.lag_s(BEGIN_NS + 90 * 10**9) == 0


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
