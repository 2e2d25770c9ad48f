"""What Harkara's own lake holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.peers.readings import Readings
from benchmarks.peers.verdict import SeriesHeld
from collector.lake.answers import ask as ask_lake
from collector.lake.lake import Lake
from collector.lake.query import Query
from simulators.demo.accounts import ask


@dataclass(slots=True)
class LakeView:
    """The lake of the collector that runs in a folder; its files can be read once that has ended.

    Attributes:
        folder: Where its ``data`` is.
        station: One that has readings; asked for to make the collector commit.
    """

    folder: Path
    station: str

    def calibrate(self, values: int) -> None:
        """It counts readings."""

    def accepted(self) -> int:
        """Readings journalled, once the lake has all of them.

        A question makes it commit what it holds back for a fuller file.
        """
        for _ in ask_lake(self._socket, Query(agent=self.station, limit=1)):
            pass
        status = ask(self._socket, "status") or {}
        level = status and status["lake_position"] >= status["journal_position"]
        return int(status["stored_readings"]) if level else 0

    def count(self) -> int:
        """The same; the files are locked while the collector runs."""
        return self.accepted()

    def final_count(self) -> int:
        """By a query over the files of a collector that has ended."""
        lake = Lake.open(self.folder / "data" / "lake")
        try:
            row = lake.cursor().execute("SELECT count(*) FROM lake.reading").fetchone()
            return 0 if row is None else int(row[0])
        finally:
            lake.close()

    def held(self, readings: Readings) -> Iterator[SeriesHeld]:
        """Every value, from the files of a collector that has ended."""
        lake = Lake.open(self.folder / "data" / "lake")
        try:
            for station in readings.names:
                rows = lake.cursor().execute(_OF_STATION, [station]).fetchnumpy()
                for channel in np.unique(rows["channel"].astype(str)):
                    chosen = rows["channel"] == channel
                    yield SeriesHeld(station, str(channel), rows["ms"][chosen], rows["value"][chosen])
        finally:
            lake.close()

    def raw_count(self) -> int:
        """The same as its count."""
        return self.final_count()

    @property
    def _socket(self) -> Path:
        return self.folder / "data" / "collector.sock"


_OF_STATION = """
    SELECT s.channel, epoch_ms(r.observed_at::TIMESTAMP) AS ms, r.value
    FROM lake.reading r JOIN lake.series s ON s.series_id = r.series_id WHERE s.agent = ?
"""
