"""Hosts of a scenario's processes: a disk for each that a fault strikes, and what the fault does to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from simulators.chaos.small_disk import can_mount, small_disk
from simulators.host_trouble.host import Disk, Host, build
from simulators.scenario.model import DISK_FAULTS, FaultTable

_SLOW_S: Final = 0.05
"""What a write to a slow disk takes when its fault does not say. [s]"""
_DISKS: Final[Mapping[str, Disk]] = {"disk_read_only": "read_only", "disk_slow": "slow", "disk_eio": "failing"}


def hosted(faults: Iterable[FaultTable]) -> list[str]:
    """Every process whose disk a fault strikes."""
    return sorted({name for each in faults if each.kind in DISK_FAULTS for name in each.processes})


class Hosting:
    """The host of one process; used within ``with``.

    Args:
        folder: For what rules it.
        name: Of the process.
        disk: Folder of the files on its disk; made here.
    """

    def __init__(self, folder: Path, name: str, disk: Path) -> None:
        self._folder, self._name, self._disk = folder, name.removeprefix("agent:"), disk
        # A collector's store is larger than a disk in memory should be.
        self._is_mounted = name != "collector" and can_mount()
        self._ways = contextlib.ExitStack()
        self._full = contextlib.ExitStack()
        self._host: Host

    def __enter__(self) -> Self:
        """Build the library and mount the disk, where that can be.

        Raises:
            DemoError: There is no compiler for the library.
        """
        library = build(self._folder)
        self._disk.mkdir(parents=True)
        if self._is_mounted:
            self._ways.enter_context(small_disk(self._disk))
        self._host = Host(self._folder / self._name, self._disk, library, is_mounted=self._is_mounted)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._full.close()
        self._ways.close()

    @property
    def environ(self) -> Mapping[str, str]:
        """What the process finds in its environment."""
        return self._host.environ

    def strike(self, fault: FaultTable) -> None:
        """Begin a fault of its disk."""
        if fault.kind == "disk_full":
            self._full.enter_context(self._host.full_disk())
        else:
            delay_s = _SLOW_S if fault.size is None else fault.size
            self._host.set_disk(_DISKS[fault.kind], delay_ms=round(delay_s * 1000))

    def heal(self) -> None:
        """Its disk is well again."""
        self._full.close()
        self._host.set_disk("fine")
