"""Runs a workload in a process of its own and records every write, truncate, fsync, create, rename and unlink it makes.

The workload is an ordinary module that uses the real code and the standard library's SQLite; a small shared library,
compiled here, stands between it and the C library. What the workload promised to somebody it notes with `promise`, in
the same record, so that a state rebuilt at any point is held against the promises made before it.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
_HEAD = struct.Struct("<cHQI")


class Event(NamedTuple):
    """One thing that happened: op, name below the folder, offset or size, data."""

    op: str
    name: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Run:
    """How a recorded workload went."""

    events: list[Event]
    status: int
    output: str


def promise(text: str) -> None:
    """Note in the record that this was promised to somebody just now. For workloads."""
    data = text.encode()
    log = os.open(os.environ["HARKARA_SHIM_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(log, _HEAD.pack(b"P", 0, 0, len(data)) + data)
    finally:
        os.close(log)


def build_shim(folder: Path) -> Path:
    """Compile the shared library."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = folder / "disk_shim.so"
    source = HERE / "disk_shim.c"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def record(shim: Path, module: str, folder: Path, log: Path, *words: str, fail: str = "") -> Run:
    """Run ``python -m module folder words…`` under the shim.

    Args:
        shim: From `build_shim`.
        module: The workload.
        folder: Its files lie here.
        log: Where the record goes.
        words: Further arguments.
        fail: ``"n errno sticky"``: which call fails and how.
    """
    folder.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "HARKARA_SHIM_DIR": str(folder),
        "HARKARA_SHIM_LOG": str(log),
        **({"HARKARA_SHIM_FAIL": fail} if fail else {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder), *words],
        env=environment,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    events = parse(log.read_bytes(), str(folder)) if log.exists() else []
    return Run(events, done.returncode, done.stdout + done.stderr)


def parse(data: bytes, folder: str) -> list[Event]:
    """Events of a record, names relative to the folder."""
    events: list[Event] = []
    at = 0
    while at < len(data):
        op, name_bytes, offset, data_bytes = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        name = data[at : at + name_bytes].decode()
        at += name_bytes
        content = data[at : at + data_bytes]
        at += data_bytes
        if op == b"R":
            content = os.path.relpath(content.decode(), folder).encode()
        events.append(Event(op.decode(), os.path.relpath(name, folder) if name else "", offset, content))
    return events
