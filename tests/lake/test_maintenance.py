"""The lake's upkeep: fewer files, the same rows, and no memory that grows with what was committed."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from collector.lake.disk import RealDisk
from collector.lake.lake import Lake
from collector.lake.maintenance import Maintenance
from collector.lake.memory import shed
from tests.lake.stations import Bench, block, readings_of, store


def test_maintenance_changes_files_and_no_row(tmp_path: Path) -> None:
    blocks = [block(seq) for seq in range(1, 61)]
    with Bench(tmp_path) as bench:
        for data in blocks:
            store(bench.journal, [data])
            bench.project()
        position = bench.lake.note.position
        upkeep = Maintenance(history_s=0)
        upkeep.run(bench.lake)
        assert bench.rows() == readings_of(blocks)
        store(bench.journal, [block(61, rows=200), block(62, rows=200)])
        bench.project()
        upkeep.run(bench.lake)
        upkeep.run(bench.lake)
        assert bench.lake.note.position == position + 2
        everything = [*blocks, block(61, rows=200), block(62, rows=200)]
        assert bench.rows() == readings_of(everything)
        assert len(list((tmp_path / "lake" / "data" / "main" / "reading").rglob("*.parquet"))) <= 2
    with Bench(tmp_path) as bench:
        assert bench.rows() == readings_of(everything)
        assert bench.lake.note.position == position + 2


class FullDisk(RealDisk):
    """Says what is free of it.

    Attributes:
        free: What it says. [B]
    """

    def __init__(self) -> None:
        self.free = 0

    def free_bytes(self, folder: Path) -> int:
        return self.free


def test_upkeep_takes_the_catalogues_log_into_its_file_where_there_is_room(tmp_path: Path) -> None:
    disk, upkeep, log = FullDisk(), Maintenance(history_s=0), tmp_path / "lake" / "catalogue.ducklake.wal"
    blocks = [block(seq) for seq in range(1, 21)]
    with Bench(tmp_path, disk=disk) as bench:
        for data in blocks:
            store(bench.journal, [data])
            bench.project()
        upkeep.run(bench.lake)
        kept = log.stat().st_size
        assert kept > 0
        disk.free = (tmp_path / "lake" / "catalogue.ducklake").stat().st_size + kept
        upkeep.run(bench.lake)
        assert log.stat().st_size >= kept
        disk.free = 1 << 30
        # One who reads meanwhile neither stops it nor is stopped by it.
        with closing(bench.lake.cursor()) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM lake.block").fetchall() == [(len(blocks),)]
            upkeep.run(bench.lake)
            assert reader.execute("SELECT count(*) FROM lake.block").fetchall() == [(len(blocks),)]
        assert not log.exists() or log.stat().st_size == 0
        assert bench.rows() == readings_of(blocks)
    with Bench(tmp_path) as bench:
        assert bench.rows() == readings_of(blocks)


def of_catalogue(what: str, lake: Lake) -> int:
    """A figure of DuckDB's ``pragma_database_size``."""
    with closing(lake.cursor()) as cursor:
        rows = cursor.execute(f"SELECT {what} FROM pragma_database_size() WHERE database_name LIKE '%metadata%'")
        return int(rows.fetchall()[0][0])


def test_the_catalogue_does_not_grow_with_commits(tmp_path: Path) -> None:
    upkeep, used = Maintenance(history_s=0), []
    with Bench(tmp_path) as bench:
        for seq in range(1, 61):
            store(bench.journal, [block(seq)])
            bench.project()
            if seq % 10 == 0:
                upkeep.run(bench.lake)
                used.append(of_catalogue("used_blocks", bench.lake))
    assert used[-1] <= used[2], used


def test_the_catalogue_has_small_blocks_and_one_with_large_ones_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = [block(seq) for seq in range(1, 5)]
    with Bench(tmp_path / "new") as bench:
        assert of_catalogue("block_size", bench.lake) == 16_384
    with monkeypatch.context() as patched:
        patched.setattr("collector.lake.lake.BLOCK_BYTES", 262_144)
        with Bench(tmp_path / "old") as bench:
            store(bench.journal, blocks[:2])
            bench.project()
    with Bench(tmp_path / "old") as bench:
        assert of_catalogue("block_size", bench.lake) == 262_144
        store(bench.journal, blocks[2:])
        bench.project()
        Maintenance(history_s=0).run(bench.lake)
        assert bench.rows() == readings_of(blocks)


def test_nothing_is_kept_in_memory_of_files_that_were_read(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench, closing(bench.lake.cursor()) as cursor:
        for seq in range(1, 9):
            store(bench.journal, [block(seq, rows=200)])
            bench.project()
            assert bench.rows()
        kept = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'EXTERNAL_FILE_CACHE'"
        assert cursor.execute(kept).fetchall() == [(0,)]


def test_upkeep_disturbs_no_query_and_leaves_the_limit(tmp_path: Path) -> None:
    blocks = [block(seq, rows=200) for seq in range(1, 9)]
    failed: list[Exception] = []
    done, asked = threading.Event(), threading.Event()

    def ask() -> None:
        try:
            while not done.is_set():
                assert bench.rows() == readings_of(blocks)
                asked.set()
        except (duckdb.Error, AssertionError) as exc:
            failed.append(exc)
            asked.set()

    with Bench(tmp_path) as bench, closing(bench.lake.cursor()) as cursor:
        limit = "SELECT current_setting('memory_limit')"
        before = cursor.execute(limit).fetchall()
        store(bench.journal, blocks)
        bench.project()
        thread = threading.Thread(target=ask)
        thread.start()
        for _ in range(4):
            asked.clear()
            while not asked.is_set():
                Maintenance().run(bench.lake)
                shed(bench.lake)
        done.set()
        thread.join()
        assert failed == []
        assert cursor.execute(limit).fetchall() == before


def test_a_collector_that_is_started_often_merges_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.lake.maintenance.SMALL_FILES_MAX", 6)
    blocks = [block(seq, rows=200) for seq in range(1, 15)]
    for data in blocks:
        with Bench(tmp_path, maintenance=Maintenance(history_s=0)) as bench:
            store(bench.journal, [data])
            bench.project()
    with Bench(tmp_path) as bench:
        assert bench.rows() == readings_of(blocks)
    assert len(list((tmp_path / "lake" / "data" / "main" / "reading").rglob("*.parquet"))) <= 6
