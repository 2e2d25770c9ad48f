"""Opens a lake whose collector is stopped, only to read: nothing in its folder changes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from collector.lake.errors import LakeUnusable
from collector.lake.extension import connect
from collector.lake.lake import named_errors, quoted


def open_for_reading(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the lake attached as ``lake``, to be closed by the caller. Several may be open at a time.

    Raises:
        LakeLocked: A running process has it.
        LakeUnusable: There is no lake, or it cannot be read.
    """
    catalogue = folder / "catalogue.ducklake"
    if not catalogue.exists():
        raise LakeUnusable(f"no lake in {folder}; has the collector run with this configuration?")
    connection = connect(memory_limit_mb=512, threads=2, temp_folder=Path(tempfile.gettempdir()))
    try:
        with named_errors(catalogue):
            connection.execute(
                f"ATTACH {quoted('ducklake:' + str(catalogue))} AS lake "
                f"(READ_ONLY, DATA_PATH {quoted(str(folder / 'data') + '/')}, OVERRIDE_DATA_PATH true)"
            )
    except BaseException:
        connection.close()
        raise
    return connection
