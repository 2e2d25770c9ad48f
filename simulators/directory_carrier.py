"""A tree of small files, as the kernel shows its sensors: each frame replaces one file whole."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self


class DirectoryCarrier:
    """Files below a folder; a reader never sees half of one.

    Attributes:
        address: The folder, for people.
    """

    def __init__(self, folder: Path) -> None:
        self.address = str(folder)
        self._folder = folder
        self._written: set[Path] = set()

    def __enter__(self) -> Self:
        """Make the folder.

        Raises:
            OSError: It cannot be made.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for path in self._written:
            path.unlink(missing_ok=True)
        for folder in sorted({parent for path in self._written for parent in path.parents}, reverse=True):
            if self._folder in folder.parents:
                with contextlib.suppress(OSError):  # Somebody else's files are in it.
                    folder.rmdir()

    def has_reader(self) -> bool:
        """Whoever looks, looks; a file waits."""
        return True

    def send(self, data: bytes, channel: str = "") -> bool:
        """Replace the file ``channel``.

        Raises:
            ValueError: It names no file below the folder.
        """
        path = self._folder / channel
        if not channel or ".." in path.parts or self._folder not in path.parents:
            raise ValueError(f"{channel!r} is no file below {self._folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.new")
        aside.write_bytes(data)
        aside.replace(path)
        self._written.add(path)
        return True

    def receive(self, timeout_s: float) -> bytes:  # noqa: ARG002 - nobody asks a file
        """Nothing."""
        return b""

    def drain(self, timeout_s: float) -> bool:  # noqa: ARG002 - a file is there at once
        """Nothing is under way."""
        return True
