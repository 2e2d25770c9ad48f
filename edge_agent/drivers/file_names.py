"""Which file is behind a name, and under which names a file may be found that had it before."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from edge_agent.drivers.file_tail import FileId, Place

SPECIAL: Final = frozenset("*?[")
_ROTATED: Final = re.compile(r"(?:[._-]\d+)+")
"""What programs that rotate files add to a name: a number or a date."""


def id_of(path: Path) -> FileId | None:
    """Which file it is; None for what is no file, or gone again."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return FileId(stat.st_dev, stat.st_ino) if path.is_file() else None


def holds(path: Path, place: Place) -> bool:
    """Whether a file has what was read; one that cannot be looked at has not."""
    try:
        return path.is_file() and place.is_in(path)
    except OSError:
        return False


def others_of(path: Path) -> list[Path]:
    """Files beside it whose names begin as its own."""
    return [other for other in sorted(path.parent.glob(f"{literal(path.name)}*")) if other != path]


def later_than(last: Path, path: Path) -> list[Path]:
    """Files that had this path's name after ``last`` had it, oldest first."""
    since_ns = last.stat().st_mtime_ns
    dated = sorted(
        (other.stat().st_mtime_ns, other)
        for other in others_of(path)
        if _ROTATED.fullmatch(other.name[len(path.name) :])
    )
    return [other for written_ns, other in dated if written_ns > since_ns and other != last]


def literal(name: str) -> str:
    """A name as a pattern that means itself."""
    return "".join(f"[{char}]" if char in SPECIAL else char for char in name)
