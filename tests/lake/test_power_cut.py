"""The power goes while the lake is written: what was not fsynced is gone, the catalogue is there, nothing is lost."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from collector.lake.disk import RealDisk
from collector.lake.durable import DurableMark, is_whole
from collector.lake.errors import LakeUnusable
from collector.lake.lake import Lake
from collector.lake.maintenance import Maintenance
from tests.lake.stations import Bench, block, readings_of, store

BLOCKS = [block(seq, rows=120) for seq in range(1, 13)]


class CuttableDisk(RealDisk):
    """Remembers which Parquet files were fsynced, under whatever name they go now.

    Attributes:
        lying: Says it has written, and has not.
        safe: What survives a power cut.
    """

    def __init__(self) -> None:
        self.lying = False
        self.safe: set[Path] = set()

    def sync_file(self, path: Path) -> None:
        if not self.lying:
            super().sync_file(path)
            self.safe.add(path)

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        if source in self.safe:
            self.safe.add(target)

    def cut(self, lake: Path, kept: float) -> int:
        """Leave only a part of each file that was never fsynced. Returns how many that were."""
        unsafe = [path for path in lake.rglob("*.parquet") if path not in self.safe]
        for path in unsafe:
            os.truncate(path, int(path.stat().st_size * kept))
        return len(unsafe)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_no_committed_row_lies_in_a_file_that_was_not_fsynced(tmp_path: Path, kept: float) -> None:
    disk = CuttableDisk()
    with Bench(tmp_path, disk=disk) as bench:
        for number, data in enumerate(BLOCKS):
            store(bench.journal, [data])
            bench.project()
            if number == 6:
                Maintenance(history_s=0).run(bench.lake)
        # Work that no commit covers yet: its file may be cut.
        store(bench.journal, [block(13, rows=120)])
    disk.cut(tmp_path / "lake", kept)
    with Bench(tmp_path) as bench:
        bench.project()
        assert bench.rows() == readings_of([*BLOCKS, block(13, rows=120)])


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_disk_that_lied_is_found_out_and_the_journal_makes_it_good(tmp_path: Path, kept: float) -> None:
    disk = CuttableDisk()
    with Bench(tmp_path, disk=disk) as bench:
        store(bench.journal, BLOCKS[:4])
        bench.project()
        mark = bench.lake.mark_durable()
        disk.lying = True
        for data in BLOCKS[4:8]:
            store(bench.journal, [data])
            bench.projector._project(bench.projector._next_entries())
            bench.projector._commit()
        store(bench.journal, BLOCKS[8:])
        assert DurableMark.read(tmp_path / "lake") == mark
    assert disk.cut(tmp_path / "lake", kept) >= 4
    with Bench(tmp_path) as bench:
        assert bench.lake.note.position == mark.position == 4
        assert bench.rows() == readings_of(BLOCKS[:4])
        bench.project()
        assert bench.rows() == readings_of(BLOCKS)
        assert bench.accounts.totals().stored == sum(len(readings_of([data])) for data in BLOCKS)
        Maintenance(history_s=0).run(bench.lake)
        assert bench.rows() == readings_of(BLOCKS)


def test_a_lie_about_the_only_copy_stops_with_the_file_named(tmp_path: Path) -> None:
    disk = CuttableDisk()
    with Bench(tmp_path, disk=disk) as bench:
        for data in BLOCKS:
            store(bench.journal, [data])
            bench.project()
        Maintenance(history_s=0).run(bench.lake)
        (merged,) = (tmp_path / "lake" / "data" / "main" / "reading").rglob("*.parquet")
        # As if the mark had been left behind: a merge cannot be taken back, its sources may be gone.
        DurableMark(1, 0).write(tmp_path / "lake", disk)
    os.truncate(merged, 10)
    with pytest.raises(LakeUnusable, match=merged.name):
        Lake.open(tmp_path / "lake")


def test_leftovers_of_a_crash_are_deleted(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        store(bench.journal, BLOCKS)
        bench.project()
    lake = tmp_path / "lake"
    stray = lake / "data" / "main" / "reading" / "year=2026" / "month=11" / "day=23" / "stray.parquet"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"PAR1")
    (lake / "incoming" / "half.parquet").write_bytes(b"PAR1")
    with Bench(tmp_path) as bench:
        assert bench.rows() == readings_of(BLOCKS)
        assert not stray.exists()
        assert not list((lake / "incoming").iterdir())


def test_one_wrong_byte_makes_a_file_not_whole(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        store(bench.journal, BLOCKS)
        bench.project()
        with closing(bench.lake.cursor()) as cursor:
            rows = cursor.execute("SELECT count(*) FROM lake.reading").fetchall()[0][0]
    (path,) = (tmp_path / "lake" / "data" / "main" / "reading").rglob("*.parquet")
    good = path.read_bytes()
    assert is_whole(path, rows)
    assert not is_whole(path, rows + 1)
    for place in range(4, len(good) - 4, max(1, len(good) // 40)):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        if is_whole(path, rows):
            # The footer's own words (names, statistics) carry no checksum; pages do.
            assert place > len(good) - 3000
