"""Which kind of recording a file is, by its first bytes; and reading it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulators.recordings import capture_file, packets, serial_logs, telemetry_logs, time_series
from simulators.recordings.model import Recording, RecordingError

HEAD_BYTES: Final = 4096
FILE_BYTES_MAX: Final = 1 << 30
_TLOG_TIMES: Final = range(946_684_800_000_000, 4_102_444_800_000_000)
"""2000 to 2100 in microseconds: what the eight bytes before a frame of a telemetry log may say."""
_NMEA: Final = re.compile(rb"(?:^|[\r\n|])[$!][A-Z]{2,5}[A-Z0-9]*,", re.MULTILINE)
_HEXDUMP: Final = re.compile(rb"^[0-9A-Fa-f]{6,8}:? +[0-9A-Fa-f]{2}[ 0-9A-Fa-f]")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what tells too little of itself.

    Attributes:
        baud: Pace of a byte stream without times. [bit/s]
        interval_s: Pace of frames without times. [s]
        time_column: Name of the column with the time, for tables that have an unusual one.
    """

    baud: int = 9600
    interval_s: float = 1.0
    time_column: str = ""


READERS: Final[dict[str, Callable[[Path, Reading], Recording]]] = {
    "capture": lambda path, _: capture_file.read(path),
    "pcap": lambda path, _: packets.read(path),
    "ulog": lambda path, _: telemetry_logs.read_ulog(path),
    "tlog": lambda path, _: telemetry_logs.read_tlog(path),
    "mavlink": lambda path, how: telemetry_logs.read_raw(path, how.baud),
    "hexdump": lambda path, how: serial_logs.read_hexdump(path, how.interval_s),
    "nmea": lambda path, _: serial_logs.read_nmea(path),
    "csv": lambda path, how: time_series.read(path, how.time_column),
    "bytes": lambda path, how: serial_logs.read_bytes(path, how.baud),
}
"""Every kind, each with its reader."""


_LOOKS: Final[tuple[tuple[str, Callable[[bytes], object]], ...]] = (
    ("capture", lambda head: head.startswith(capture_file.MAGIC)),
    ("pcap", lambda head: head[:4] in packets.MAGICS),
    ("ulog", lambda head: head.startswith(telemetry_logs.ULOG_MAGIC)),
    ("tlog", lambda head: head[8:9] in {b"\xfd", b"\xfe"} and int.from_bytes(head[:8], "big") in _TLOG_TIMES),
    ("mavlink", telemetry_logs.is_mavlink),
    ("hexdump", _HEXDUMP.match),
    ("bytes", lambda head: serial_logs.UBX_SYNC in head),
    ("nmea", _NMEA.search),
)
"""What a file's first bytes look like, the surest first."""


def kind_of(path: Path) -> str:
    """The kind a file seems to be; ``bytes`` when it looks like nothing else.

    Raises:
        RecordingError: It is empty, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except OSError as exc:
        raise RecordingError(f"{path}: {exc.strerror}") from exc
    if not head:
        raise RecordingError(f"{path} is empty")
    if size > FILE_BYTES_MAX:
        raise RecordingError(f"{path} is larger than {FILE_BYTES_MAX >> 20} MiB; cut it first")
    found = next((kind for kind, looks_like in _LOOKS if looks_like(head)), "")
    return found or ("csv" if path.suffix.lower() in {".csv", ".tsv"} else "bytes")


def read(path: Path, kind: str = "", how: Reading | None = None) -> Recording:
    """Read a recording whole.

    Args:
        path: The file.
        kind: A word of ``READERS``; found out when empty.
        how: See ``Reading``.

    Raises:
        RecordingError: It is not of that kind, or holds nothing.
    """
    found = kind_of(path)
    recording = READERS[kind or found](path, how or Reading())
    if not recording.pieces:
        raise RecordingError(f"{path} holds nothing that can be said again as {kind or found}")
    return recording
