"""The lake itself: Parquet files by day under one DuckLake catalogue, written by one thread, read by any.

The folder holds ``catalogue.ducklake`` (which files and rows exist; a DuckDB file, locked by the process that has it
open), ``durable.json`` (newest snapshot known to survive a power cut), ``data/main/TABLE/[year=/month=/day=/]`` with
the Parquet files, ``incoming/`` (files that still grow) and ``spill/`` (what DuckDB cannot keep in memory).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from collector.lake import durable
from collector.lake.dictionary import SeriesDictionary, SeriesKey
from collector.lake.disk import Disk, RealDisk, make_folder
from collector.lake.durable import DurableMark
from collector.lake.errors import LakeLocked, LakeUnusable
from collector.lake.extension import connect
from collector.lake.notes import CommitNote
from collector.lake.schema import TABLES, Table
from collector.lake.staging import INLINE_ROWS_MAX, ROW_GROUP_ROWS, TableStaging

BLOCK_BYTES: Final = 16_384
"""Blocks of the catalogue: the least. Each column of its thirty tables holds one in memory for rows that come; with the
usual 256 KiB that is 33 MB, and the file is four times as large."""
METADATA: Final = "__ducklake_metadata_lake"
FILE_OPTIONS: Final = {
    "parquet_compression": "zstd",
    "parquet_row_group_size": str(ROW_GROUP_ROWS),
    "target_file_size": "32MB",
}
"""How merged files are written."""


@dataclass(frozen=True, slots=True)
class LakeOptions:
    """Bounds of the lake.

    Attributes:
        memory_limit_mb: What DuckDB may hold for queries and merges. [MB]
        threads: DuckDB's worker threads.
    """

    memory_limit_mb: int = 128
    threads: int = 2


class Lake:
    """One open lake. ``commit`` and what maintains it belong to one thread; ``cursor`` serves any other."""

    def __init__(self, folder: Path, connection: duckdb.DuckDBPyConnection, disk: Disk, options: LakeOptions) -> None:
        self.folder = folder
        self.options = options
        self.data = folder / "data"
        self.disk = disk
        self._connection = connection
        self.note = self._newest_note()
        self.dictionary = SeriesDictionary(self._stored_series(), self.note.next_series)
        self._staging = {table.name: TableStaging(table, self.data, folder / "incoming", disk) for table in TABLES}
        self._snapshot = self._newest_snapshot()

    @staticmethod
    def open(folder: Path, options: LakeOptions | None = None, *, disk: Disk | None = None) -> Lake:
        """Open the lake in ``folder``, making it when there is none, and mend what a power cut left.

        Raises:
            LakeLocked: Another process has it.
            LakeUnusable: The extension or the files cannot be used; the message says which.
        """
        options = options or LakeOptions()
        disk = disk or RealDisk()
        for name in ("data", "incoming", "spill"):
            make_folder(disk, folder / name)
        for leftover in (folder / "incoming").iterdir():
            leftover.unlink()
        connection = connect(
            memory_limit_mb=options.memory_limit_mb, threads=options.threads, temp_folder=folder / "spill"
        )
        try:
            catalogue = folder / "catalogue.ducklake"
            with named_errors(catalogue):
                mark = DurableMark.read(folder)
                if catalogue.exists():
                    durable.mend(catalogue, folder / "data", mark, connection)
                # A catalogue keeps the size it was made with.
                block_size = (
                    "" if catalogue.exists() else f", METADATA_PARAMETERS MAP {{'BLOCK_SIZE': '{BLOCK_BYTES}'}}"
                )
                connection.execute(
                    f"ATTACH {quoted('ducklake:' + str(catalogue))} AS lake "
                    f"(DATA_PATH {quoted(str(folder / 'data') + '/')}, OVERRIDE_DATA_PATH true, "
                    f"DATA_INLINING_ROW_LIMIT {INLINE_ROWS_MAX + 1}{block_size})"
                )
                _create_missing(connection)
            lake = Lake(folder, connection, disk, options)
        except BaseException:
            connection.close()
            raise
        lake.delete_strays()
        if mark is None:
            lake.mark_durable()
        return lake

    def close(self) -> None:
        """Let go of the catalogue. What was not committed is forgotten; the journal still has it."""
        self.forget()
        self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection for one other thread, to be closed by it. Each statement sees one snapshot of all tables."""
        return self._connection.cursor()

    def stage(self, table: Table, rows: pa.RecordBatch) -> None:
        """Take rows for the coming commit."""
        self._staging[table.name].add(rows)

    def staged(self, table: Table) -> int:
        """Rows of a table that the coming commit would add."""
        return self._staging[table.name].rows

    def forget(self) -> None:
        """Drop what is staged."""
        for staging in self._staging.values():
            staging.forget()

    def commit(self, note: CommitNote) -> None:
        """Make everything staged visible, with the note, at once or not at all.

        On return it survives a power cut: files and folders are fsynced before the transaction, the catalogue by it.
        """
        finished = [(staging.table, *staging.finish()) for staging in self._staging.values()]
        with self.transaction("project", note) as connection:
            for table, files, inline in finished:
                if files:
                    connection.execute(
                        "CALL ducklake_add_data_files('lake', ?, ?, hive_partitioning => true)",
                        [table.name, [str(file.path) for file in files]],
                    )
                if inline is not None:
                    connection.register("inline_rows", inline)
                    connection.execute(f"INSERT INTO lake.{table.name} SELECT * FROM inline_rows")  # noqa: S608 - a name of the schema
                    connection.unregister("inline_rows")
        self.note = note

    @contextlib.contextmanager
    def transaction(self, what: str, note: CommitNote) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction whose snapshot carries ``note``. Rolled back when the body raises."""
        self._connection.execute("BEGIN")
        try:
            yield self._connection
            self._connection.execute(
                "CALL ducklake_set_commit_message('lake', 'harkara', ?, extra_info => ?)",
                [what, note.encode()],
            )
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self._snapshot = self._newest_snapshot()

    def reload(self) -> None:
        """After a failed commit: what the catalogue says now counts, which may be that it did not fail after all."""
        self.forget()
        self.note = self._newest_note()
        self._snapshot = self._newest_snapshot()
        self.dictionary.reload(self._stored_series(), self.note.next_series)

    def mark_durable(self) -> DurableMark:
        """Write down that the newest snapshot survives a power cut.

        Returns:
            The mark. The journal may be trimmed to its position.
        """
        # The catalogue's commit is fsynced by DuckDB, the name of its write-ahead log is not.
        self.disk.sync_folder(self.folder)
        mark = DurableMark(self._snapshot, self.note.position)
        mark.write(self.folder, self.disk)
        return mark

    def catalogue_bytes(self) -> int:
        """Bytes of the catalogue and its write-ahead log."""
        return sum(path.stat().st_size for path in self.folder.glob("catalogue.ducklake*"))

    def files(self) -> set[Path]:
        """Every file the catalogue names, in use or waiting to be deleted."""
        rows = self._connection.execute(
            f"SELECT s.path || t.path || f.path, f.path, f.path_is_relative FROM {METADATA}.ducklake_data_file f "  # noqa: S608
            f"JOIN {METADATA}.ducklake_table t USING (table_id) JOIN {METADATA}.ducklake_schema s USING (schema_id) "
            f"UNION ALL SELECT path, path, path_is_relative FROM {METADATA}.ducklake_files_scheduled_for_deletion"
        ).fetchall()
        return {self.data / full if relative else Path(path) for full, path, relative in rows}

    def delete_strays(self) -> int:
        """Delete files that moved to their place in a commit that then did not happen. Returns how many."""
        named = self.files()
        strays = [path for path in self.data.rglob("*.parquet") if path not in named]
        for path in strays:
            path.unlink()
        return len(strays)

    def _newest_note(self) -> CommitNote:
        rows = self._connection.execute(
            f"SELECT commit_extra_info FROM {METADATA}.ducklake_snapshot_changes WHERE author = 'harkara' "  # noqa: S608
            "ORDER BY snapshot_id DESC LIMIT 1"
        ).fetchall()
        return CommitNote.decode(str(rows[0][0])) if rows else CommitNote()

    def _newest_snapshot(self) -> int:
        # All of it: a result that is not read to its end keeps its transaction open, and a checkpoint beside an open
        # transaction cannot give the room of deleted rows back.
        rows = self._connection.execute(f"SELECT max(snapshot_id) FROM {METADATA}.ducklake_snapshot").fetchall()  # noqa: S608
        return int(rows[0][0])

    def _stored_series(self) -> list[tuple[int, SeriesKey]]:
        rows = self._connection.execute(
            "SELECT series_id, agent, device, channel, unit, exponent FROM lake.series"
        ).fetchall()
        return [(int(number), SeriesKey(*key)) for number, *key in rows]


def _create_missing(connection: duckdb.DuckDBPyConnection) -> None:
    present = {
        row[0]
        for row in connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
    }
    connection.execute("BEGIN")
    for table in TABLES:
        if table.name not in present:
            for statement in table.statements():
                connection.execute(statement)
    connection.execute("COMMIT")
    for option, value in FILE_OPTIONS.items():
        connection.execute("CALL ducklake_set_option('lake', ?, ?)", [option, value])


@contextlib.contextmanager
def named_errors(catalogue: Path) -> Iterator[None]:
    """Turn DuckDB's errors at the opening into ours."""
    try:
        yield
    except duckdb.IOException as exc:
        if "lock" in str(exc).lower():
            raise LakeLocked(f"{catalogue} is open in another process") from exc
        raise LakeUnusable(f"{catalogue}: {_first_line(exc)}") from exc
    except duckdb.Error as exc:
        raise LakeUnusable(f"{catalogue}: {_first_line(exc)}") from exc


def _first_line(exc: BaseException) -> str:
    return str(exc).splitlines()[0]


def quoted(value: str) -> str:
    """An SQL text literal, for the few statements that take no parameters."""
    return "'" + value.replace("'", "''") + "'"
