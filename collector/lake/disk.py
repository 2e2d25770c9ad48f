"""What makes a file outlive a power cut, behind a port so that a test can cut the power at any point of it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """What the lake asks of a file system."""

    def sync_file(self, path: Path) -> None:
        """Return when the file's bytes survive a power cut."""
        ...

    def sync_folder(self, path: Path) -> None:
        """Return when the names in the folder survive a power cut."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Move within one file system, at once or not at all. Durable after ``sync_folder`` of both folders."""
        ...

    def free_bytes(self, folder: Path) -> int:
        """Bytes that may still be written to the folder's file system."""
        ...


class RealDisk:
    """The file system of this machine."""

    def sync_file(self, path: Path) -> None:
        """Fsync the file."""
        _sync(path, os.O_RDONLY)

    def sync_folder(self, path: Path) -> None:
        """Fsync the folder."""
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)

    def rename(self, source: Path, target: Path) -> None:
        """Move the file."""
        source.replace(target)

    def free_bytes(self, folder: Path) -> int:
        """Bytes free for this user."""
        return shutil.disk_usage(folder).free


def _sync(path: Path, mode: int) -> None:
    handle = os.open(path, mode)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(disk: Disk, path: Path) -> None:
    """Make a folder and its parents, and see to it that their names survive a power cut."""
    missing = [path]
    while not missing[-1].exists():
        missing.append(missing[-1].parent)
    for folder in reversed(missing[:-1]):
        folder.mkdir(exist_ok=True)
        disk.sync_folder(folder.parent)


def write_durably(disk: Disk, path: Path, text: str) -> None:
    """Replace a small file so that after a power cut it holds the old text or the new one, whole."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    disk.sync_file(fresh)
    disk.rename(fresh, path)
    disk.sync_folder(path.parent)
