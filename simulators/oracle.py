"""The judge: what the sensors say they wrote against what a query gives back. It asks nobody in between.

Every emitted reading must be stored once with the very number the sensor wrote. The one excuse is that nobody could
hear it: the agent was dead, or died before its commit. Then the reading lies in a window around the kill, and is
counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from simulators.nmea_truth import epochs
from simulators.truth import Emission

_EXAMPLES_MAX: Final = 5
# A listener stamps an epoch when it ends or falls silent, and its own clock may be read a little before the log is.
_ARRIVAL_LATE_NS: Final = 2_500_000_000
_ARRIVAL_EARLY_NS: Final = 5_000_000


class Stored(NamedTuple):
    """One row of a query's answer.

    Attributes:
        device: Device id.
        channel: Channel id.
        observed_at_ns: UTC Unix time. [ns]
        value: The number.
    """

    device: str
    channel: str
    observed_at_ns: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One reading a sensor said.

    Attributes:
        device: Device id.
        channel: Channel id.
        observed_at_ns: When, by the sensor's own words; None when it never told the date. [ns]
        value: The number of the sensor's text.
        emitted_at_ns: When it was said, by this machine's clock. [ns]
        heard: Whether somebody had the port open.
        again: Other numbers said for the same thing later in the same epoch: right for one who missed the first.
        datable: Its own text tells the whole time, so that a listener who comes late knows it too. A sentence that
            tells the time of day only is stored under its arrival by one who missed the date.
        optional: It counts as said only when it is stored: what a listener writes beside an arrival time.
    """

    device: str
    channel: str
    observed_at_ns: int | None
    value: float
    emitted_at_ns: int
    heard: bool
    again: tuple[float, ...] = ()
    datable: bool = True
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which the agent could not hear a device or had not yet committed, both ends included.

    Attributes:
        device: Device id.
        from_ns: UTC Unix time. [ns]
        to_ns: UTC Unix time. [ns]
    """

    device: str
    from_ns: int
    to_ns: int

    def excuses(self, want: Expected) -> bool:
        """Whether ``want`` was said in it."""
        return self.device == want.device and self.from_ns <= want.emitted_at_ns <= self.to_ns


@dataclass(slots=True)
class Verdict:
    """What the judge found, in readings.

    Attributes:
        emitted: Said by the sensors.
        stored: Rows the query gave.
        once: Emitted readings that are stored exactly once and unaltered.
        unread_while_down: Emitted, not stored, said within a window.
        lost: Emitted, not stored, without that excuse.
        duplicates: Rows beyond the first of a reading.
        altered: Stored with another number than the sensor wrote.
        unexpected: Stored, and no sensor said it.
        examples: A few of what is wrong, in words.
    """

    emitted: int = 0
    stored: int = 0
    once: int = 0
    unread_while_down: int = 0
    lost: int = 0
    duplicates: int = 0
    altered: int = 0
    unexpected: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, doubled, altered or invented."""
        return not (self.lost or self.duplicates or self.altered or self.unexpected)

    def note(self, what: str, device: str, channel: str, at_ns: int | None) -> None:
        """Keep an example."""
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(f"{what}: {device} {channel} at {at_ns}")


def judge(expected: Sequence[Expected], stored: Iterable[Stored], windows: Sequence[Window] = ()) -> Verdict:
    """Compare.

    Args:
        expected: From ``expectations``.
        stored: Every row of the devices in question, not de-duplicated.
        windows: When a reading may be missing.

    Returns:
        The verdict; for it ``emitted`` = readings stored once + altered + unread_while_down + lost.
    """
    verdict = Verdict()
    by_key = {(each.device, each.channel, each.observed_at_ns): each for each in expected}
    seen: set[int] = set()
    unplaced: list[Stored] = []
    for row in stored:
        verdict.stored += 1
        want = by_key.get(row[:3])
        if want is None:
            unplaced.append(row)
        elif id(want) in seen:
            verdict.duplicates += 1
            verdict.note("stored again", *row[:3])
        else:
            seen.add(id(want))
            if row.value == want.value or (row.value in want.again and _excused(want, windows)):
                verdict.once += 1
            else:
                verdict.altered += 1
                verdict.note(f"the sensor wrote {want.value!r}, stored is {row.value!r}", *row[:3])
    _place_by_arrival(unplaced, expected, seen, windows, verdict)
    for want in expected:
        if id(want) not in seen and not want.optional:
            if _excused(want, windows):
                verdict.unread_while_down += 1
            else:
                verdict.lost += 1
                what = "lost" if want.heard else "lost (nobody listened, and nobody was killed then)"
                verdict.note(what, want.device, want.channel, want.observed_at_ns)
    verdict.emitted = sum(not want.optional or id(want) in seen for want in expected)
    return verdict


def _excused(want: Expected, windows: Sequence[Window]) -> bool:
    return any(window.excuses(want) for window in windows)


def _may_be_undated(want: Expected, windows: Sequence[Window]) -> bool:
    return (want.observed_at_ns is None and not want.optional) or _excused(want, windows)


def _place_by_arrival(
    rows: Sequence[Stored], expected: Sequence[Expected], seen: set[int], windows: Sequence[Window], verdict: Verdict
) -> None:
    """Find the readings that a listener without a date stored under the time they came."""
    candidates: dict[tuple[str, str], list[Expected]] = {}
    for want in expected:
        if not want.datable and id(want) not in seen and _may_be_undated(want, windows):
            candidates.setdefault((want.device, want.channel), []).append(want)
    for row in rows:
        fitting = [
            want
            for want in candidates.get((row.device, row.channel), ())
            if id(want) not in seen
            and -_ARRIVAL_EARLY_NS <= row.observed_at_ns - want.emitted_at_ns <= _ARRIVAL_LATE_NS
            and row.value in (want.value, *want.again)
        ]
        if fitting:
            verdict.once += 1
            seen.add(id(max(fitting, key=lambda want: want.emitted_at_ns)))
        else:
            verdict.unexpected += 1
            verdict.note(f"no sensor said {row.value!r}", *row[:3])


def expectations(emissions: Iterable[Emission]) -> list[Expected]:
    """What should be stored, from the sensors' own log.

    Raises:
        ValueError: A sensor said two different numbers for one key: its log cannot be judged by.
    """
    found: dict[tuple[str, str, int], Expected] = {}
    sentences: dict[str, list[Emission]] = {}
    for emission in emissions:
        if emission.form == "nmea":
            sentences.setdefault(emission.device, []).append(emission)
            continue
        observed_at_ns, values = _json_reading(emission.text)
        for channel, value in values.items():
            key = (emission.device, channel, observed_at_ns)
            if key in found:
                raise ValueError(f"the sensor said {key} twice")
            found[key] = Expected(
                device=emission.device,
                channel=channel,
                observed_at_ns=observed_at_ns,
                value=value,
                emitted_at_ns=emission.emitted_at_ns,
                heard=emission.heard,
            )
    return [*found.values(), *(each for device, said in sentences.items() for each in _nmea_readings(device, said))]


def _json_reading(text: str) -> tuple[int, dict[str, float]]:
    fields = json.loads(text, parse_float=str, parse_int=str)
    moment = datetime.fromisoformat(fields.pop("time"))
    observed_at_ns = int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    return observed_at_ns, {channel: float(number) for channel, number in fields.items()}


def _nmea_readings(device: str, emissions: list[Emission]) -> Iterable[Expected]:
    for epoch in epochs(emissions):
        for channel, said in epoch.said.items():
            yield Expected(
                device=device,
                channel=channel,
                observed_at_ns=epoch.observed_at_ns,
                value=said.value,
                emitted_at_ns=said.emitted_at_ns,
                heard=said.heard,
                again=tuple(said.again),
                datable=False,
            )
        if epoch.clock_s is not None:
            # One who cannot date an epoch keeps the time of day it told as a reading of its own.
            yield Expected(
                device=device,
                channel="receiver_time",
                observed_at_ns=None,
                value=epoch.clock_s,
                emitted_at_ns=epoch.emitted_at_ns,
                heard=epoch.heard,
                datable=False,
                optional=epoch.observed_at_ns is not None,
            )
