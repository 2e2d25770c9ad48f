"""The newest value of every channel, in memory, seconds before the lake has it; rebuilt from the lake at a start."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from collector.lake.chart import ChartMemory
from collector.lake.dictionary import SeriesDictionary
from device_profiles.wire.model import ClockState

AHEAD_NS_MAX: Final = 600 * 10**9
"""A reading further ahead of the collector's clock is stored like any other but is never the newest."""
_CHART_POINTS_A_CALL: Final = 16
_FEW_SERIES: Final = 200
"""Above so many at once the stream itself is dense enough: one point of each is taken."""


class ChannelKey(NamedTuple):
    """One row of a table of latest values."""

    agent: str
    device: str
    channel: str


@dataclass(frozen=True, slots=True)
class LatestValue:
    """The newest reading of one channel.

    Attributes:
        key: Which channel.
        unit: Unit as sent.
        value: Number before calibration; None for a text.
        exponent: Decimal exponent the value came with; None for doubles and texts.
        text: The words, for a text event.
        observed_at_ns: Phenomenon time, UTC Unix time. [ns]
        flag: QARTOD flag.
        clock_state: What the agent's clock had been set by.
        chart: Earlier points, oldest first, at most a day back.
        usual_gap_ns: How far apart arrivals of newer readings have been lately; 0 when unknown. [ns]
    """

    key: ChannelKey
    unit: str
    value: float | None
    exponent: int | None
    text: str
    observed_at_ns: int
    flag: int
    clock_state: int
    chart: tuple[tuple[int, float], ...]
    usual_gap_ns: int


@dataclass(slots=True)
class _Held:
    observed_at_ns: int
    unit: str = ""
    value: float | None = None
    exponent: int | None = None
    text: str = ""
    flag: int = 2
    clock_state: int = int(ClockState.UNSET)
    chart: ChartMemory = field(default_factory=ChartMemory)
    usual_gap_ns: int = 0


class Readings(NamedTuple):
    """Readings as columns: runs of one series in one block.

    Attributes:
        series: Lake series ids.
        observed_at_ns: Phenomenon times. [ns]
        value: Values.
        flag: Flags.
        clock_state: Clock state of each block.
        block: Index into ``clock_state`` of each reading.
    """

    series: npt.NDArray[np.int32]
    observed_at_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    flag: npt.NDArray[np.uint8]
    clock_state: Sequence[int]
    block: npt.NDArray[np.int32]


class LatestValues:
    """One entry per channel. One thread writes, any may ask."""

    def __init__(self, dictionary: SeriesDictionary) -> None:
        self.ahead = 0
        self._dictionary = dictionary
        self._held: dict[ChannelKey, _Held] = {}
        self._order: list[ChannelKey] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._held)

    def observe(self, readings: Readings, now_ns: int) -> None:
        """Take note of decoded readings, whatever their order in time.

        Args:
            readings: Columns of them.
            now_ns: The collector's clock, UTC Unix time. [ns]
        """
        if len(readings.series) == 0:
            return
        runs = _newest_runs(readings.series, readings.observed_at_ns)
        at = np.array([run.newest for run in runs])
        flags, blocks = readings.flag[at].tolist(), readings.block[at].tolist()
        moments, values = readings.observed_at_ns[at].tolist(), readings.value[at].tolist()
        few = len(runs) <= _FEW_SERIES
        with self._lock:
            for run, moment, value, flag, block in zip(runs, moments, values, flags, blocks, strict=True):
                known = self._dictionary.key_of(run.series)
                held = self._newer(ChannelKey(known.agent, known.device, known.channel), moment, now_ns)
                if held is None:
                    continue
                held.unit, held.exponent, held.text = known.unit, known.exponent, ""
                held.value, held.flag, held.clock_state = value, flag, readings.clock_state[block]
                for point in _some(run, readings) if few else ((moment, value),):
                    held.chart.add(*point)

    def remember(self, points: Iterable[tuple[int, int, float]]) -> None:
        """Put (series, observed_at_ns, value) of the past into the charts, in time order."""
        with self._lock:
            for series, observed_at_ns, value in points:
                known = self._dictionary.key_of(series)
                key = ChannelKey(known.agent, known.device, known.channel)
                self._held.setdefault(key, _Held(observed_at_ns, known.unit)).chart.add(observed_at_ns, value)

    def observe_text(self, key: ChannelKey, observed_at_ns: int, text: str, clock_state: int, now_ns: int) -> None:
        """Take note of a text event."""
        with self._lock:
            held = self._newer(key, observed_at_ns, now_ns)
            if held is not None:
                held.value, held.exponent, held.text, held.clock_state, held.flag = None, None, text, clock_state, 2

    def page(self, start: int, count: int) -> list[LatestValue]:
        """Entries by agent, device and channel, from the ``start``-th on."""
        with self._lock:
            if len(self._order) != len(self._held):
                self._order = sorted(self._held)
            return [self._value(key) for key in self._order[start : start + count]]

    def _newer(self, key: ChannelKey, observed_at_ns: int, now_ns: int) -> _Held | None:
        if observed_at_ns > now_ns + AHEAD_NS_MAX:
            self.ahead += 1
            return None
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = _Held(observed_at_ns)
        elif observed_at_ns < held.observed_at_ns:
            return None
        gap_ns = observed_at_ns - held.observed_at_ns
        if gap_ns > 0:
            held.usual_gap_ns += (gap_ns - held.usual_gap_ns) // 4 if held.usual_gap_ns else gap_ns
        held.observed_at_ns = observed_at_ns
        return held

    def _value(self, key: ChannelKey) -> LatestValue:
        held = self._held[key]
        return LatestValue(
            key=key,
            unit=held.unit,
            value=held.value,
            exponent=held.exponent,
            text=held.text,
            observed_at_ns=held.observed_at_ns,
            flag=held.flag,
            clock_state=held.clock_state,
            chart=tuple(held.chart.points),
            usual_gap_ns=held.usual_gap_ns,
        )


class _Run(NamedTuple):
    """Neighbouring readings of one series.

    Attributes:
        series: Lake series id.
        start: First of them.
        newest: The newest of them.
    """

    series: int
    start: int
    newest: int


def _newest_runs(series: npt.NDArray[np.int32], times: npt.NDArray[np.int64]) -> list[_Run]:
    """The run with the newest reading of each series, found run by run and not row by row."""
    starts = np.concatenate(([0], np.flatnonzero(series[1:] != series[:-1]) + 1))
    ends = np.concatenate((starts[1:], [len(series)]))
    newest = np.maximum.reduceat(times, starts)
    owner = series[starts]
    order = np.lexsort((newest, owner))
    last = np.append(owner[order][1:] != owner[order][:-1], [True])
    chosen = order[last]
    # Nearly always the last one of a run is its newest.
    at = ends[chosen] - 1
    for place in np.flatnonzero(times[at] != newest[chosen]).tolist():
        start, end = starts[chosen[place]], ends[chosen[place]]
        at[place] = start + int(times[start:end].argmax())
    return list(map(_Run, owner[chosen].tolist(), starts[chosen].tolist(), at.tolist()))


def _some(run: _Run, readings: Readings) -> Iterable[tuple[int, float]]:
    """Points of a run for a chart, the newest among them."""
    count = run.newest + 1 - run.start
    step = max(1, count // _CHART_POINTS_A_CALL)
    picked = slice(run.newest - (count - 1) // step * step, run.newest + 1, step)
    return zip(readings.observed_at_ns[picked].tolist(), readings.value[picked].tolist(), strict=True)
