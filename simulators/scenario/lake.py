"""What the lake holds of a scenario, by the command a user would type, and the judge's verdict on it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from simulators.demo.processes import run_harkara
from simulators.scenario.judge_told import in_usual_unit, judge_told
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
from simulators.scenario.reading import also_id
from simulators.scenario.senses import METRES_PER_DEGREE
from simulators.scenario.teller import Teller
from simulators.scenario.valley import Valley

BAD_FLAGS: Final = frozenset({3, 4})
"""QARTOD's suspect and fail."""
_PLACE: Final = frozenset({"latitude", "longitude", "altitude", "position_error"})
"""Channels that an agent adds to the readings of what a vehicle carries."""
_MISPLACED_M: Final = 3.0
"""So far off may a place be: the device told where it was each second, and turned between two. [m]"""
_QUERY_S: Final = 600.0


class Row(NamedTuple):
    """One stored row."""

    channel: str
    observed_at_ns: int
    value: float
    unit: str
    flag: int


Stored = Mapping[tuple[str, str], Sequence[Row]]
"""Rows by agent and device."""


def read_lake(config: Path, folder: Path) -> Stored:
    """Every stored reading that has a value.

    Args:
        config: The collector's configuration.
        folder: For a file.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - what only plays needs no lake

    file = folder / "stored.parquet"
    run_harkara("query", "--format", "parquet", "-o", str(file), "--config", str(config), timeout_s=_QUERY_S)
    found: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    names = ["agent", "device", "channel", "observed_at", "value", "unit", "flag"]
    for batch in pq.ParquetFile(file).iter_batches(columns=names):
        times = batch["observed_at"].cast("int64").to_pylist()
        columns = [times if name == "observed_at" else batch[name].to_pylist() for name in names]
        for agent, device, channel, at_ns, value, unit, flag in zip(*columns, strict=True):
            if value is not None:
                found[agent, device].append(Row(channel, at_ns, value, unit, flag))
    return found


@dataclass(slots=True)
class Evidence:
    """What a run wrote down of its devices.

    Attributes:
        spoken: By logger or receiver, what went over its line.
        intact: What each of these meant to say.
        labels: Of each of these, by its time [ns], the faults' kinds and channels.
        tellers: By device, those of the catalogue.
        places: By device and its clock [ns], where it truly was: latitude, longitude [°], altitude [m].
    """

    spoken: dict[str, list[Spoken]] = field(default_factory=dict)
    intact: dict[str, set[bytes]] = field(default_factory=dict)
    labels: dict[tuple[str, int], frozenset[tuple[str, str]]] = field(default_factory=dict)
    tellers: Mapping[str, Teller] = field(default_factory=dict)
    places: dict[tuple[str, int], tuple[float, float, float]] = field(default_factory=dict)


@dataclass(slots=True)
class Judgement:
    """The verdict on every device of every agent.

    Attributes:
        tally: In readings.
        scores: How well flags found the labelled faults.
        more: Figures beside the tally, by their names.
    """

    tally: Tally = field(default_factory=Tally)
    scores: dict[str, Score] = field(default_factory=dict)
    more: Counter[str] = field(default_factory=Counter)


def judge_lake(valley: Valley, devices: Sequence[Placed], evidence: Evidence) -> Judgement:
    """Compare everything that was said with what a query gives."""
    return _Judge(valley, evidence).judge(devices)


class _Judge:
    def __init__(self, valley: Valley, evidence: Evidence) -> None:
        self._valley, self._evidence = valley, evidence
        self._stored = dict(read_lake(valley.collector_config, valley.root))
        self._found = Judgement()
        self._flagged: dict[Point, bool] = {}
        self._struck: dict[Point, frozenset[str]] = {}

    def judge(self, devices: Sequence[Placed]) -> Judgement:
        found = self._found
        for device in devices:
            rows = self._stored.pop((device.station.agent, device.id), ())
            for row in rows:
                self._flagged[device.name, row.channel, row.observed_at_ns] = row.flag in BAD_FLAGS
            if device.name in self._evidence.tellers:
                self._catalogue(device, rows)
            else:
                self._logger(device, rows)
        for (agent, name), rows in self._stored.items():
            found.tally.unexpected += len(rows)
            found.tally.note(f"nobody has a device {name} at {agent}")
        found.scores = scores(self._struck, self._flagged)
        return found

    def _logger(self, device: Placed, rows: Sequence[Row]) -> None:
        evidence = self._evidence
        said = evidence.spoken.get(device.name, ())
        excused = self._valley.excused(device.station.agent, [(each.at_ns, each.heard) for each in said])
        judge = judge_lines if device.device.model == "lines" else judge_sentences
        if device.device.place_from:
            rows = self._places(device, rows)
        plain = [(row.channel, row.observed_at_ns, row.value) for row in rows]
        self._found.tally.add(judge(device.name, said, evidence.intact.get(device.name, ()), excused, plain))
        for row in rows:
            kinds = evidence.labels.get((device.name, row.observed_at_ns), frozenset())
            hit = frozenset(kind for kind, channel in kinds if channel in {"", row.channel})
            if hit:
                self._struck[device.name, row.channel, row.observed_at_ns] = hit

    def _catalogue(self, device: Placed, rows: Sequence[Row]) -> None:
        teller = self._evidence.tellers[device.name]
        excused = self._valley.excused(device.station.agent, [(each.at_ns, each.heard) for each in teller.told])
        agent = device.station.agent
        read = [("", rows)]
        read += [(each, self._stored.pop((agent, also_id(device, each)), ())) for each in device.device.also]
        faults = self._valley.scenario.fault
        for profile, of_it in read:
            plain = [
                (row.channel, row.observed_at_ns, in_usual_unit(row.channel, row.unit, row.value)) for row in of_it
            ]
            verdict = judge_told(teller, excused, plain, profile=profile)
            self._found.tally.add(verdict.tally)
            self._found.more["unjudged"] += verdict.unjudged
            for (channel, at_ns), numbers in verdict.struck.items():
                hit = frozenset(faults[each].kind for each in numbers if faults[each].channel in {"", channel})
                if hit and not profile:
                    self._struck[device.name, channel, at_ns] = hit

    def _places(self, device: Placed, rows: Sequence[Row]) -> list[Row]:
        """Take the places that the agent wrote beside the readings, and see how far off they are."""
        given: defaultdict[int, dict[str, float]] = defaultdict(dict)
        for row in rows:
            if row.channel in _PLACE:
                given[row.observed_at_ns][row.channel] = in_usual_unit(row.channel, row.unit, row.value)
        for at_ns, place in given.items():
            if "latitude" in place:
                true = self._evidence.places.get((device.name, at_ns))
                self._found.more["placed"] += 1
                self._found.more["misplaced"] += true is None or _apart_m(place, true) > _MISPLACED_M
        return [row for row in rows if row.channel not in _PLACE]


def _apart_m(place: Mapping[str, float], true: tuple[float, float, float]) -> float:
    north = (place["latitude"] - true[0]) * METRES_PER_DEGREE
    east = (place["longitude"] - true[1]) * METRES_PER_DEGREE * math.cos(math.radians(true[0]))
    return math.hypot(north, east, place.get("altitude", true[2]) - true[2])
