"""A lake judged by a truth file alone, after everything has ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from simulators.scenario.judgement import Point, Score, scores
from simulators.scenario.lake import BAD_FLAGS, read_lake
from simulators.scenario.lines import RECORD
from simulators.scenario.truth_file import read_lines

_EXAMPLES_MAX: Final = 10
_MS: Final = 1_000_000


@dataclass(slots=True)
class Found:
    """What was found, in readings.

    Attributes:
        sensed: By the truth file, of devices the lake knows.
        once: Of them, stored with the very number.
        missing: Of them, not stored.
        duplicated: Stored oftener than sensed.
        altered: Stored with another number.
        unexpected: Stored under a time at which the device sensed nothing.
        scores: Of the lake's flags, by kind of fault.
        examples: Some of it in words.
    """

    sensed: int = 0
    once: int = 0
    missing: int = 0
    duplicated: int = 0
    altered: int = 0
    unexpected: int = 0
    scores: dict[str, Score] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return self.sensed > 0 and not (self.missing or self.duplicated or self.altered or self.unexpected)

    def as_json(self) -> dict[str, Any]:
        """For the last line."""
        return asdict(self)

    def note(self, text: str) -> None:
        """Keep an example."""
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(text)


def judge_after(truth: Path, config: Path, folder: Path) -> Found:
    """Compare loggers' values with the lake.

    Args:
        truth: File of ``simulate run``.
        config: The collector's configuration.
        folder: For a file.

    Raises:
        ValueError: It is no truth file.
    """
    kinds: list[tuple[str, str]] = []
    sensed: defaultdict[str, dict[tuple[str, int], list[float]]] = defaultdict(lambda: defaultdict(list))
    struck: dict[Point, frozenset[str]] = {}
    loggers: dict[str, str] = {}
    for line in read_lines(truth):
        if line.get("kind") == "scenario":
            # A receiver says sentences: only the run itself, which knows their text, can judge them.
            models = line["devices"]
            loggers = {name: each["agent"] for name, each in models.items() if each["model"] == "lines"}
        elif line.get("kind") == "fault":
            kinds.append((line["fault"], line["channel"]))
        elif line.get("device") in loggers and line["frames"]:
            name = line["device"].replace("/", "_")
            at_ns = line["clock_ns"] // _MS * _MS
            for channel, value in ((RECORD, float(line["number"])), *line["sensed"].items()):
                sensed[name][channel, at_ns].append(value)
                hit = {kind for kind, where in (kinds[number] for number in line["faults"]) if where in {"", channel}}
                if hit:
                    struck[name, channel, at_ns] = frozenset(hit)
    found = Found()
    flagged: dict[Point, bool] = {}
    lake = read_lake(config, folder)
    for each, agent in loggers.items():
        device = each.replace("/", "_")
        rows = lake.get((agent, device), ())
        stored: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        for row in rows:
            stored[row.channel, row.observed_at_ns].append(row.value)
            flagged[device, row.channel, row.observed_at_ns] = row.flag in BAD_FLAGS
        _compare(device, sensed[device], stored, found)
    found.scores = scores(struck, flagged)
    return found


def _compare(
    device: str,
    sensed: dict[tuple[str, int], list[float]],
    stored: dict[tuple[str, int], list[float]],
    found: Found,
) -> None:
    for key in sensed.keys() | stored.keys():
        want, have = Counter(sensed.get(key, ())), Counter(stored.get(key, ()))
        name = f"{device} {key[0]} at {key[1]}"
        missing, over = (want - have).total(), have - want
        found.sensed += want.total()
        found.once += (want & have).total()
        for value, times in over.items():
            if value in want:
                found.duplicated += times
                found.note(f"stored again: {name}")
            elif missing:
                found.altered += times
                missing = max(0, missing - times)
                found.note(f"altered: {name}: {value!r}")
            else:
                found.unexpected += times
                found.note(f"no device sensed {value!r}: {name}")
        found.missing += missing
        if missing:
            found.note(f"missing: {name}")
