"""Which serial ports this machine has, by the names that stay the same."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BY_ID: Final = Path("/dev/serial/by-id")
_PATTERNS: Final = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyS*", "rfcomm*")
_SYS_TTY: Final = Path("/sys/class/tty")


@dataclass(frozen=True, slots=True)
class FoundPort:
    """A serial port.

    Attributes:
        path: What to write in a configuration: the stable name where there is one.
        device: The device file behind it.
        readable: Whether this user may read and write it.
        group: Group that may; empty when unknown.
    """

    path: Path
    device: Path
    readable: bool
    group: str


def found_ports(dev: Path = Path("/dev"), by_id: Path = BY_ID, sys_tty: Path = _SYS_TTY) -> list[FoundPort]:
    """Serial ports with hardware behind them, stable names first."""
    ports: dict[Path, FoundPort] = {}
    if by_id.is_dir():
        for link in sorted(by_id.iterdir()):
            device = link.resolve()
            ports[device] = _port(link, device)
    for pattern in _PATTERNS:
        for device in sorted(dev.glob(pattern)):
            if device not in ports and _has_hardware(device.name, sys_tty):
                ports[device] = _port(device, device)
    return list(ports.values())


def _has_hardware(name: str, sys_tty: Path) -> bool:
    """The kernel makes ttyS0..3 whether or not there is a chip: type 0 is "unknown", so none."""
    kind = sys_tty / name / "type"
    try:
        return kind.read_text(encoding="ascii").strip() != "0"
    except OSError:
        return True


def _port(path: Path, device: Path) -> FoundPort:
    try:
        group = device.group()
    except (OSError, KeyError):
        group = ""
    return FoundPort(path, device, os.access(device, os.R_OK | os.W_OK), group)
