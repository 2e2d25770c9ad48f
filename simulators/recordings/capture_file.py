"""The project's own recording: JSON lines, a header and then a piece a line, both directions.

::

    {"harkara":"capture","version":1,"began_at":"2026-11-24T05:00:00Z","port":"/dev/ttyUSB0"}
    {"at_us":0,"way":"asked","hex":"010300000002c40b"}
    {"at_us":21480,"way":"said","hex":"0103040102030459ac"}

``way`` is ``said`` for what the device said and ``asked`` for what a reader asked of it; ``at_us`` counts from
``began_at`` by a clock that nobody steps.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from simulators.recordings.model import Piece, Recording, RecordingError

MAGIC: Final = b'{"harkara":"capture"'
VERSION: Final = 1


def read(path: Path) -> Recording:
    """Read a capture; a last line cut short is left out.

    Raises:
        RecordingError: A line is no piece of a capture; says which.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    if not lines:
        raise RecordingError(f"{path}: cut short within the header")
    header = _object(lines[0], path, 1)
    if header.get("version") != VERSION:
        raise RecordingError(f"{path}: version {header.get('version')!r}; this reads version {VERSION}")
    try:
        began_ns = int(datetime.fromisoformat(str(header["began_at"])).timestamp()) * 1_000_000_000
        pieces = tuple(
            Piece(int(each["at_us"]) * 1000, bytes.fromhex(each["hex"]), each["way"] == "asked")  # type: ignore[call-overload, arg-type]
            for number, line in enumerate(lines[1:], 2)
            if (each := _object(line, path, number))
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise RecordingError(f"{path}: no piece of a capture: {exc!r}") from exc
    return Recording("capture", pieces, (pieces[-1].at_ns if pieces else 0) + 1_000_000_000, began_ns)


def _object(line: bytes, path: Path, number: int) -> dict[str, object]:
    try:
        found = json.loads(line)
    except ValueError as exc:
        raise RecordingError(f"{path}, line {number}: no JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise RecordingError(f"{path}, line {number}: no JSON object")
    return found


class CaptureWriter:
    """Writes a capture; what is written outlives this process at once.

    Args:
        path: A new file.
        port: Where it comes from, for people.

    Raises:
        RecordingError: The file is there already.
    """

    def __init__(self, path: Path, port: str) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except FileExistsError as exc:
            raise RecordingError(f"{path} is there already; name another file") from exc
        except OSError as exc:
            raise RecordingError(f"{path}: {exc.strerror}") from exc
        self.pieces = 0
        self._began_s = time.monotonic()
        began_at = datetime.now(tz=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        header = {"harkara": "capture", "version": VERSION, "began_at": began_at, "port": port}
        self._write(header)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def note(self, data: bytes, *, asked: bool) -> None:
        """One piece, now."""
        at_us = int((time.monotonic() - self._began_s) * 1e6)
        self._write({"at_us": at_us, "way": "asked" if asked else "said", "hex": data.hex()})
        self.pieces += 1

    def _write(self, line: dict[str, object]) -> None:
        os.write(self._file, json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n")
