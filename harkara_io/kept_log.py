"""A durable log that outlives its file: any failed fsync or contradiction moves it to a new one.

After a failed fsync the kernel may have dropped the pages and call them clean. Whether writing on in that file is safe
then hangs on what SQLite happens to write again; so the file is never written again. Whatever verifies is copied to a
new file, the old one is moved aside, and the write that failed is done again there.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harkara_io import log_files
from harkara_io.log_errors import Incident, LogBroken, LogCorrupt, LogError, LogFull
from harkara_io.log_salvage import Reader, open_damaged
from harkara_io.sqlite_log import LogFormat, SqliteLog, create

T = TypeVar("T")
_log = logging.getLogger(__name__)


def log_incident(incident: Incident) -> None:
    """Report an incident where nobody asked for it otherwise: data may be lost, a person should look."""
    _log.error(
        "log file replaced kind=%s moved_to=%s kept=%d lost=%d detail=%s",
        incident.kind,
        incident.moved_to,
        incident.kept,
        incident.lost,
        incident.detail,
    )


class KeptLog(ABC):
    """What outbox and journal share: opening, writing, and going on in a new file.

    Every public method of a subclass takes `lock`, so that any thread may call it.
    """

    def __init__(
        self,
        path: Path,
        form: LogFormat,
        *,
        bytes_max: int,
        cache_bytes: int,
        now_ns: Callable[[], int],
        on_incident: Callable[[Incident], None],
    ) -> None:
        self.path = path
        self.lock = threading.RLock()
        self.bytes_max = bytes_max
        self._form = form
        self._cache_bytes = cache_bytes
        self._now_ns = now_ns
        self._on_incident = on_incident
        self._log: SqliteLog | None = None
        self._failure: LogError | None = None

    # -- what a subclass says about its content
    @abstractmethod
    def _fill(self, target: sqlite3.Connection) -> None:
        """Write the first rows of a new log."""

    @abstractmethod
    def _copy(self, reader: Reader, target: sqlite3.Connection, kind: str) -> tuple[int, int]:
        """Copy what verifies and record what is lost; give the numbers of both."""

    @abstractmethod
    def _load(self) -> None:
        """Read into memory what must be there; called after every opening. Raises `LogCorrupt`."""

    # -- opening
    def _open(self) -> None:
        """Open, make or repair the file. Raises `LogLocked`, `LogForeign`, `LogBroken`."""
        try:
            log_files.make_directory(self.path.parent)
            self._file_lock = log_files.FileLock(self.path)
        except OSError as exc:
            raise LogBroken(f"{self.path.parent} cannot be used: {exc}") from exc
        try:
            self._open_locked()
        except BaseException:
            self._shut()
            self._file_lock.release()
            raise

    def _open_locked(self) -> None:
        log_files.finish_exchange(self.path, self._now_ns())
        if not self.path.exists():
            self._prepare_new("first", self._fill)
            log_files.finish_exchange(self.path, self._now_ns())
        try:
            self._attach()
        except (LogCorrupt, LogBroken) as exc:
            self._renew(exc)

    def _attach(self) -> None:
        self._log = SqliteLog(self.path, self._form, bytes_max=self.bytes_max, cache_bytes=self._cache_bytes)
        try:
            self._load()
        except LogError:
            self._shut()
            raise

    @property
    def _file(self) -> SqliteLog:
        if self._log is None:
            raise LogBroken(f"{self.path} is closed: {self._failure}")
        return self._log

    # -- writing
    def _write(self, work: Callable[[sqlite3.Connection], T], *, pages: int = 8) -> T:
        """Run one transaction, in a new file if the old one fails. Fsynced on return.

        ``work`` may run twice, after `_load` in between; it must change nothing but the database.

        Raises:
            LogFull: Make room and call again.
            LogBroken: Wait and call again.
        """
        if self._failure is not None:
            self._renew(self._failure)
        if self._file.checkpoint_due:
            self._checkpoint()
        try:
            return self._file.transaction(work, pages=pages)
        except LogFull as exc:
            if not exc.disk:
                raise
            self._checkpoint()  # the write-ahead log starts anew in the room it already has
        except (LogBroken, LogCorrupt) as exc:
            self._renew(exc)
        try:
            return self._file.transaction(work, pages=pages)
        except LogCorrupt as exc:
            # The new file too: the disk is what is wrong, and the caller waits for it.
            self._failure = exc
            raise LogBroken(f"{self.path} cannot be trusted again at once: {exc}") from exc

    def _room_bytes(self) -> int:
        """Bytes the cap still allows, in a new file if the old one cannot be read any more. Raises `LogBroken`."""
        if self._failure is not None:
            self._renew(self._failure)
        try:
            return self._file.room_bytes
        except (LogBroken, LogCorrupt) as exc:
            self._failure = exc
            raise LogBroken(f"{self.path} does not say how full it is: {exc}") from exc

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query. Raises `LogBroken` or `LogCorrupt`; the next write then moves to a new file."""
        try:
            return self._file.read(work)
        except (LogBroken, LogCorrupt) as exc:
            self._failure = self._failure or exc
            raise

    def _checkpoint(self) -> None:
        """What is committed is durable whatever happens here. Raises `LogBroken` when no new file could be made."""
        try:
            self._file.checkpoint()
        except LogFull as exc:
            _log.warning("checkpoint waits for room path=%s detail=%s", self.path, exc)
        except LogError as exc:
            self._renew(exc)

    # -- going on in a new file
    def _renew(self, cause: LogError) -> None:
        """Copy what verifies to a new file, move the old one aside, open the new one, report.

        Raises:
            LogBroken: That failed too; the next write tries again.
        """
        kind = "corrupt" if isinstance(cause, LogCorrupt) else "broken"
        self._failure = cause
        try:
            log_files.finish_exchange(self.path, self._now_ns())
            kept, lost = self._prepare_new(kind, lambda target: self._copy_all(target, kind))
            self._shut()
            aside = log_files.finish_exchange(self.path, self._now_ns())
            self._attach()
        except (LogCorrupt, sqlite3.Error, OSError) as exc:
            # Also of a new file that does not read as it was written: the disk is what is wrong.
            raise LogBroken(f"no new file after: {cause}: {exc}") from exc
        self._failure = None
        self._on_incident(Incident(kind=kind, moved_to=aside, kept=kept, lost=lost, detail=str(cause)))

    def _prepare_new(self, kind: str, fill: Callable[[sqlite3.Connection], T]) -> T:
        try:
            new = log_files.fresh_name(self.path)
            target = create(new, self._form)
            try:
                target.execute("BEGIN")
                result = fill(target)
                target.execute("COMMIT")
            finally:
                target.close()
            log_files.announce(self.path, new, kind)
        except (sqlite3.Error, OSError) as exc:
            raise LogBroken(f"cannot make a new file beside {self.path}: {exc}") from exc
        return result

    def _copy_all(self, target: sqlite3.Connection, kind: str) -> tuple[int, int]:
        """Read through the open connection where there is one: opening another would replay the write-ahead log."""
        if self._log is not None:
            return self._copy(Reader(self._log.connection), target, kind)
        connection = open_damaged(self.path, self._form)
        if connection is None:
            connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            return self._copy(Reader(connection), target, kind)
        finally:
            connection.close()

    # -- the rest
    @property
    def disk_free_bytes(self) -> int:
        """Bytes free on the file system."""
        return shutil.disk_usage(self.path.parent).free

    def _shut(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None

    def _release(self) -> None:
        """Close the file and let another process have it."""
        self._shut()
        self._file_lock.release()
