"""Reading what is left of a damaged SQLite file, row by row."""

from __future__ import annotations

import heapq
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harkara_io.log_errors import LogCorrupt
from harkara_io.sqlite_log import LogFormat, create

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1
_FAILURES_MAX = 20_000
_HEADER_BYTES = 100


class Reader:
    """Reads tables of a file that may be damaged anywhere, and never raises for that.

    Attributes:
        failures: Ranges that could not be read.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.failures = 0
        self._connection = connection
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")

    def rows(
        self, table: str, key: str, columns: str, *, low: int = _LOWEST, high: int = _HIGHEST
    ) -> Iterator[tuple[Any, ...]]:
        """Every row that can still be reached, each once; in key order where nothing is damaged.

        A range that fails is halved until the damage is cornered, the widest ranges first, so that a few lost pages
        cost the rows on them and no more. The number of attempts is bounded.

        Args:
            table: Table name.
            key: Its integer primary key.
            columns: What to select; the key comes first by itself.
            low: Lowest key.
            high: Highest key.
        """
        query = f"SELECT {key}, {columns} FROM {table} WHERE {key} BETWEEN ? AND ? ORDER BY {key}"  # noqa: S608
        waiting = [(low - high, low, high)]
        left = _FAILURES_MAX
        while waiting and left:
            _, first, last = heapq.heappop(waiting)
            at = first
            try:
                for row in self._connection.execute(query, (first, last)):
                    if isinstance(row[0], int) and row[0] >= at:
                        at = row[0] + 1
                        yield row
            except sqlite3.Error:
                self.failures += 1
                left -= 1
                if at < last:
                    middle = (at + last) >> 1
                    heapq.heappush(waiting, (at - middle, at, middle))
                    heapq.heappush(waiting, (middle + 1 - last, middle + 1, last))


def open_damaged(path: Path, form: LogFormat) -> sqlite3.Connection | None:
    """A connection to a damaged file, its first page replaced where that is what is damaged.

    Returns:
        None when nothing of it can be read.
    """
    connection = _try_open(path, form)
    if connection is not None:
        return connection
    try:
        _graft_first_page(path, form)
    except (OSError, sqlite3.Error, LogCorrupt):
        return None
    return _try_open(path, form)


def _try_open(path: Path, form: LogFormat) -> sqlite3.Connection | None:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        connection.execute("PRAGMA writable_schema=ON")  # a file shorter than its header says is read all the same
        found = connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").fetchone()[0]
    except sqlite3.Error:
        connection.close()
        return None
    expected = sum(statement.lstrip().upper().startswith("CREATE TABLE") for statement in form.statements)
    if found >= expected:  # a log may have grown tables that came later
        return connection
    connection.close()
    return None


def _graft_first_page(path: Path, form: LogFormat) -> None:
    """Give the file the first page of an empty log of its kind.

    Root pages lie where the schema's order put them and never move (no auto-vacuum), so the new page's schema fits.
    The old page is kept beside the file.
    """
    pages = path.stat().st_size // form.page_bytes
    if pages < 1:
        raise LogCorrupt("shorter than one page")
    template_path = path.with_name(path.name + ".template")
    template_path.unlink(missing_ok=True)
    create(template_path, form).close()
    page = bytearray(template_path.read_bytes()[: form.page_bytes])
    template_path.unlink()
    # SQLite file format, section 1.3: 18, 19 write and read version (2: WAL), 24 change counter, 28 size in pages,
    # 32, 36 freelist, 92 counter for which the size is valid.
    page[18] = page[19] = 2
    struct.pack_into(">I", page, 24, 1)
    struct.pack_into(">I", page, 28, pages)
    struct.pack_into(">II", page, 32, 0, 0)
    struct.pack_into(">I", page, 92, 1)
    assert len(page) > _HEADER_BYTES
    with path.open("r+b") as file:
        path.with_name(path.name + ".first-page").write_bytes(file.read(form.page_bytes))
        file.seek(0)
        file.write(page)
