"""Text files of readings: Campbell TOA5 and time series in columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from device_profiles.rejects import FrameRejected
from edge_agent.drivers.ports import Sample
from edge_agent.imports.model import Counts, ImportedRow, key_of
from edge_agent.series.reader import Rows, SeriesRow
from edge_agent.series.text_rows import LineCutter

PIECE_BYTES: Final = 1 << 16
NOT_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9_.-]+")


class SeriesLog:
    """One file; its rows belong to one device.

    A row is known by its device, its time, what the map calls its identity (of TOA5: station, table and record number),
    and, where that tells nothing, by its numbers as they are written.
    """

    def __init__(self, path: Path, *, device: str, profile: str, rows: Callable[[], Rows]) -> None:
        """Prepare to read.

        Args:
            path: The file.
            device: Its id.
            profile: What blocks name as their profile.
            rows: Gives what reads the lines, anew for each reading of the file.
        """
        self.counts = Counts()
        self.path = path
        self._device = device
        self._profile = profile
        self._rows = rows

    def look(self, bytes_max: int = PIECE_BYTES) -> SeriesRow | FrameRejected | None:
        """What the first line that is meant to be a row gives; None when there is none near the beginning."""
        rows = self._rows()
        with self.path.open("rb") as file:
            for line, _ in LineCutter().feed(file.read(bytes_max) + b"\n"):
                found = rows.line(line) if line is not None else None
                if found is not None:
                    return found
        return None

    def rows(self) -> Iterator[ImportedRow]:
        """Every row, in the order of the file."""
        rows = self._rows()
        for line in self._lines():
            found = rows.line(line) if line is not None else None
            if line is not None and found is None:
                continue
            self.counts.frames += 1
            if line is None:
                self.counts.rejects["too_long"] += 1
            elif isinstance(found, FrameRejected):
                self.counts.rejects[found.reason.value] += 1
            elif found is not None:
                yield from self._kept(found)
        self.counts.notes += rows.notes

    def _lines(self) -> Iterator[bytes | None]:
        cutter = LineCutter()
        with self.path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                for line, _ in cutter.feed(piece):
                    yield line
        for line, _ in cutter.flush():
            yield line

    def _kept(self, row: SeriesRow) -> Iterator[ImportedRow]:
        counts = self.counts
        counts.kept += 1
        counts.take(row.numbers)
        if all(number.value is None for number in row.numbers):
            return
        said = row.identity or tuple(f"{number.channel} {number.value}" for number in row.numbers)
        key = key_of("series", self._device, row.observed_at_ns, *said)
        yield ImportedRow(self._device, self._profile, Sample(row.observed_at_ns, row.observed_at_ns, row.numbers), key)


def device_name(*words: str) -> str:
    """A device id out of what a file calls its station and table."""
    name = "-".join(filter(None, (NOT_OF_A_NAME.sub("-", word).strip("-.") for word in words)))
    return name.lower()[:40].strip("-.") or "logger"
