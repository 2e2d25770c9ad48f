"""What can be wrong with a machine, one function per thing; each gives findings and raises nothing of its own."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from harkara_io.cli_doctor import Finding
from harkara_io.serial_ports import found_ports

PYTHON_MIN: Final = (3, 11)
SQLITE_MIN: Final = (3, 37, 0)
"""STRICT tables, sqlite.org/stricttables.html."""
FREE_BYTES_WARN: Final = 512 * 1024 * 1024
FREE_BYTES_MIN: Final = 32 * 1024 * 1024

_PARTS: Final[dict[str, tuple[str, ...]]] = {
    "agent": ("aiomqtt", "paho.mqtt.client", "google.protobuf", "pydantic", "serial"),
    "collector": (
        "duckdb",
        "duckdb_extension_ducklake",
        "fastapi",
        "jinja2",
        "numpy",
        "pyarrow",
        "sqlalchemy",
        "uvicorn",
    ),
    "simulators": ("amqtt", "rich"),
}


def python() -> Iterator[Finding]:
    """Version and platform."""
    found = f"Python {platform.python_version()} on {platform.machine()} {platform.system()}"
    if sys.version_info < PYTHON_MIN:
        yield Finding("python", "broken", found, "Harkara needs Python 3.11 or newer")
    elif platform.system() != "Linux":
        yield Finding("python", "warning", found, "the agent is made for Linux: serial ports and clock state need it")
    else:
        yield Finding("python", "ok", found)


def sqlite() -> Iterator[Finding]:
    """Version of the library that keeps outbox and journal."""
    if sqlite3.sqlite_version_info < SQLITE_MIN:
        yield Finding("sqlite", "broken", f"SQLite {sqlite3.sqlite_version}", "needs 3.37 or newer: use a newer Python")
    else:
        yield Finding("sqlite", "ok", f"SQLite {sqlite3.sqlite_version}")


def packages() -> Iterator[Finding]:
    """Which parts are installed whole."""
    for part, names in _PARTS.items():
        missing = [name for name in names if not _importable(name)]
        extra = "harkara" if part == "agent" else f"'harkara[{part}]'"
        if not missing:
            yield Finding("packages", "ok", f"{part}: all there")
        elif part == "agent":
            yield Finding("packages", "broken", f"{part}: {', '.join(missing)} missing", f"pip install {extra}")
        else:
            yield Finding(
                "packages", "note", f"{part}: {', '.join(missing)} missing", f"if wanted: pip install {extra}"
            )
    if not _importable("zstandard"):
        yield Finding("packages", "note", "zstandard missing: blocks are packed with zlib, some 5 % larger")


def disk(folder: Path) -> Iterator[Finding]:
    """Room and rights where the data goes."""
    if not folder.is_dir():
        yield Finding("disk", "broken", f"{folder} does not exist", f"mkdir -p {folder}")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "disk", "broken", f"{folder} cannot be written by this user", f"chown it, or run as {folder.owner()}"
        )
    free = shutil.disk_usage(folder).free
    shown = f"{folder}: {free / 1024**2:.0f} MiB free"
    if free < FREE_BYTES_MIN:
        yield Finding("disk", "broken", shown, "make room: readings cannot be accepted on a full disk")
    elif free < FREE_BYTES_WARN:
        yield Finding("disk", "warning", shown, "lower [outbox] max_bytes below what is free, or make room")
    else:
        yield Finding("disk", "ok", shown)


def clock() -> Iterator[Finding]:
    """Whether the wall clock can be trusted."""
    now = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    if time.gmtime().tm_year < 2020:
        yield Finding("clock", "warning", f"not set: {now}", "enable a time service: timedatectl set-ntp true")
        return
    answer = _timedatectl()
    if answer == "yes":
        yield Finding("clock", "ok", f"synchronised: {now}")
    elif answer == "no":
        mend = "enable a time service: timedatectl set-ntp true; readings are kept and re-timed meanwhile"
        yield Finding("clock", "warning", f"not synchronised: {now}", mend)
    else:
        yield Finding("clock", "note", f"{now}; this machine does not say whether it is synchronised")


def serial_ports() -> Iterator[Finding]:
    """Ports, and whether this user may use them."""
    ports = found_ports()
    if not ports:
        yield Finding("serial ports", "note", "none found")
    for port in ports:
        if port.readable:
            yield Finding("serial ports", "ok", str(port.path))
        else:
            mend = f"sudo usermod -aG {port.group or 'dialout'} {os.environ.get('USER', '$USER')}, then log in again"
            yield Finding("serial ports", "warning", f"{port.path}: not for this user (group {port.group})", mend)


def buses(dev: Path = Path("/dev"), sys: Path = Path("/sys")) -> Iterator[Finding]:
    """Which other ways to sensors this machine has, and whether this user may use them."""
    for kind, pattern, group in (("I2C", "i2c-*", "i2c"), ("GPIO", "gpiochip*", "gpio")):
        for path in sorted(dev.glob(pattern)):
            if os.access(path, os.R_OK | os.W_OK):
                yield Finding("buses", "ok", f"{kind}: {path}")
            else:
                mend = f"sudo usermod -aG {group} {os.environ.get('USER', '$USER')}, then log in again"
                yield Finding("buses", "warning", f"{kind}: {path}: not for this user", mend)
    for kind, folder, pattern in (("1-Wire", "bus/w1/devices", "*-*"), ("IIO", "bus/iio/devices", "iio:device*")):
        found = sorted(each.name for each in (sys / folder).glob(pattern))
        if found:
            yield Finding("buses", "ok", f"{kind}: {', '.join(found[:8])}{' …' if len(found) > 8 else ''}")


def _importable(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _timedatectl() -> str:
    """``yes``, ``no`` or nothing known."""
    program = shutil.which("timedatectl")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [program, "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
