"""A host for one process whose clock and disk obey: a library loaded before all others, and a file that rules it."""

from __future__ import annotations

import contextlib
import functools
import mmap
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from simulators.chaos.small_disk import filled
from simulators.demo.processes import DemoError

SOURCE: Final = Path(__file__).with_name("shim.c")
Disk = Literal["fine", "failing", "read_only", "full", "slow"]
_DISKS: Final[tuple[Disk, ...]] = ("fine", "failing", "read_only", "full", "slow")
_TROUBLE: Final = struct.Struct("=qii16x")
_SLOW_MS: Final = 50
"""A card that erases takes so long for a write. [ms]"""


@functools.cache
def can_build() -> bool:
    """Whether there is a C compiler to build the library with."""
    return shutil.which("cc") is not None


def build(folder: Path) -> Path:
    """Build the library into a folder, once.

    Raises:
        DemoError: There is no compiler, or it fails.
    """
    library = folder / "host.so"
    if library.exists():
        return library
    if not can_build():
        raise DemoError("a host's clock or disk is troubled by a small C library, and no `cc` is installed here")
    folder.mkdir(parents=True, exist_ok=True)
    command = ["cc", "-O2", "-fPIC", "-shared", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)  # noqa: S603 - our own words
    if done.returncode:
        raise DemoError(f"cc cannot build {SOURCE.name}: {(done.stderr.strip() or 'no word').splitlines()[0]}")
    return library


@dataclass(slots=True)
class Host:
    """The host of one process.

    Attributes:
        file: Rules it.
        disk: Folder of the files on its disk.
        library: As ``build`` gives it.
        is_mounted: Whether ``disk`` is a small file system of its own, so that it can be filled for real.
    """

    file: Path
    disk: Path
    library: Path
    is_mounted: bool = False
    _shift_ns: int = 0
    _disk: Disk = "fine"
    _delay_ms: int = 0

    def __post_init__(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_bytes(bytes(_TROUBLE.size))

    @property
    def environ(self) -> Mapping[str, str]:
        """What a process on this host finds in its environment."""
        return {
            "LD_PRELOAD": str(self.library.absolute()),
            "HARKARA_HOST_FILE": str(self.file.absolute()),
            "HARKARA_HOST_DISK": str(self.disk.resolve()),
        }

    def set_clock(self, ahead_s: float) -> None:
        """Set its clock so much ahead of this machine's; nought is right. [s]."""
        self._shift_ns = round(ahead_s * 1e9)
        self._write()

    def unset_clock(self) -> None:
        """Its clock counts from 1970, as on a board without a battery that has just booted."""
        self._shift_ns = -time.time_ns()
        self._write()

    def set_disk(self, disk: Disk, *, delay_ms: int = _SLOW_MS) -> None:
        """How its disk is from now on; a slow one answers each write after ``delay_ms``."""
        self._disk, self._delay_ms = disk, delay_ms
        self._write()

    @contextlib.contextmanager
    def full_disk(self) -> Iterator[None]:
        """Not a byte is left on its disk: by the kernel's own word where it is a small one, else by the library's."""
        if self.is_mounted:
            with filled(self.disk):
                yield
            return
        self.set_disk("full")
        try:
            yield
        finally:
            self.set_disk("fine")

    def _write(self) -> None:
        # In place: the processes have this very file mapped.
        with self.file.open("r+b") as file, mmap.mmap(file.fileno(), _TROUBLE.size) as shared:
            _TROUBLE.pack_into(shared, 0, self._shift_ns, _DISKS.index(self._disk), self._delay_ms)
