"""A sensor that the Linux kernel reads: industrial I/O, hardware monitoring, 1-Wire; each attribute is a small file."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from device_profiles.engine.profile import Profile
from edge_agent.clock import Clock
from edge_agent.drivers.ports import LinkDown, Read
from edge_agent.drivers.profiled import reads_of
from edge_agent.drivers.watch import carried

SYS: Final = Path("/sys")
ATTRIBUTE_BYTES_MAX: Final = 4096
"""An attribute never has more than a page. [bytes]"""
ANSWER_S_MAX: Final = 15.0
"""A conversion on a 1-Wire bus takes 0.75 s for each sensor; a bus that takes this long hangs. [s]"""

_BUSES: Final = {
    "iio": ("bus/iio/devices", "iio:device*"),
    "hwmon": ("class/hwmon", "hwmon*"),
    "w1": ("bus/w1/devices", "*-*"),
}
_LABELLED: Final = re.compile(r"([a-z]+)\((.+)\)_([a-z]+)")
"""An attribute by what the kernel calls its sensor: ``temp(Tctl)_input`` is the ``tempN_input`` of that label."""


class SysfsInstrument:
    """Reads the attributes that the profile's request names.

    Attributes:
        service: Kernel driver that the profile expects.
    """

    def __init__(self, profile: Profile, clock: Clock, *, folder: Path | None, root: Path = SYS) -> None:
        """Prepare.

        Args:
            profile: Of transport ``iio``, ``hwmon`` or ``w1``.
            clock: For arrivals.
            folder: The sensor's own; looked for under ``root`` at each opening when None.
            root: Where the kernel's tree is mounted.
        """
        transport = profile.document["transport"]
        self.service: Final = str(transport.get("service") or "")
        self._pattern = str(transport.get("address") or "*")
        self._kind = str(transport["kind"])
        self._files = [str(name) for table in profile.document.get("requests") or () for name in table.get("file", ())]
        self._profile, self._clock, self._given, self._root = profile, clock, folder, root
        self._folder: Path | None = None
        self._asking: asyncio.Task[bytes] | None = None

    @property
    def sought(self) -> str:
        """What is looked for, in words."""
        return f"kernel driver {self.service}" if self.service else f"{self._kind} {self._pattern}"

    async def open(self) -> None:
        """Find the folder.

        Raises:
            LinkDown: There is none, or more than one.
        """
        self._folder = self._given if self._given is not None else await asyncio.to_thread(self._find)
        if not self._folder.is_dir():
            raise LinkDown(f"{self._folder} is not there: is the sensor wired and its kernel driver loaded?")

    async def measure(self) -> list[Read]:
        """Read every attribute once.

        Raises:
            LinkDown: None can be read.
        """
        arrived_ns = self._clock.wall_ns()
        if self._asking is None:
            self._asking = asyncio.create_task(asyncio.to_thread(self._read))
        # A read that hangs in the kernel cannot be called back; the next tick waits for the same one.
        done, _ = await asyncio.wait([self._asking], timeout=ANSWER_S_MAX)
        if not done:
            raise LinkDown(f"{self._folder} does not answer: the kernel has waited {ANSWER_S_MAX:g} s for the sensor")
        asked, self._asking = self._asking, None
        carried(asked.result(), sent=False)
        return reads_of(self._profile.decode(asked.result()), arrived_ns)

    async def close(self) -> None:
        """Nothing stays open between two measurements."""
        self._folder = None

    def _find(self) -> Path:
        found = sorted(self._candidates())
        if not found:
            raise LinkDown(f"the kernel shows no sensor of driver {self.service}: is it wired and its overlay loaded?")
        if len(found) > 1:
            names = ", ".join(str(each) for each in found[:4])
            raise LinkDown(f"{len(found)} sensors fit, set path to one of {names}")
        return found[0]

    def _candidates(self) -> Iterator[Path]:
        where, pattern = _BUSES[self._kind]
        folder = self._root / where
        for each in folder.glob(pattern):
            if self._kind == "w1":
                if each.match(self._pattern):
                    yield each
            elif self._kind == "hwmon":
                # Several drivers offer a temp1_input: only the name tells them apart.
                if _text(each / "name") == self.service:
                    yield each
            elif self.service in {_text(each / "name"), (each / "driver").resolve().name} or self._has_all(each):
                yield each

    def _has_all(self, folder: Path) -> bool:
        """A chip's driver may serve several models; what it offers tells them apart as well as a name."""
        return bool(self._files) and all((folder / name).exists() for name in self._files)

    def _read(self) -> bytes:
        assert self._folder is not None, "measure follows open"
        lines: list[str] = []
        trouble: OSError | None = None
        for name in self._files:
            try:
                with _attribute(self._folder, name).open("rb") as attribute:
                    text = attribute.read(ATTRIBUTE_BYTES_MAX).decode("ascii", "replace")
            except OSError as exc:
                trouble = exc
                continue
            lines.append(text if self._kind == "w1" else f"{name} {text.strip()}\n")
        if not lines and trouble is not None:
            hint = "unplugged?" if trouble.errno in {errno.ENOENT, errno.ENODEV} else trouble.strerror
            raise LinkDown(f"{self._folder}: no attribute can be read ({hint})") from trouble
        return "".join(lines).encode()


def _attribute(folder: Path, name: str) -> Path:
    """The file of an attribute; raises ``FileNotFoundError`` where no sensor of the folder has the label."""
    labelled = _LABELLED.fullmatch(name)
    if labelled is None:
        return folder / name
    kind, label, what = labelled.groups()
    for each in sorted(folder.glob(f"{kind}*_label")):
        if _text(each) == label:
            return folder / f"{each.name.removesuffix('_label')}_{what}"
    raise FileNotFoundError(errno.ENOENT, f"no {kind} sensor is labelled {label}", str(folder))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
