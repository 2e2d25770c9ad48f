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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from benchmarks.blocks import SMALL, START_NS
from collector.lake.lake import Lake
from collector.lake.maintenance import Maintenance
from collector.lake.schema import BLOCK, READING
from edge_agent.counters import rss_bytes

ROUNDS: Final = 24
COMMITS: Final = 450
BLOCKS: Final = 10
READINGS: Final = SMALL.readings
AGENTS: Final = 8
_THIRDS: Final = 3
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
    """Measure for so many rounds.

    Raises:
        ValueError: They are too few to compare thirds of them.
    """
    if rounds < _THIRDS:
        raise ValueError(f"upkeep compares thirds of its rounds; give --rounds {_THIRDS} or more")
    before, highest, catalogue = [], [], []
    with (
        tempfile.TemporaryDirectory(prefix="harkara-upkeep-") as name,
        closing(Lake.open(Path(name) / "lake")) as lake,
    ):
        began_s = time.monotonic()
        for number in range(rounds):
            for commit in range(number * COMMITS, (number + 1) * COMMITS):
                _commit(lake, commit)
            before.append(_rss_mb())
            # As much of a round's history stays as in a collector: two thirds.
            history_s = int((time.monotonic() - began_s) / (number + 1) * 2 / 3)
            with _watched() as samples:
                Maintenance(history_s=history_s).run(lake)
            highest.append(max(samples))
            catalogue.append(lake.catalogue_bytes() / _MB)
            print(f"upkeep: {number + 1} of {rounds} rounds, {before[-1]:.0f} MB", file=sys.stderr, flush=True)
        with lake.cursor() as cursor:
            (counted,) = cursor.execute("SELECT count(*) FROM lake.reading").fetchall()[0]
        queries = _query_ms(lake)
    if counted != (readings := rounds * COMMITS * BLOCKS * READINGS):
        raise AssertionError(f"{readings} readings committed, the lake has {counted}")
    third = rounds // _THIRDS
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
            statistics.mean(before[-third:]) / statistics.mean(before[third:-third]), 3
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
    row, channel = np.divmod(np.arange(READINGS), SMALL.columns)
    series = np.repeat(agents * SMALL.columns, READINGS) + np.tile(channel, BLOCKS)
    times = START_NS + number * _COMMIT_NS + np.tile(row, BLOCKS) * 10**8
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
    return rss_bytes() / _MB


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The memory in MiB, looked at now and then while the body runs."""
    samples, done = [_rss_mb()], threading.Event()

    def watch() -> None:
        while not done.wait(_SAMPLE_S):
            samples.append(_rss_mb())

    thread = threading.Thread(target=watch, name="memory")
    thread.start()
    try:
        yield samples
    finally:
        done.set()
        thread.join()
