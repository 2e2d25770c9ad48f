"""Reads what a back-fill has to bring out of the lake: day by day, some series at a time, in pieces of bounded size.

What is meant is fixed when the back-fill is made (blocks up to a number, within a time), so it can be left and taken
up again at any series of any day. DuckDB sorts within the lake's memory limit and spills what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from collector.lake.query import INSTANT_NS_MAX
from collector.stores.offset import DayMark, Job
from collector.stores.ports import Readings, SeriesFacts, TextReading

PIECE_ROWS: Final = 65_536
CHUNK_ROWS: Final = 2_000_000
"""Readings sorted in one go, unless one series has more in a day."""
TEXTS_A_PIECE: Final = 10_000
END: Final[DayMark] = (1 << 40, 0)
"""Behind every day."""

DAY_NS: Final = 86_400 * 10**9

_MEANT: Final = """
    block_id <= $block_max
    AND observed_at >= make_timestamp_ns($since) AND observed_at < make_timestamp_ns($until)
"""
_OF_JOURNAL: Final = """
    AND block_id IN (
        SELECT block_id FROM lake.block
        WHERE store_id = $store AND generation = $generation AND position > $after AND position <= $last
    )
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a back-fill has come.

    Attributes:
        mark: Everything up to here.
        readings: How many that were.
    """

    mark: DayMark
    readings: int


@dataclass(frozen=True, slots=True)
class FilledPiece:
    """Readings of a back-fill, and where it is once they are stored."""

    readings: Readings
    progress: Progress


class BackFill:
    """One back-fill's way through the lake.

    Args:
        cursor: A connection to the lake, used by one thread.
        job: What is meant.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, job: Job) -> None:
        self._cursor = cursor
        self._job = job
        self._facts: dict[tuple[int, str], SeriesFacts] = {}
        self._series: dict[int, tuple[str, str, str, str]] = {}
        self._profiles: dict[tuple[str, str], list[str]] = {}

    def total(self) -> int:
        """Readings that are meant, whatever is done of them."""
        return sum(count for _, count in self._days()) + self._count_texts()

    def pieces(self) -> Iterator[FilledPiece]:
        """What is not done yet, in order. The last piece ends at `END`, with or without readings in it."""
        self._look_up()
        first_day, first_series = self._job.done
        readings = self._job.readings
        for day, _ in self._days() if self._job.done < END else ():
            if day >= first_day:
                for piece in self._day(day, first_series if day == first_day else None, readings):
                    readings = piece.progress.readings
                    yield piece
        count = 0
        for texts in self._texts():
            count += len(texts)
            yield FilledPiece(_only(texts), Progress((END[0] - 1, 0), readings))
        yield FilledPiece(_only(()), Progress(END, readings + count))

    def _day(self, day: int, after_series: int | None, readings: int) -> Iterator[FilledPiece]:
        for first, last, count in self._chunks(day, after_series):
            waiting: Readings | None = None
            for columns in self._rows(day, first, last):
                if waiting is not None:
                    # Its series go on in the rows behind it: it is not done until they are.
                    yield FilledPiece(waiting, Progress((day, first - 1), readings))
                waiting = self._readings(columns)
            readings += count
            if waiting is not None:
                yield FilledPiece(waiting, Progress((day, last), readings))

    def _days(self) -> list[tuple[int, int]]:
        rows = self._ask(
            "SELECT datediff('day', DATE '1970-01-01', CAST(observed_at AS DATE)), count(*) "  # noqa: S608
            f"FROM lake.reading WHERE {self._where()} GROUP BY 1 ORDER BY 1",
        ).fetchall()
        return [(int(day), int(count)) for day, count in rows]

    def _chunks(self, day: int, after_series: int | None) -> Iterator[tuple[int, int, int]]:
        """First series, last series and readings of what is sorted together."""
        rows = self._ask(
            f"SELECT series_id, count(*) FROM lake.reading WHERE {self._where()} AND series_id > $lowest "  # noqa: S608 - constants of this module
            "GROUP BY 1 ORDER BY 1",
            day,
            lowest=-1 if after_series is None else after_series,
        ).fetchall()
        first, last, readings = 0, 0, 0
        for number, count in rows:
            if readings and readings + count > CHUNK_ROWS:
                yield first, last, readings
                readings = 0
            first = first if readings else int(number)
            last, readings = int(number), readings + int(count)
        if readings:
            yield first, last, readings

    def _rows(self, day: int, first: int, last: int) -> Iterator[pa.RecordBatch]:
        """Readings of some series in the order of time: what a device measured at one instant lies together."""
        profile = "NULL"
        if any(len(self._profiles_of(number)) > 1 for number in self._series if first <= number <= last):
            profile = "(SELECT b.profile FROM lake.block b WHERE b.block_id = r.block_id)"
        yield from self._ask(
            f"SELECT series_id, epoch_ns(observed_at) AS at_ns, value, flag, {profile} AS profile FROM lake.reading r "  # noqa: S608
            f"WHERE {self._where()} AND series_id BETWEEN $lowest AND $highest ORDER BY observed_at, series_id",
            day,
            lowest=first,
            highest=last,
        ).to_arrow_reader(PIECE_ROWS)

    def _where(self) -> str:
        return _MEANT + (_OF_JOURNAL if self._job.of is not None else "")

    def _ask(self, statement: str, day: int | None = None, **more: object) -> duckdb.DuckDBPyConnection:
        job = self._job
        since = -INSTANT_NS_MAX if job.from_ns is None else job.from_ns
        until = INSTANT_NS_MAX if job.until_ns is None else job.until_ns
        if day is not None:
            since, until = max(since, day * DAY_NS), min(until, (day + 1) * DAY_NS)
        parameters: dict[str, Any] = {"block_max": job.block_max, "since": since, "until": until, **more}
        if job.of is not None:
            parameters |= {"store": job.of.store_id, "generation": job.of.generation, "after": job.after}
            parameters["last"] = (1 << 62) if job.until is None else job.until
        return self._cursor.execute(statement, parameters)

    def _look_up(self) -> None:
        """Learn what the series are called, and which profiles each device had."""
        rows = self._cursor.execute("SELECT series_id, agent, device, channel, unit FROM lake.series").fetchall()
        self._series = {int(number): (agent, device, channel, unit) for number, agent, device, channel, unit in rows}
        rows = self._cursor.execute(
            "SELECT agent, device, list(DISTINCT profile) FROM lake.block GROUP BY agent, device"
        ).fetchall()
        self._profiles = {(agent, device): profiles for agent, device, profiles in rows}

    def _profiles_of(self, number: int) -> list[str]:
        agent, device, _, _ = self._series[number]
        return self._profiles.get((agent, device), [""])

    def _readings(self, columns: pa.RecordBatch) -> Readings:
        numbers = columns.column("series_id").to_numpy()
        names = columns.column("profile")
        profiles: list[str] = []
        keys = numbers.astype(np.int64)
        if names.null_count < len(names):
            encoded = names.dictionary_encode()
            profiles = encoded.dictionary.to_pylist()
            keys = keys * len(profiles) + encoded.indices.to_numpy()
        found, series = np.unique(keys, return_inverse=True)
        if profiles:
            table = [self._fact(int(key) // len(profiles), profiles[int(key) % len(profiles)]) for key in found]
        else:
            table = [self._fact(int(key), self._profiles_of(int(key))[0]) for key in found]
        return Readings(
            table,
            series.astype(np.int32),
            columns.column("at_ns").to_numpy(),
            columns.column("value").to_numpy(zero_copy_only=False),
            columns.column("flag").to_numpy(),
        )

    def _fact(self, number: int, profile: str) -> SeriesFacts:
        key = (number, profile)
        if key not in self._facts:
            agent, device, channel, unit = self._series[number]
            self._facts[key] = SeriesFacts(agent, device, profile, channel, unit)
        return self._facts[key]

    def _count_texts(self) -> int:
        rows = self._ask(f"SELECT count(*) FROM lake.event WHERE {self._where()}").fetchall()  # noqa: S608
        return int(rows[0][0])

    def _texts(self) -> Iterator[list[TextReading]]:
        reader = self._ask(
            "SELECT agent, device, coalesce((SELECT b.profile FROM lake.block b WHERE b.block_id = e.block_id), '') "  # noqa: S608
            f"AS profile, channel, epoch_ns(observed_at) AS at_ns, text FROM lake.event e WHERE {self._where()} "
            "ORDER BY observed_at"
        ).to_arrow_reader(TEXTS_A_PIECE)
        for batch in reader:
            columns = [batch.column(name).to_pylist() for name in ("agent", "device", "profile", "channel")]
            rows = zip(*columns, batch.column("at_ns").to_pylist(), batch.column("text").to_pylist(), strict=True)
            yield [TextReading(*row) for row in rows]


def _only(texts: Sequence[TextReading]) -> Readings:
    """Texts and no numbers."""
    none: npt.NDArray[np.float64] = np.empty(0, np.float64)
    return Readings((), np.empty(0, np.int32), np.empty(0, np.int64), none, np.empty(0, np.uint8), texts=tuple(texts))
