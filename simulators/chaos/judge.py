"""The gauges' own logs against what a query gives back, as columns: millions of readings in seconds."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simulators.chaos.configs import DEVICE, agent_name
from simulators.chaos.site import Deaf, Site
from simulators.chaos.values import NUMBER, Said, channel, hundredths, unpack
from simulators.demo.processes import run_harkara

_READINGS_A_SLICE: Final = 2_000_000
_REOPENED_NS: Final = 1_000_000_000
"""Opening a port throws away what came a moment before. [ns]"""
_EXAMPLES_MAX: Final = 10


@dataclass(slots=True)
class Findings:
    """What the judge found, in readings.

    Attributes:
        said: Lines' readings that somebody heard or should have heard.
        stored: Rows the query gave.
        unheard: Said, not stored, while the agent was known not to hear.
        lost: Said, not stored, without that excuse.
        duplicated: Rows beyond the first of a reading.
        altered: Rows with another value than the gauge wrote, or that no gauge wrote.
        reordered: Rows whose time order is not the order of the lines' own numbers.
        missing: When each line that lacks something was said [ns], and how many readings of it are lost.
        cycles: Lost readings by the cycle in which they were said, counted from 0 as played; -1 is before the first.
        examples: Some of it in words.
    """

    said: int = 0
    stored: int = 0
    unheard: int = 0
    lost: int = 0
    duplicated: int = 0
    altered: int = 0
    reordered: int = 0
    missing: list[tuple[int, int]] = field(default_factory=list)
    cycles: Counter[int] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled, altered or out of order."""
        return not (self.lost or self.duplicated or self.altered or self.reordered)

    def note(self, text: str) -> None:
        """Keep an example."""
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(text)


def judge(site: Site, cycles: Sequence[int]) -> Findings:
    """Compare everything said with everything stored.

    Args:
        site: With its collector running and everything drained.
        cycles: When each cycle began, UTC; ascending. [ns]
    """
    findings = Findings()
    for station in site.stations:
        said = unpack(station.log.read_bytes())
        deaf = [each for each in site.deaf if each.agent == station.number]
        excused = excuses(said, deaf)
        lines = _READINGS_A_SLICE // (site.load.channels + 1)
        gauge = Gauge(
            agent_name(station.number), station.begin_ns, site.load.interval_ms * 1_000_000, site.load.channels
        )
        for first in range(0, len(said), lines):
            part = said[first : first + lines]
            stored = _stored(site.collector_config, gauge, part[0].number, part[-1].number)
            compare(gauge, part, excused[first : first + lines], stored, findings)
    for at_ns, missing in findings.missing:
        findings.cycles[int(np.searchsorted(cycles, at_ns, side="right")) - 1] += missing
    return findings


def excuses(said: Sequence[Said], deaf: Sequence[Deaf]) -> NDArray[np.bool_]:
    """For each line whether it may be missing: it was said in a deaf time, or a moment after hearing came back."""
    at_ns = np.fromiter((each.at_ns for each in said), np.int64, len(said))
    heard = np.fromiter((each.heard for each in said), np.bool_, len(said))
    excused = np.zeros(len(said), np.bool_)
    for window in deaf:
        since = at_ns[-1] if window.to_ns is None and len(said) else window.to_ns or 0
        after = np.flatnonzero(heard & (at_ns >= since))
        until = at_ns[after[0]] + _REOPENED_NS if len(after) else np.iinfo(np.int64).max
        excused |= (at_ns >= window.from_ns) & (at_ns <= until)
    return excused


@dataclass(frozen=True, slots=True)
class Gauge:
    """What is known of a gauge without its log.

    Attributes:
        name: For messages.
        begin_ns: Time of line 0, UTC. [ns]
        interval_ns: Between two lines. [ns]
        channels: Generated channels a line, beside its number.
    """

    name: str
    begin_ns: int
    interval_ns: int
    channels: int

    def instant_ns(self, number: int) -> int:
        """Time of a line, UTC [ns]."""
        return self.begin_ns + number * self.interval_ns


class Columns(NamedTuple):
    """Stored rows: times [ns], channel indexes (0 is the line's number, -1 a channel no gauge has), values."""

    observed_ns: NDArray[np.int64]
    indexes: NDArray[np.int64]
    values: NDArray[np.float64]


def compare(
    gauge: Gauge, said: Sequence[Said], excused: NDArray[np.bool_], stored: Iterable[Columns], findings: Findings
) -> None:
    """Add to the findings what is wrong with some lines of one gauge.

    Args:
        gauge: Whose.
        said: Its lines, ascending.
        excused: For each, whether it may be missing.
        stored: All rows of their time, in order of time.
        findings: Grows.
    """
    width = gauge.channels + 1
    numbers = np.fromiter((each.number for each in said), np.int64, len(said))
    found: list[NDArray[np.int64]] = []
    for observed_ns, indexes, values in stored:
        number, rest = np.divmod(observed_ns - gauge.begin_ns, gauge.interval_ns)
        expected = np.where(indexes == 0, number * 100, hundredths(number, indexes)) / 100
        wrong = (rest != 0) | (indexes < 0) | (values != expected) | ~np.isin(number, numbers)
        findings.stored += len(values)
        findings.altered += int(wrong.sum())
        for at in np.flatnonzero(wrong)[:3].tolist():
            findings.note(
                f"altered: {gauge.name} channel {indexes[at]} in line {number[at]}: "
                f"stored {values[at]!r}, said {expected[at]!r}"
            )
        # Each line tells its own number: in order of time these must rise.
        findings.reordered += int((np.diff(values[indexes == 0]) < 0).sum())
        found.append(number[~wrong] * width + indexes[~wrong])
    unique, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *found]), return_counts=True)
    findings.duplicated += int((counts - 1).sum())
    wanted = (numbers[:, None] * width + np.arange(width)).ravel()
    missing = ~np.isin(wanted, unique, assume_unique=True).reshape(len(numbers), width)
    findings.said += wanted.size
    findings.unheard += int(missing[excused].sum())
    lost = missing & ~excused[:, None]
    findings.lost += int(lost.sum())
    for at in np.flatnonzero(lost.any(axis=1)).tolist():
        findings.missing.append((said[at].at_ns, int(lost[at].sum())))
        findings.note(
            f"lost: {lost[at].sum()} readings of line {said[at].number} of {gauge.name}, "
            f"{'heard' if said[at].heard else 'nobody listened'}, said at {_instant(said[at].at_ns)}"
        )


def _stored(config: Path, gauge: Gauge, first: int, last: int) -> Iterator[Columns]:
    """What a query gives for these lines, both included."""
    known = {NUMBER: 0} | {channel(index): index for index in range(1, gauge.channels + 1)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stored.parquet"
        span = ("--from", _instant(gauge.instant_ns(first)), "--to", _instant(gauge.instant_ns(last + 1)))
        words = ("query", DEVICE, "--agent", gauge.name, "--format", "parquet", "-o", str(file), *span)
        run_harkara(*words, "--config", str(config), timeout_s=300)
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(columns=["channel", "observed_at", "value"], batch_size=1 << 18):
            names = batch["channel"].dictionary_encode()
            index_of = np.array([known.get(name, -1) for name in names.dictionary.to_pylist()], np.int64)
            yield Columns(
                batch["observed_at"].cast("int64").to_numpy(zero_copy_only=False),
                index_of[names.indices.to_numpy(zero_copy_only=False)],
                batch["value"].to_numpy(zero_copy_only=False),
            )


def _instant(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000 / 1000, UTC).isoformat(timespec="milliseconds")
