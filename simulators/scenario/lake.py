"""What the lake holds of a scenario, by the command a user would type, and the judge's verdict on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow.parquet as pq

from simulators.demo.processes import run_harkara
from simulators.scenario.judgement import (
    Point,
    Score,
    Spoken,
    Tally,
    judge_lines,
    judge_sentences,
    scores,
)
from simulators.scenario.load import Placed
from simulators.scenario.valley import Valley

BAD_FLAGS: Final = frozenset({3, 4})
"""QARTOD's suspect and fail."""
_QUERY_S: Final = 600.0


class Row(NamedTuple):
    """One stored row."""

    channel: str
    observed_at_ns: int
    value: float
    flag: int


Stored = Mapping[tuple[str, str], Sequence[Row]]
"""Rows by agent and device."""


def read_lake(config: Path, folder: Path) -> Stored:
    """Every stored reading that has a value.

    Args:
        config: The collector's configuration.
        folder: For a file.
    """
    file = folder / "stored.parquet"
    run_harkara("query", "--format", "parquet", "-o", str(file), "--config", str(config), timeout_s=_QUERY_S)
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    names = ["agent", "device", "channel", "observed_at", "value", "flag"]
    for batch in pq.ParquetFile(file).iter_batches(columns=names):
        times = batch["observed_at"].cast("int64").to_pylist()
        columns = [times if name == "observed_at" else batch[name].to_pylist() for name in names]
        for agent, device, channel, at_ns, value, flag in zip(*columns, strict=True):
            if value is not None:
                found[agent, device].append(Row(channel, at_ns, value, flag))
    return found


def judge_lake(
    valley: Valley,
    devices: Sequence[Placed],
    spoken: Mapping[str, Sequence[Spoken]],
    intact: Mapping[str, set[bytes]],
    labels: Mapping[tuple[str, int], frozenset[tuple[str, str]]],
) -> tuple[Tally, dict[str, Score]]:
    """The verdict on every device of every agent, and how well its flags found the labelled faults."""
    stored = read_lake(valley.collector_config, valley.root)
    tally = Tally()
    known = {(device.station.agent, device.id) for device in devices}
    for key in stored.keys() - known:
        tally.unexpected += len(stored[key])
        tally.note(f"nobody has a device {key[1]} at {key[0]}")
    flagged: dict[Point, bool] = {}
    struck: dict[Point, frozenset[str]] = {}
    for device in devices:
        said = spoken.get(device.name, ())
        rows = stored.get((device.station.agent, device.id), ())
        excused = valley.excused(device.station.agent, [(each.at_ns, each.heard) for each in said])
        judge = judge_lines if device.device.model == "lines" else judge_sentences
        plain = [(row.channel, row.observed_at_ns, row.value) for row in rows]
        tally.add(judge(device.name, said, intact.get(device.name, ()), excused, plain))
        for row in rows:
            point = (device.name, row.channel, row.observed_at_ns)
            flagged[point] = row.flag in BAD_FLAGS
            kinds = labels.get((device.name, row.observed_at_ns), frozenset())
            hit = frozenset(kind for kind, channel in kinds if channel in {"", row.channel})
            if hit:
                struck[point] = hit
    return tally, scores(struck, flagged)
