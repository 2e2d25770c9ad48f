"""Keeps the lake's files few and large: rows in the catalogue become files, small files become one, old ones go.

Each step that replaces rows fsyncs the new file before its commit, as the projector does, so the rows are at any
instant in a file that survives a power cut. What was replaced is deleted later, when no query reads it any more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.lake.lake import METADATA, Lake
from collector.lake.memory import checkpoint, shed

MERGE_BYTES_MAX: Final = 2 << 20
"""Files above this stay as they are: a merge sorts, and sorting more at a time would spill."""
SMALL_FILES_MAX: Final = 64
"""So many below it at a start, and the first round does not wait: a collector that is started often would never come
to one, and each start reads every file."""


@dataclass(slots=True)
class Maintenance:
    """Runs in the projector's thread, between two commits.

    Attributes:
        every_s: Time between two rounds. [s]
        history_s: Age at which snapshots are forgotten and replaced files deleted. [s]
        rounds: Rounds done.
    """

    every_s: float = 900.0
    history_s: int = 600
    rounds: int = 0
    _last_s: float | None = None

    def run_if_due(self, lake: Lake) -> bool:
        """Run when it is time. Returns whether it did."""
        if self._last_s is None:
            self._last_s = time.monotonic()
            is_due = _small_files(lake.data) >= SMALL_FILES_MAX
        else:
            is_due = time.monotonic() - self._last_s >= self.every_s
        if is_due:
            self.run(lake)
            self._last_s = time.monotonic()
        return is_due

    def run(self, lake: Lake) -> None:
        """One round. Readers see the same rows before, during and after."""
        lake.mark_durable()
        if _inlined_rows(lake):
            _replace(lake, "flush", "CALL ducklake_flush_inlined_data('lake')")
        _replace(lake, "merge", f"CALL ducklake_merge_adjacent_files('lake', max_file_size => {MERGE_BYTES_MAX})")
        lake.mark_durable()
        with lake.cursor() as cursor:
            for function in ("ducklake_expire_snapshots", "ducklake_cleanup_old_files"):
                cursor.execute(
                    f"SELECT count(*) FROM {function}('lake', older_than => now() - to_seconds({self.history_s:d}))"  # noqa: S608
                ).fetchall()
        checkpoint(lake)
        shed(lake)
        self.rounds += 1


def _replace(lake: Lake, what: str, statement: str) -> None:
    """Run a statement that writes rows anew; its files are durable before its commit."""
    before = _parquet_files(lake.data)
    with lake.transaction(what, lake.note) as connection:
        connection.execute(statement).fetchall()
        fresh = _parquet_files(lake.data) - before
        for path in fresh:
            lake.disk.sync_file(path)
        for folder in {parent for path in fresh for parent in (path.parent, path.parent.parent)}:
            lake.disk.sync_folder(folder)


def _parquet_files(folder: Path) -> set[Path]:
    return set(folder.rglob("*.parquet"))


def _small_files(folder: Path) -> int:
    return sum(path.stat().st_size < MERGE_BYTES_MAX for path in _parquet_files(folder))


def _inlined_rows(lake: Lake) -> int:
    with lake.cursor() as cursor:
        tables = cursor.execute(f"SELECT table_name FROM {METADATA}.ducklake_inlined_data_tables").fetchall()  # noqa: S608
        counts = [
            cursor.execute(f'SELECT count(*) FROM {METADATA}."{name}"').fetchall()[0][0]  # noqa: S608 - a name DuckLake made
            for (name,) in tables
        ]
    return sum(counts)
