"""Keeps the memory of a process level while its lake grows.

DuckDB would let it grow by some ten megabytes for every 450 commits and their upkeep. Besides what is here, its cache
of files is off (``extension``).
"""

from __future__ import annotations

import contextlib
from typing import Final

import duckdb

from collector.lake.lake import METADATA, Lake

CHECKPOINT_SPARE_BYTES: Final = 16 << 20
"""Free beyond what a checkpoint may write: others write to the same disk."""


def checkpoint(lake: Lake) -> bool:
    """Take the catalogue's write-ahead log into its file: until then its rows stay in memory as well.

    DuckDB gives a catalogue up, until it is opened again, when the disk is full in the midst of this. So it is not
    begun where room could run out.

    Returns:
        Whether it was done.
    """
    if lake.disk.free_bytes(lake.folder) < 2 * lake.catalogue_bytes() + CHECKPOINT_SPARE_BYTES:
        return False
    with lake.cursor() as cursor:
        cursor.execute(f"CHECKPOINT {METADATA}")
    return True


def shed(lake: Lake) -> None:
    """Have DuckDB give back the memory that nothing uses at the moment.

    It keeps a few hundred bytes for every buffer that it ever let go of, and looks through them only where it needs
    room (or when a list has 32,768 of them, and it has several). So it is told to make do with one byte: it looks
    through all, finds that it cannot, and goes on with the limit it had. A query meanwhile may spill, where the disk
    lets it.
    """
    with lake.cursor() as cursor:
        with contextlib.suppress(duckdb.OutOfMemoryException, duckdb.IOException):
            cursor.execute("SET memory_limit = '1B'")
        # What it shows as its limit is one byte by now.
        cursor.execute(f"SET memory_limit = '{lake.options.memory_limit_mb:d}MB'")
