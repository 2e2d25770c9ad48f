"""The sensors' own log: what each wrote and when, kept outside the agent so that a judge need not take its word.

One JSON object a line, handed to the kernel before the bytes leave for the port: a sensor that is killed has at most
said less than its log holds, never more. It is not fsynced: it judges processes, not power cuts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

FORMATS: Final = ("json", "nmea")


@dataclass(frozen=True, slots=True)
class Emission:
    """One thing a sensor said.

    Attributes:
        device: Device id.
        form: What ``text`` is: a JSON line of readings, or an NMEA 0183 sentence.
        text: Exactly what was written, without the line end.
        emitted_at_ns: When it was written, by this machine's clock, UTC Unix time. [ns]
        heard: False when nobody had the port open, so that it was not written at all.
        heard_beside: The same for the second port, where there is one.
    """

    device: str
    form: Literal["json", "nmea"]
    text: str
    emitted_at_ns: int
    heard: bool
    heard_beside: bool = True


class TruthLog:
    """Appends emissions to a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def append(self, emission: Emission) -> None:
        """Log one emission; on return it outlives this process (not a power cut)."""
        os.write(self._file, json.dumps(asdict(emission), separators=(",", ":")).encode("ascii") + b"\n")


def read_truth(path: Path) -> Iterator[Emission]:
    """Every emission of a log, in order; none when the file is not there. A last line cut short is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield Emission(**json.loads(line))
