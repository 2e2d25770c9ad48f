"""A durable log in one SQLite file: one connection, one transaction at a time, fsync at every commit.

Settings and why:

- ``locking_mode=EXCLUSIVE``: one process, no shared-memory index that could disagree with the file.
- write-ahead log with ``synchronous=FULL``: a commit returns after its fsync. NORMAL would not sync commits at all.
- ``wal_autocheckpoint=0``: SQLite discards the errors of its automatic checkpoints, so nobody would hear that the main
  file can no longer be written. Checkpoints are called here, and an error means the file is finished (`KeptLog`).
- ``mmap_size=0``: an I/O error is a result code, not a SIGBUS. ``secure_delete=OFF``: trimming does not rewrite pages.
- ``max_page_count``: the cap. The write-ahead log is kept below a share of it by checkpoints.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harkara_io.log_errors import LogBroken, LogCorrupt, LogError, LogForeign, LogFull, LogLocked, translate

T = TypeVar("T")

_WAL_PAGES_MAX = 1024
_WAL_PAGES_MIN = 32


@dataclass(frozen=True, slots=True)
class LogFormat:
    """What kind of log a file is.

    Attributes:
        application_id: Written into the header; tells our files from others.
        version: Of the schema; a file with a higher one is left alone.
        statements: Schema, run in this order when the file is made. Later versions only append: the order fixes where
            each table's root page lies, which is what salvage relies on when the first page is gone.
        small_tables: Tables checked whole at every open; the large ones are checked in the background.
        page_bytes: SQLite page size. [bytes]
    """

    application_id: int
    version: int
    statements: tuple[str, ...]
    small_tables: tuple[str, ...] = ()
    page_bytes: int = 4096


class SqliteLog:
    """An open log file. Not thread-safe: the owner holds a lock.

    Attributes:
        path: Where it lies.
        connection: For reading; writing goes through `transaction`.
    """

    def __init__(self, path: Path, form: LogFormat, *, bytes_max: int, cache_bytes: int = 1 << 20) -> None:
        """Open an existing file.

        Args:
            path: The file; made before by `create`.
            form: What it must be.
            bytes_max: Cap of file and write-ahead log together. [bytes]
            cache_bytes: SQLite's page cache. [bytes]

        Raises:
            LogCorrupt: It cannot be trusted as it is.
            LogForeign: It is something else, or newer.
            LogLocked: Another process has it.
            LogBroken: It cannot be opened or written.
        """
        self.path = path
        self._form = form
        pages = max(bytes_max // form.page_bytes, 64)
        self._wal_pages_max = min(_WAL_PAGES_MAX, max(_WAL_PAGES_MIN, pages // 16))
        self._pages_max = pages - 2 * self._wal_pages_max
        self._wal_pages = 0
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=64)
        try:
            self._prepare(cache_bytes)
        except sqlite3.Error as exc:
            self.connection.close()
            raise self._translated(exc) from exc
        except LogError:
            self.connection.close()
            raise

    def _prepare(self, cache_bytes: int) -> None:
        run = self.connection.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        run("PRAGMA mmap_size=0")
        run("PRAGMA secure_delete=OFF")
        run("PRAGMA temp_store=MEMORY")
        run(f"PRAGMA cache_size=-{cache_bytes // 1024}")
        found, version = (int(run(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version"))
        if not found and not self.path.stat().st_size:
            raise LogCorrupt(f"{self.path} is empty")
        if found != self._form.application_id:
            raise LogForeign(f"{self.path} is not a log of this kind (application id {found:#x})")
        if version > self._form.version:
            raise LogForeign(f"{self.path} was written by a later version (schema {version})")
        if run("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise LogBroken(f"{self.path}: no write-ahead log on this file system")
        run("PRAGMA synchronous=FULL")
        run("PRAGMA wal_autocheckpoint=0")
        run(f"PRAGMA journal_size_limit={2 * self._wal_pages_max * self._form.page_bytes}")
        run(f"PRAGMA max_page_count={self._pages_max}")
        for table in self._form.small_tables:
            verdict = str(run(f"PRAGMA quick_check({table})").fetchone()[0])
            if verdict != "ok":
                raise LogCorrupt(f"{self.path}: {table}: {verdict}")
        run("BEGIN IMMEDIATE")  # takes the lock for good
        run("COMMIT")
        with contextlib.suppress(LogFull):  # a full disk is no reason not to start
            self.checkpoint()  # what the last life left in the write-ahead log

    @property
    def room_bytes(self) -> int:
        """Bytes the cap still allows, free pages inside the file included."""
        try:
            return self._room_pages() * self._form.page_bytes
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc

    def _room_pages(self) -> int:
        used = int(self.connection.execute("PRAGMA page_count").fetchone()[0])
        free = int(self.connection.execute("PRAGMA freelist_count").fetchone()[0])
        return self._pages_max - used + free

    @property
    def file_bytes(self) -> int:
        """Bytes of file and write-ahead log."""
        files = (self.path, Path(f"{self.path}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def transaction(self, work: Callable[[sqlite3.Connection], T], *, pages: int) -> T:
        """Run ``work`` and commit, fsync included; or leave the log as it was.

        Args:
            work: Called once with the connection. It must change nothing but the database.
            pages: Estimate of the pages it writes: decides when the next checkpoint is due.

        Raises:
            LogFull: The cap or the disk's.
            LogBroken: A write or fsync failed: this file must not be written again.
            LogCorrupt: The file contradicts itself.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(self.connection)
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc
        self._wal_pages += pages
        return result

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a reading ``work``, with errors translated."""
        try:
            return work(self.connection)
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc

    @property
    def checkpoint_due(self) -> bool:
        """Whether the write-ahead log has grown to its share of the cap."""
        return self._wal_pages >= self._wal_pages_max

    def checkpoint(self) -> None:
        """Bring the write-ahead log's pages home, fsync, and let the next commit start it anew.

        Raises:
            LogBroken: The file must not be written again.
            LogFull: The file could not grow; the write-ahead log still holds everything.
        """
        try:
            busy, logged, done = self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as exc:
            raise self._translated(exc) from exc
        if busy or logged != done:
            raise LogLocked(f"{self.path}: checkpoint stopped at {done} of {logged} pages")
        self._wal_pages = 0

    def close(self) -> None:
        """Checkpoint and close. Never raises: whatever this fails to do, the next open does."""
        try:
            self.connection.close()
        except sqlite3.Error:
            return

    def _translated(self, exc: sqlite3.Error) -> Exception:
        try:
            room = self._room_pages()
        except sqlite3.Error:
            room = self._pages_max
        return translate(exc, room_pages=room, page_bytes=self._form.page_bytes) or exc


def create(path: Path, form: LogFormat) -> sqlite3.Connection:
    """Make an empty file of a kind, for filling: no journal, no fsync. Whoever fills it closes and fsyncs it.

    Raises:
        sqlite3.Error: It could not be made.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    run = connection.execute
    run("PRAGMA locking_mode=EXCLUSIVE")
    run(f"PRAGMA page_size={form.page_bytes}")
    run("PRAGMA journal_mode=OFF")
    run("PRAGMA synchronous=OFF")
    run(f"PRAGMA application_id={form.application_id}")
    run(f"PRAGMA user_version={form.version}")
    for statement in form.statements:
        run(statement)
    return connection
