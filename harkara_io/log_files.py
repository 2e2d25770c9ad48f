"""Names and renames around a durable log: creation, moving a bad file aside, putting a new one in its place.

A log lives at ``NAME``, its write-ahead log at ``NAME-wal``. A new file is prepared as ``NAME.new``; once complete and
fsynced it is renamed to ``NAME.ready-KIND``, which alone decides: whoever opens the log next finishes the
exchange. A power cut at any point leaves either the old file or a complete new one::

    NAME, NAME-wal            NAME.new             written, fsynced
    NAME, NAME-wal            NAME.ready-corrupt   from here on the new one counts
    NAME.corrupt-T[-wal]      NAME.ready-corrupt   the old write-ahead log must never meet the new file
    NAME.corrupt-T[-wal]      NAME
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from harkara_io.log_errors import LogBroken, LogLocked

_SIDE_FILES = ("", "-wal", "-journal")


def sync_directory(folder: Path) -> None:
    """Make creations, renames and removals in a folder survive power loss. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(folder: Path) -> None:
    """Create a folder and its parents so that they survive power loss."""
    if folder.is_dir():
        return
    make_directory(folder.parent)
    folder.mkdir(mode=0o750, exist_ok=True)
    sync_directory(folder.parent)


class FileLock:
    """One process, one log: held as long as the log is open, also while its file is being exchanged.

    SQLite's own lock would fall whenever this process closed any other descriptor of the same file.

    Raises:
        LogLocked: Another process holds it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._descriptor)
            raise LogLocked(f"another process has {path} open") from exc

    def release(self) -> None:
        """Let another process have the log."""
        os.close(self._descriptor)


def fresh_name(path: Path) -> Path:
    """Name to prepare a new file under; left-overs of an earlier attempt are removed."""
    new = path.with_name(path.name + ".new")
    for suffix in _SIDE_FILES:
        Path(f"{new}{suffix}").unlink(missing_ok=True)
    return new


def announce(path: Path, new: Path, kind: str) -> None:
    """Fsync a prepared file and let it count from now on, whatever happens. Raises `OSError`."""
    descriptor = os.open(new, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.rename(path.with_name(f"{path.name}.ready-{kind}"))
    sync_directory(path.parent)


def finish_exchange(path: Path, now_ns: int) -> Path | None:
    """Put an announced new file in its place, if there is one.

    Returns:
        Where the old file went; None when there was none to move.

    Raises:
        LogBroken: A rename or fsync failed. Calling again goes on where it stopped.
    """
    ready = sorted(path.parent.glob(f"{path.name}.ready-*"))
    if not ready:
        return None
    kind = ready[-1].name.rpartition(".ready-")[2]
    aside = path.with_name(f"{path.name}.{kind}-{now_ns}")
    moved = path.exists() and kind != "first"
    try:
        for suffix in reversed(_SIDE_FILES):  # the write-ahead log first, the main file last
            old = Path(f"{path}{suffix}")
            if old.exists():
                old.rename(f"{aside}{suffix}")
        ready[-1].rename(path)
        sync_directory(path.parent)
        if moved:
            _keep_newest(path, kind, aside)
    except OSError as exc:
        raise LogBroken(f"cannot put the new file in place: {exc}") from exc
    return aside if moved else None


def _keep_newest(path: Path, kind: str, newest: Path) -> None:
    """One old file of a kind is evidence; more would fill the card."""
    for old in path.parent.glob(f"{path.name}.{kind}-*"):
        if not old.name.startswith(newest.name):
            old.unlink(missing_ok=True)
