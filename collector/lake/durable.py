"""The durable mark: up to which snapshot the lake is known to survive a power cut, and what becomes of those behind it.

DuckLake fsyncs its catalogue but not its Parquet files. Here every file and its folder are fsynced before the snapshot
that names it is committed, and the mark moves after that commit. The journal is trimmed to the mark's position and no
further. At a start, files of snapshots behind the mark are read in full; if one is not whole (a disk that only said it
had written), the catalogue goes back to the marked snapshot and the journal is projected again from there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from collector.lake.disk import Disk, write_durably
from collector.lake.errors import LakeUnusable

MARK_NAME: Final = "durable.json"


@dataclass(frozen=True, slots=True)
class DurableMark:
    """Newest snapshot all of whose files were fsynced.

    Attributes:
        snapshot: DuckLake snapshot id.
        position: Journal position in that snapshot.
    """

    snapshot: int
    position: int

    def write(self, folder: Path, disk: Disk) -> None:
        """Keep the mark beside the catalogue. On return it survives a power cut."""
        write_durably(disk, folder / MARK_NAME, json.dumps(asdict(self)) + "\n")

    @staticmethod
    def read(folder: Path) -> DurableMark | None:
        """The mark as last written, None before the first.

        Raises:
            LakeUnusable: The file is there and is no mark.
        """
        path = folder / MARK_NAME
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            return DurableMark(int(fields["snapshot"]), int(fields["position"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as exc:
            raise LakeUnusable(f"{path} is not readable as a durable mark: {exc}") from exc


def is_whole(path: Path, rows: int) -> bool:
    """Whether a Parquet file is all there: read in full, every page, and it has the rows the catalogue says."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return bool(rows == sum(batch.num_rows for batch in file.iter_batches(batch_size=131_072)))
    except (OSError, pa.ArrowException):
        return False


def mend(catalogue: Path, data: Path, mark: DurableMark | None, extension_connection: duckdb.DuckDBPyConnection) -> int:
    """Check what lies behind the mark before the lake is opened; go back to the mark if any of it is not whole.

    Args:
        catalogue: The catalogue file, not attached anywhere.
        data: Folder that relative paths of the catalogue start from.
        mark: The durable mark; None checks everything.
        extension_connection: Connection to attach the catalogue to for the while.

    Returns:
        How many snapshots were taken back; 0 when all is well.

    Raises:
        LakeUnusable: A file is not whole and going back to the mark cannot mend it, because the snapshots behind
            it did more than add rows.
    """
    connection = extension_connection
    connection.execute("ATTACH '" + str(catalogue).replace("'", "''") + "' AS surgery")
    try:
        since = -1 if mark is None else mark.snapshot
        broken = [path for path, rows in _files_behind(connection, data, since) if not is_whole(path, rows)]
        if not broken:
            return 0
        if mark is None:
            raise LakeUnusable(f"{broken[0]} is not whole and there is no durable mark to go back to")
        return _go_back(connection, mark.snapshot, broken[0])
    finally:
        connection.execute("DETACH surgery")


def _files_behind(connection: duckdb.DuckDBPyConnection, data: Path, snapshot: int) -> list[tuple[Path, int]]:
    rows = connection.execute(
        "SELECT s.path || t.path || f.path, f.path, f.path_is_relative, f.record_count "
        "FROM surgery.ducklake_data_file f "
        "JOIN surgery.ducklake_table t USING (table_id) JOIN surgery.ducklake_schema s USING (schema_id) "
        "WHERE f.begin_snapshot > ? OR coalesce(f.partial_max, -1) > ?",
        [snapshot, snapshot],
    ).fetchall()
    return [(data / full if relative else Path(path), int(count)) for full, path, relative, count in rows]


def _go_back(connection: duckdb.DuckDBPyConnection, snapshot: int, broken: Path) -> int:
    """Take every snapshot behind ``snapshot`` out of the catalogue, in one transaction."""
    changes = connection.execute(
        "SELECT changes_made FROM surgery.ducklake_snapshot_changes WHERE snapshot_id > ? ORDER BY 1", [snapshot]
    ).fetchall()
    for (made,) in changes:
        kinds = {part.split(":")[0] for part in str(made).split(",")}
        if not kinds <= {"inserted_into_table", "inlined_insert"}:
            raise LakeUnusable(
                f"{broken} is not whole, and behind the durable mark there is more than additions: {made}"
            )
    connection.execute("BEGIN")
    gone = "(SELECT data_file_id FROM surgery.ducklake_data_file WHERE begin_snapshot > ?)"
    for table in ("ducklake_file_column_stats", "ducklake_file_partition_value"):
        connection.execute(f"DELETE FROM surgery.{table} WHERE data_file_id IN {gone}", [snapshot])  # noqa: S608 - names from this module
    connection.execute("DELETE FROM surgery.ducklake_data_file WHERE begin_snapshot > ?", [snapshot])
    inlined = connection.execute("SELECT table_id, table_name FROM surgery.ducklake_inlined_data_tables").fetchall()
    for _, name in inlined:
        connection.execute(f'DELETE FROM surgery."{name}" WHERE begin_snapshot > ?', [snapshot])  # noqa: S608 - a name DuckLake made
    connection.execute("DELETE FROM surgery.ducklake_snapshot_changes WHERE snapshot_id > ?", [snapshot])
    connection.execute("DELETE FROM surgery.ducklake_snapshot WHERE snapshot_id > ?", [snapshot])
    for (table_id,) in connection.execute("SELECT table_id FROM surgery.ducklake_table_stats").fetchall():
        _recount(connection, table_id, [name for owner, name in inlined if owner == table_id])
    connection.execute("COMMIT")
    connection.execute("CHECKPOINT surgery")
    return len(changes)


def _recount(connection: duckdb.DuckDBPyConnection, table_id: int, inlined: list[str]) -> None:
    """Set a table's row count, which the catalogue keeps outside its history, to what is left."""
    rows, size = connection.execute(
        "SELECT coalesce(sum(record_count), 0), coalesce(sum(file_size_bytes), 0) FROM surgery.ducklake_data_file "
        "WHERE table_id = ? AND end_snapshot IS NULL",
        [table_id],
    ).fetchall()[0]
    for name in inlined:
        query = f'SELECT count(*) FROM surgery."{name}" WHERE end_snapshot IS NULL'  # noqa: S608 - a name DuckLake made
        rows += connection.execute(query).fetchall()[0][0]
    connection.execute(
        "UPDATE surgery.ducklake_table_stats SET record_count = ?, file_size_bytes = ? WHERE table_id = ?",
        [rows, size, table_id],
    )
