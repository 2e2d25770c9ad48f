"""Journal to lake: the same readings, once each, whatever comes between."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.lake.accounting import Accounts
from collector.lake.disk import RealDisk
from collector.lake.errors import LakeLocked
from collector.lake.lake import Lake
from collector.lake.maintenance import Maintenance
from collector.lake.numerals import decimal_text
from collector.lake.progress import ProjectorOptions
from collector.lake.projector import Projector
from collector.lake.query import Query, run_query
from device_profiles.wire.bulk import Batch, decode_many
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import Column, LossReason, LossRecord, TextEvent
from tests.conftest import wait_until
from tests.lake.stations import BEGIN_NS, Bench, block, readings_of, store


def test_stored_values_equal_the_source(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 40)]
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks)
        bench.project()
        assert bench.rows() == readings_of(blocks)
        total = bench.accounts.totals()
        assert (total.accepted, total.stored, total.pending, total.unexplained) == (39 * 48, 39 * 48, 0, 0)
    with Bench(tmp_path) as again:
        assert again.rows() == readings_of(blocks)
        assert again.accounts.totals() == total
        assert again.lake.note.position == 39


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scaled=st.lists(st.none() | st.integers(-(2**62), 2**62), min_size=1, max_size=20),
    exponent=st.integers(-18, 6),
    doubles=st.lists(st.none() | st.floats(allow_nan=False), min_size=20, max_size=20),
    start_ns=st.integers(-(10**18), 4 * 10**18),
)
def test_any_value_comes_back_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    scaled: list[int | None],
    exponent: int,
    doubles: list[float | None],
    start_ns: int,
) -> None:
    columns = (
        Column("scaled", "m", exponent, tuple(scaled)),
        Column("double", "V", None, tuple(doubles[: len(scaled)])),
    )
    data = block(1, rows=len(scaled), columns=columns, start_ns=start_ns)
    with Bench(tmp_path_factory.mktemp("lake")) as bench:
        store(bench.journal, [data])
        bench.project()
        assert bench.rows() == readings_of([data])
        with closing(bench.lake.cursor()) as cursor:
            rows = [row for batch in run_query(cursor, Query(channels=("scaled",))) for row in batch.to_pylist()]
        kept = [value for value in scaled if value is not None]
        back = [Decimal(decimal_text(row["value"], row["exponent"], row["mantissa"])) for row in rows]
        assert back == [Decimal(value).scaleb(exponent) for value in kept]


@pytest.mark.parametrize("rows", [5, 300])
def test_signed_zero_and_infinities_keep_their_bits(tmp_path: Path, rows: int) -> None:
    doubles = (-0.0, math.inf, -math.inf, 5e-324, 1.7976931348623157e308) * (rows // 5)

    def stored(bench: Bench) -> list[str]:
        # Not by Bench.rows: DuckDB's sort makes -0.0 to 0.0 in what it sorts by.
        with closing(bench.lake.cursor()) as cursor:
            return [value.hex() for batch in run_query(cursor, Query()) for value in batch["value"].to_pylist()]

    with Bench(tmp_path) as bench:
        store(bench.journal, [block(1, rows=rows, columns=(Column("x", "V", None, doubles),))])
        bench.project()
        assert stored(bench) == [value.hex() for value in doubles]
        Maintenance(history_s=0).run(bench.lake)
        assert stored(bench) == [value.hex() for value in doubles]


def test_a_poisoned_block_stops_nobody(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 8)]
    poisoned = bytearray(blocks[3])
    poisoned[-20] ^= 0x55
    with Bench(tmp_path) as bench:
        entries = store(bench.journal, blocks)
        spoilt = [entry._replace(data=bytes(poisoned)) if entry.seq == 4 else entry for entry in entries]
        spoilt[5] = spoilt[5]._replace(data=b"")
        bench.projector.offer(spoilt)
        bench.project()
        assert sorted(bench.poison.found) == [4, 6]
        good = [data for number, data in enumerate(blocks) if number not in {3, 5}]
        assert bench.rows() == readings_of(good)
        assert bench.projector.stats().poisoned == 2
        assert bench.lake.note.skipped == 2
        account = bench.accounts.totals()
        assert account.recorded_loss == spoilt[3].readings + spoilt[5].readings > 0
        assert (account.pending, account.unexplained) == (0, 0)
        reopened = Accounts()
        with closing(bench.lake.cursor()) as cursor:
            reopened.load(cursor)
            losses = cursor.execute("SELECT reason, intervals FROM lake.loss ORDER BY intervals").fetchall()
        assert reopened.totals() == account
        assert losses == [("undecodable", "4"), ("undecodable", "6")]


def test_blocks_offered_in_memory_and_read_back_make_no_difference(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 31)]
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks[:7])
        bench.projector.offer(store(bench.journal, blocks[7:12]))
        bench.project()
        late = store(bench.journal, blocks[12:20])
        bench.project()
        bench.projector.offer(late)
        bench.projector.offer(store(bench.journal, blocks[20:]))
        bench.project()
        assert bench.rows() == readings_of(blocks)
        assert bench.projector.stats().blocks == 30


def test_days_become_partitions_and_old_ones_may_still_come(tmp_path: Path) -> None:
    midnight = (BEGIN_NS // (86_400 * 10**9) + 1) * 86_400 * 10**9
    blocks = [
        block(1, rows=200, start_ns=midnight - 100 * 10**9),
        block(2, rows=200, start_ns=midnight - 400 * 86_400 * 10**9),
        block(3, rows=200, start_ns=-5 * 86_400 * 10**9),
    ]
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks)
        bench.project()
        assert bench.rows() == readings_of(blocks)
        folders = {path.parent for path in (tmp_path / "lake" / "data" / "main" / "reading").rglob("*.parquet")}
        assert len(folders) == 4


def test_events_and_losses_reach_their_tables(tmp_path: Path) -> None:
    loss = LossRecord(LossReason.SHED, 77, IntervalSet.of((3, 9), (12, 12)), 300, "weather", 5, 9)
    text = TextEvent("remark", BEGIN_NS + 5, "gate <b>open</b>")
    data = [block(1, texts=(text,)), block(2, losses=(loss,), total=49 + 48 + 300)]
    with Bench(tmp_path) as bench:
        store(bench.journal, data)
        bench.project()
        totals = bench.accounts.totals()
        assert (totals.accepted, totals.stored, totals.recorded_loss, totals.pending) == (397, 97, 300, 0)
        with closing(bench.lake.cursor()) as cursor:
            rows = cursor.execute("SELECT reason, intervals, readings FROM lake.loss").fetchall()
            found = [row for batch in run_query(cursor, Query(channels=("remark",))) for row in batch.to_pylist()]
        assert rows == [("shed", "3-9,12", 300)]
        assert [(row["text"], row["observed_at_ns"]) for row in found] == [("gate <b>open</b>", BEGIN_NS + 5)]


def test_offset_and_rows_come_in_one_snapshot(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 11)]
    with Bench(tmp_path) as bench:
        for data in blocks:
            store(bench.journal, [data])
            bench.project()
        with closing(bench.lake.cursor()) as cursor:
            snapshots = cursor.execute(
                "SELECT snapshot_id, (commit_extra_info::JSON->>'position')::INTEGER FROM ducklake_snapshots('lake') "
                "WHERE author = 'harkara' ORDER BY 1"
            ).fetchall()
            assert [position for _, position in snapshots] == list(range(1, 11))
            for snapshot, position in snapshots:
                query = f"SELECT count(DISTINCT block_id) FROM lake.reading AT (VERSION => {snapshot})"
                assert cursor.execute(query).fetchall() == [(position,)]


def test_another_generation_of_the_journal_adds_nothing_twice(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 21)]
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks[:15])
        bench.project()
        bench.journal.new_generation()
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks[10:])
        bench.project()
        assert bench.rows() == readings_of(blocks)
        assert bench.projector.stats().repeated == 20
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks[:3])
        bench.project()
        assert bench.rows() == readings_of(blocks)


def test_a_journal_begun_anew_is_projected_from_its_beginning(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 21)]
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks[:10])
        bench.project()
    for path in tmp_path.glob("journal.db*"):
        path.unlink()
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks[5:])
        bench.project()
        assert bench.rows() == readings_of(blocks)


def test_the_journal_is_told_what_is_durable(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        store(bench.journal, [block(seq) for seq in range(1, 6)])
        bench.project()
        bench.projector.step()
        assert bench.journal.durable == 5
        assert bench.projector.stats().durable == 5


def test_a_second_process_is_told_who_has_the_lake(tmp_path: Path) -> None:
    with Bench(tmp_path):
        code = (
            "import sys\nfrom pathlib import Path\nfrom collector.lake.lake import Lake\n"
            "from collector.lake.errors import LakeLocked\n"
            "try: Lake.open(Path(sys.argv[1]))\nexcept LakeLocked: sys.exit(7)\n"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "lake")], check=False)
        assert done.returncode == 7
    assert LakeLocked.__doc__


@contextmanager
def running(projector: Projector) -> Iterator[None]:
    """In a thread of its own, as the collector has it."""
    stop = threading.Event()
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        projector.wake()
        thread.join()


def test_flush_waits_for_what_is_journalled(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 6)]
    options = ProjectorOptions(flush_after_s=3600, poll_s=3600)
    with Bench(tmp_path, options=options) as bench, running(bench.projector):
        for data in blocks:
            store(bench.journal, [data])
            assert bench.projector.flush(20)
        assert bench.rows() == readings_of(blocks)


def test_who_waits_for_a_backlog_gets_it_in_one_commit(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 31)]
    options = ProjectorOptions(flush_after_s=3600, poll_s=3600, round_readings=1)
    with Bench(tmp_path, options=options) as bench:
        store(bench.journal, blocks)
        with running(bench.projector):
            assert bench.projector.flush(60)
            assert bench.projector.stats().commits == 1
            assert bench.rows() == readings_of(blocks)


def test_who_asks_later_never_makes_wait_who_asked_before(tmp_path: Path) -> None:
    options = ProjectorOptions(flush_after_s=3600, poll_s=3600, round_readings=1)
    with Bench(tmp_path, options=options) as bench:
        store(bench.journal, [block(seq) for seq in range(1, 4)])
        first = threading.Thread(target=bench.projector.flush, args=(60,))
        later = []
        first.start()
        for seq in range(4, 200):
            # The head, for which each new one waits, goes on before every round.
            store(bench.journal, [block(seq)])
            later.append(threading.Thread(target=bench.projector.flush, args=(60,)))
            later[-1].start()
            bench.projector.step()
            first.join(0.02)
            if not first.is_alive():
                break
        assert not first.is_alive()
        while bench.projector.step():
            pass
        for each in later:
            each.join()


CHILD = """
import sys
from pathlib import Path
from collector.lake.maintenance import Maintenance
from collector.lake.numerals import decimal_text
from collector.lake.progress import ProjectorOptions
from tests.lake.stations import Bench
options = ProjectorOptions(flush_after_s=0.0, mark_every_s=0.0, round_readings=1)
with Bench(Path(sys.argv[1]), options=options, maintenance=Maintenance(every_s=0.0, history_s=0)) as bench:
    print("ready", flush=True)
    bench.project()
    print("done", flush=True)
"""


@pytest.mark.slow
def test_killed_again_and_again_the_lake_has_everything_once(tmp_path: Path) -> None:
    blocks = [block(seq, rows=16 if seq % 3 else 120) for seq in range(1, 41)]
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks)
    kills = 0
    delays = iter([0.0, 0.02, 0.05, 0.09, 0.14, 0.2, 0.27, 0.33, 0.41, 0.5])
    folder = str(tmp_path)
    for delay in delays:
        with subprocess.Popen([sys.executable, "-c", CHILD, folder], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            threading.Event().wait(delay)
            kills += child.poll() is None
            os.kill(child.pid, signal.SIGKILL)
    assert kills >= 3
    with Bench(tmp_path) as bench:
        bench.project()
        assert bench.rows() == readings_of(blocks)
        assert bench.lake.note.position == 40


def test_a_full_disk_delays_and_loses_nothing(tmp_path: Path) -> None:
    blocks = [block(seq, rows=120) for seq in range(1, 6)]

    class Full(RealDisk):
        """A disk that is full for a while."""

        def __init__(self) -> None:
            self.full = True

        def sync_file(self, path: Path) -> None:
            if self.full and path.suffix == ".parquet":
                raise OSError(28, "No space left on device")
            super().sync_file(path)

    disk = Full()
    with Bench(tmp_path, disk=disk) as bench:
        store(bench.journal, blocks)
        with running(bench.projector):
            assert not bench.projector.flush(0.5)
            assert bench.rows() == []
            disk.full = False
            wait_until(lambda: bench.projector.stats().position == 5, what="the lake to take rows again")
            assert bench.rows() == readings_of(blocks)
    with closing(Lake.open(tmp_path / "lake")) as lake:
        assert lake.note.position == 5


def test_a_round_that_fails_before_anything_is_staged_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A row group in each round: the file is opened, and that fails, before the round is noted.
    monkeypatch.setattr("collector.lake.staging.ROW_GROUP_ROWS", 64)
    blocks = [block(seq, rows=120) for seq in range(1, 41)]
    options = ProjectorOptions(flush_after_s=0.0, mark_every_s=0.0, round_readings=1_000)
    with Bench(tmp_path, options=options) as bench:
        store(bench.journal, blocks[:1])
        bench.project()
        store(bench.journal, blocks[1:])
        incoming, gone = tmp_path / "lake" / "incoming", tmp_path / "gone"
        incoming.rename(gone)
        stop = threading.Event()
        thread = threading.Thread(target=bench.projector.run, args=(stop,))
        failures: list[str] = []
        monkeypatch.setattr("collector.lake.projector._log.exception", lambda *words: failures.append(str(words)))
        thread.start()
        try:
            wait_until(lambda: failures, what="the first round to fail")
            gone.rename(incoming)
            wait_until(lambda: bench.projector.stats().position == 40, what="the lake to have everything")
        finally:
            stop.set()
            bench.projector.wake()
            thread.join()
        assert bench.rows() == readings_of(blocks)


def test_memory_that_is_short_for_a_moment_makes_no_block_undecodable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block(seq) for seq in range(1, 6)]
    short = [True]

    def decode_in_little_memory(data: Sequence[bytes], *, check_digest: bool = True) -> Batch:
        if short:
            raise MemoryError
        return decode_many(data, check_digest=check_digest)

    monkeypatch.setattr("collector.lake.decoding.decode_many", decode_in_little_memory)
    with Bench(tmp_path) as bench:
        store(bench.journal, blocks)
        stop, told = threading.Event(), []
        monkeypatch.setattr("collector.lake.projector._log.exception", lambda *words: told.append(words))
        thread = threading.Thread(target=bench.projector.run, args=(stop,))
        thread.start()
        try:
            wait_until(lambda: told or bench.poison.found, what="the first round to fail")
            short.clear()
            wait_until(lambda: bench.projector.stats().position == 5, what="the lake to have everything")
        finally:
            stop.set()
            bench.projector.wake()
            thread.join()
        assert bench.rows() == readings_of(blocks)
        assert not bench.poison.found
