"""A disk that is really small: a file system in memory with a size, so that ENOSPC comes from the kernel itself."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_SIZE_MB: Final = 192
_CHUNK_BYTES: Final = 1 << 20


@functools.cache
def can_mount() -> bool:
    """Whether this user may mount one: root may, in most places."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="harkara-mount-") as folder:
        if not _run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder):
            return False
        return _run("umount", folder)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """An empty file system at a folder; it and all in it are gone afterwards. Only where ``can_mount``."""
    folder.mkdir(parents=True, exist_ok=True)
    if not _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m", "tmpfs", str(folder)):
        raise OSError(errno.EPERM, "cannot mount a small disk", str(folder))
    try:
        yield folder
    finally:
        # Lazily: whoever still has a file open there is about to be stopped.
        _run("umount", "-l", str(folder))


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[int]:
    """Leave not a byte on a small disk until the end of the block; gives how many it took. [bytes]."""
    path = folder / "filler"
    taken = 0
    chunk = bytes(_CHUNK_BYTES)
    size = _CHUNK_BYTES
    try:
        with path.open("wb", buffering=0) as file:
            while size:
                try:
                    taken += file.write(chunk[:size])
                except OSError as exc:
                    if exc.errno != errno.ENOSPC:
                        raise
                    size //= 2
        yield taken
    finally:
        path.unlink(missing_ok=True)


def _run(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0  # noqa: S603 - our own words
