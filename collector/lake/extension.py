"""Finds the DuckLake extension that was installed as a wheel, so that nothing is ever fetched at run time."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import duckdb

from collector.lake.errors import LakeUnusable


def extension_path() -> Path:
    """Path of the signed extension binary that fits the installed DuckDB.

    Raises:
        LakeUnusable: The wheel is missing or belongs to another version of DuckDB.
    """
    try:
        root = Path(str(importlib.resources.files("duckdb_extension_ducklake")))
    except ModuleNotFoundError as exc:
        raise LakeUnusable("the DuckLake extension is not installed; mend: pip install 'harkara[collector]'") from exc
    path = root / "extensions" / f"v{duckdb.__version__}" / "ducklake.duckdb_extension"
    if not path.is_file():
        raise LakeUnusable(
            f"the DuckLake extension does not fit DuckDB {duckdb.__version__}; mend: install both at one version"
        )
    return path


def connect(*, memory_limit_mb: int, threads: int, temp_folder: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with the extension loaded and every way to fetch another one closed.

    Args:
        memory_limit_mb: What DuckDB may hold; past it, it spills into ``temp_folder``. [MB]
        threads: Worker threads of queries and merges.
        temp_folder: Where DuckDB spills.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{memory_limit_mb}MB",
            "threads": str(threads),
            # What a merge has freed goes back to the system within seconds, not when the next one needs it.
            "allocator_background_threads": "true",
            # This cache keeps an entry for every file it ever saw, and a lake makes files for ever.
            "enable_external_file_cache": "false",
            "temp_directory": str(temp_folder),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "preserve_insertion_order": "false",
        },
    )
    connection.execute("LOAD '" + str(extension_path()).replace("'", "''") + "'")
    return connection
