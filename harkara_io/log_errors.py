"""What can go wrong with a durable log, named for what the caller should do."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path


class LogError(Exception):
    """Root of everything a durable log raises. Nothing of the failed call is in the log.

    Attributes:
        exit_status: What a process that cannot go on ends with: 1 where starting it again may help.
    """

    exit_status: int = 1


class LogFull(LogError):
    """No room: make some, then call again.

    Attributes:
        excess_bytes: How much to give up, at least. [bytes]
        disk: True when the file system is full rather than the log's own cap reached.
    """

    def __init__(self, message: str, *, excess_bytes: int, disk: bool) -> None:
        super().__init__(message)
        self.excess_bytes = excess_bytes
        self.disk = disk


class LogBroken(LogError):
    """The disk fails, and a new file could not be made either: wait, then call again."""


class LogCorrupt(LogError):
    """The file contradicts itself. `KeptLog` moves it aside and goes on with what verifies."""


class LogLocked(LogError):
    """Another process has the log: stop."""

    exit_status = 2


class LogForeign(LogError):
    """Not a log of this kind, or written by a later version: stop, and leave it alone."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Incident:
    """Something happened to the file that a person should hear of, once.

    Attributes:
        kind: ``broken`` (a write or fsync failed), ``corrupt`` (the file contradicted itself) or ``rotted`` (one
            record no longer matches its digest).
        moved_to: Where the old file lies now; None when it stayed.
        kept: Records that verified and went on into the new file.
        lost: Records known to be lost.
        detail: One line for the log.
    """

    kind: str
    moved_to: Path | None
    kept: int
    lost: int
    detail: str


# SQLite keeps the primary result code in the low byte of an extended one (sqlite3.h, "Result Codes").
_PRIMARY = 0xFF
_LOCKED = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BROKEN = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)


def translate(exc: sqlite3.Error, *, room_pages: int, page_bytes: int) -> LogError | None:
    """The error of ours that tells the caller what to do; None when it is a mistake in our own code.

    Args:
        exc: What the standard library raised.
        room_pages: Pages still free below the log's own cap, to tell a full log from a full disk.
        page_bytes: Page size. [bytes]
    """
    code = getattr(exc, "sqlite_errorcode", 0) or 0
    name = getattr(exc, "sqlite_errorname", "") or type(exc).__name__
    text = f"{name}: {exc}"
    primary = code & _PRIMARY
    if primary == sqlite3.SQLITE_FULL:
        return LogFull(text, excess_bytes=16 * page_bytes, disk=room_pages > 16)
    if primary in _LOCKED:
        return LogLocked(text)
    if primary in _CORRUPT:
        return LogCorrupt(text)
    if primary in _BROKEN:
        return LogBroken(text)
    # Rows that violate what the schema promises come from a damaged page, never from our statements.
    if isinstance(exc, sqlite3.DatabaseError) and type(exc) is sqlite3.DatabaseError:
        return LogCorrupt(text)
    return None
