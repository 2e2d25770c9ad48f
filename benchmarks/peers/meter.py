"""What a process costs: processor time and peak memory, with whatever it started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.demo.processes import Process

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SESSION: Final = 3
_TIMES: Final = slice(11, 13)


@dataclass(slots=True)
class Meter:
    """Several processes, each by its word, over one course.

    Attributes:
        processes: By word; each leads a session of its own, and all of that session is its.
    """

    processes: Mapping[str, Process]

    def reset_peaks(self) -> None:
        """Count peaks of memory from now on, where the kernel lets us."""
        for process in self.processes.values():
            for folder in _members(process):
                with contextlib.suppress(OSError):
                    (folder / "clear_refs").write_text("5", encoding="ascii")

    def cpu_s(self) -> dict[str, float]:
        """Processor time so far, user and system. [s]."""
        return {word: sum(map(_cpu_s, _members(process))) for word, process in self.processes.items()}

    def peak_mb(self) -> dict[str, float]:
        """Largest resident memory since ``reset_peaks``, in MB of 10^6 bytes."""
        return {word: round(sum(map(_peak_mb, _members(process))), 1) for word, process in self.processes.items()}


def tree_bytes(folder: Path) -> int:
    """What the files of a folder take on the disk. [B]."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_blocks * 512
    return total


def _members(process: Process) -> Iterator[Path]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(folder)) and int(fields[_SESSION]) == process.popen.pid:
            yield folder


def _stat(folder: Path) -> list[str]:
    """Fields of ``/proc/N/stat`` from the state on; empty when the process is gone."""
    with contextlib.suppress(OSError):
        return (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return []


def _cpu_s(folder: Path) -> float:
    fields = _stat(folder)
    return sum(map(int, fields[_TIMES])) / _TICKS


def _peak_mb(folder: Path) -> float:
    with contextlib.suppress(OSError):
        for line in (folder / "status").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0
