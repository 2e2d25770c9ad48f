"""Lines that a store refused, with its own words, kept as evidence in a file of bounded size.

The file is text, one JSON object a line, so that a person reads it without a tool. It is two files in truth: when the
newer is half of what may be kept, it takes the place of the older, whose records are gone and counted. Nothing is lost
by that: the lake has every reading.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MB: Final = 1024 * 1024
RECORD_BYTES_MAX: Final = 64 * 1024
"""Of the lines of one record. [byte]"""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refused:
    """Lines that a store refused together.

    Attributes:
        at_ns: When, UTC. [ns]
        words: What the store said.
        lines: The lines.
    """

    at_ns: int
    words: str
    lines: tuple[str, ...]


class Quarantine:
    """The refused lines of one store. Written by one thread; `entries` may be called from any process.

    Args:
        path: The newer file; the older is beside it.
        keep_mb: Size of both together. [MiB]
        clock_ns: UTC. [ns]

    Attributes:
        lines: Lines in it.
        evicted: Lines that it held and does not any more, since the file was first made.
        unkept: Lines that could not be written since the start, for the disk's sake.
    """

    def __init__(self, path: Path, *, keep_mb: float = 16, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._path = path
        self._older = path.with_name(path.name + ".old")
        self._next = path.with_name(path.name + ".next")
        if self._next.exists():
            # Killed in the middle of a turn: finish it, or it never was.
            if path.exists():
                self._next.unlink()
            else:
                self._next.replace(path)
        self._half_bytes = max(round(keep_mb * MB / 2), 1024)
        self._clock_ns = clock_ns
        self.unkept = 0
        self.evicted = 0
        self._in_older = self._count(self._older)
        _mend(path)
        self._in_newer = self._count(path)

    @property
    def lines(self) -> int:
        """Lines in it."""
        return self._in_newer + self._in_older

    @property
    def size_bytes(self) -> int:
        """Bytes of both files."""
        return sum(path.stat().st_size for path in (self._path, self._older) if path.exists())

    def keep(self, lines: Sequence[bytes], words: str) -> None:
        """Keep lines; they survive a power cut when this returns. A disk that fails is logged and counted."""
        self.keep_all([(lines, words)])

    def keep_all(self, refused: Iterable[tuple[Sequence[bytes], str]]) -> None:
        """The same for lines with words of their own, at the cost of one."""
        most = min(RECORD_BYTES_MAX, self._half_bytes // 8)
        waiting: list[bytes] = []
        count = size = 0
        groups = [(group, words) for lines, words in refused for group in _grouped(lines, most)]
        left = sum(len(group) for group, _ in groups)
        try:
            for group, words in groups:
                shown = [line.decode("utf-8", "surrogateescape") for line in group]
                record = _line({"at_ns": self._clock_ns(), "words": words, "lines": shown})
                there = self._path.stat().st_size if self._path.exists() else 0
                if there + size + len(record) > self._half_bytes and there + size:
                    left -= self._add(waiting, count)
                    waiting, count, size = [], 0, 0
                    self._turn()
                waiting.append(record)
                count += len(group)
                size += len(record)
            self._add(waiting, count)
        except OSError as exc:
            if not self.unkept:
                _log.warning("lines that a store refused cannot be kept in %s: %s", self._path, exc)
            self.unkept += left

    def entries(self) -> Iterator[Refused]:
        """What is kept, the oldest first."""
        for path in (self._older, self._path):
            for record in _records(path):
                if "lines" in record:
                    yield Refused(record["at_ns"], record["words"], tuple(record["lines"]))

    def _add(self, records: Sequence[bytes], lines: int) -> int:
        if records:
            _append(self._path, b"".join(records))
            self._in_newer += lines
        return lines

    def _turn(self) -> None:
        """The newer file becomes the older."""
        evicted = self.evicted + self._in_older
        # What was evicted is counted in the next file before anything is gone, so that a kill between costs no count.
        _append(self._next, _line({"evicted": evicted}))
        self._path.replace(self._older)
        self._next.replace(self._path)
        self._in_older, self._in_newer, self.evicted = self._in_newer, 0, evicted

    def _count(self, path: Path) -> int:
        count = 0
        for record in _records(path):
            count += len(record.get("lines", ()))
            self.evicted = max(self.evicted, record.get("evicted", 0))
        return count


def _grouped(lines: Sequence[bytes], most: int) -> Iterator[list[bytes]]:
    """Lines in groups of about so many bytes."""
    group: list[bytes] = []
    size = 0
    for line in lines:
        if group and size + len(line) > most:
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    record = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    continue
                if isinstance(record, dict):
                    yield record
    except FileNotFoundError:
        return


def _mend(path: Path) -> None:
    """Drop a last record that a kill tore, so that the next one does not continue it."""
    try:
        with path.open("r+b") as file:
            whole = 0
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(whole)
                    os.fsync(file.fileno())
                    return
                whole += len(line)
    except FileNotFoundError:
        return


def _append(path: Path, record: bytes) -> None:
    new = not path.exists()
    with path.open("ab") as file:
        begin = file.tell()
        try:
            file.write(record)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            # A disk that took a part of it must not spoil the record after it.
            os.truncate(path, begin)
            raise
    if new:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
