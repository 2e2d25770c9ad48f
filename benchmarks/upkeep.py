"""Memory of a process that commits to the lake and merges its files, hours of a small network in minutes.

A round is what a collector does in a quarter of an hour with 1,200 values a second: a commit every two seconds, then
the upkeep. The memory is read before each upkeep, where the collector is most of its time, and at its highest.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from collector.lake.lake import Lake
from collector.lake.maintenance import Maintenance
from collector.lake.schema import BLOCK, READING

ROUNDS: Final = 24
COMMITS: Final = 450
BLOCKS: Final = 10
READINGS: Final = 240
AGENTS: Final = 8
SERIES: Final = 15 * AGENTS
START_NS: Final = 1_767_225_600_000_000_000
"""1 January 2026. [ns]"""
_QUERIES: Final = {
    "newest_of_a_series": "SELECT * FROM lake.reading WHERE series_id = 17 ORDER BY observed_at DESC LIMIT 100",
    "mean_of_a_series": "SELECT avg(value) FROM lake.reading WHERE series_id = 17",
    "means_of_all_series": "SELECT series_id, avg(value) FROM lake.reading GROUP BY series_id",
}
_ASKED: Final = 9
_COMMIT_NS: Final = 2 * 10**9
_MB: Final = 1 << 20
_SAMPLE_S: Final = 0.005


def run(rounds: int = ROUNDS) -> dict[str, Any]:
    """Measure for so many rounds."""
    peak = _Peak()
    before, highest, catalogue = [], [], []
    with tempfile.TemporaryDirectory(prefix="harkara-upkeep-") as name:
        lake = Lake.open(Path(name) / "lake")
        began_s = time.monotonic()
        for number in range(rounds):
            for commit in range(number * COMMITS, (number + 1) * COMMITS):
                _commit(lake, commit)
            before.append(_rss_mb())
            peak.mb = 0.0
            # As much of a round's history stays as in a collector: two thirds.
            Maintenance(history_s=int((time.monotonic() - began_s) / (number + 1) * 2 / 3)).run(lake)
            highest.append(peak.mb)
            catalogue.append(sum(path.stat().st_size for path in lake.folder.glob("catalogue.ducklake*")) / _MB)
            print(f"upkeep: {number + 1} of {rounds} rounds, {before[-1]:.0f} MB", file=sys.stderr, flush=True)
        with lake.cursor() as cursor:
            (counted,) = cursor.execute("SELECT count(*) FROM lake.reading").fetchall()[0]
        queries = _query_ms(lake)
        lake.close()
    peak.stop()
    if counted != (readings := rounds * COMMITS * BLOCKS * READINGS):
        raise AssertionError(f"{readings} readings committed, the lake has {counted}")
    third = max(1, rounds // 3)
    return {
        "about": (
            f"{rounds} rounds of {COMMITS} commits and one upkeep, as in {rounds / 4:g} hours of {AGENTS} agents with "
            "1,200 values/s together; benchmark and lake in one process."
        ),
        "readings": readings,
        "rss_before_upkeep_mb": ", ".join(f"{value:.0f}" for value in before),
        "rss_highest_in_upkeep_mb": ", ".join(f"{value:.0f}" for value in highest),
        "catalogue_mb": ", ".join(f"{value:.1f}" for value in catalogue),
        "last_third_to_middle_third": round(
            float(np.mean(before[-third:]) / np.mean(before[third : -third or None] or before)), 3
        ),
        "query_ms": queries,
        "targets": {"last_third_to_middle_third": "<= 1.02"},
    }


def _query_ms(lake: Lake) -> dict[str, dict[str, float]]:
    """What DuckDB's cache of files, which the lake has turned off, would save a query that comes again."""
    found = {}
    with lake.cursor() as cursor:
        for name, query in _QUERIES.items():
            times: dict[str, list[float]] = {"without_cache": [], "with_cache": []}
            for _ in range(_ASKED):
                for way, setting in (("without_cache", "false"), ("with_cache", "true")):
                    cursor.execute(f"SET enable_external_file_cache = {setting}")
                    cursor.execute(query).fetchall()
                    began_s = time.monotonic()
                    cursor.execute(query).fetchall()
                    times[way].append((time.monotonic() - began_s) * 1e3)
            found[name] = {way: round(statistics.median(each), 1) for way, each in times.items()}
    return found


def _commit(lake: Lake, number: int) -> None:
    """Ten blocks of fifteen channels and sixteen rows each, and what the lake keeps of each block."""
    rows = BLOCKS * READINGS
    blocks = np.arange(number * BLOCKS, (number + 1) * BLOCKS)
    agents = blocks % AGENTS
    series = np.repeat(agents * 15, READINGS) + np.tile(np.arange(READINGS) % 15, BLOCKS)
    times = START_NS + number * _COMMIT_NS + np.tile(np.arange(READINGS) // 15, BLOCKS) * 10**8
    values = np.round(20 + 8 * np.sin(np.arange(rows) / 500 + number), 1)
    columns = {
        "series_id": pa.array(series, pa.int32()),
        "observed_at": pa.array(times, pa.timestamp("ns")),
        "value": pa.array(values),
        "flag": pa.array(np.zeros(rows), pa.uint8()),
        "block_id": pa.array(np.repeat(blocks, READINGS), pa.int64()),
    }
    lake.stage(READING, pa.record_batch([columns[name] for name in READING.arrow.names], schema=READING.arrow))
    lake.stage(BLOCK, pa.record_batch([_of_blocks(field, blocks) for field in BLOCK.arrow], schema=BLOCK.arrow))
    lake.commit(lake.note)


def _of_blocks(field: pa.Field, blocks: np.ndarray[Any, Any]) -> pa.Array:
    if pa.types.is_binary(field.type):
        return pa.array([os.urandom(32) for _ in blocks], field.type)
    if pa.types.is_string(field.type):
        return pa.array([f"load-{number % AGENTS:02d}" for number in blocks], field.type)
    return pa.array(blocks % 100, field.type)


def _rss_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB


class _Peak:
    """Highest memory since ``mb`` was last set to nought, looked at all the while."""

    def __init__(self) -> None:
        self.mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak")
        self._thread.start()

    def stop(self) -> None:
        """End the watching."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(_SAMPLE_S):
            self.mb = max(self.mb, _rss_mb())
