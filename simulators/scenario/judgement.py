"""The judge of a scenario: what the devices' lines carried against what a query gives back."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final, NamedTuple

from simulators import oracle
from simulators.oracle import Stored, Window
from simulators.scenario.lines import RECORD
from simulators.scenario.names import TALLIED
from simulators.truth import Emission

_EXAMPLES_MAX: Final = 10
_ARRIVAL_NS: Final = 2_500_000_000
"""So far may two clock readings of one arrival lie apart. [ns]"""
LATE_NS: Final = 30_000_000_000
"""A reading whose receipt takes longer than this, by the real clock, is late. [ns]"""


BELIEVED_NS: Final = 1_577_836_800_000_000_000
"""No receiver's date before 2020 is believed: its week counter has rolled over. UTC Unix time. [ns]"""


class Spoken(NamedTuple):
    """What one device's line carried at once.

    Attributes:
        at_ns: By this machine's clock, UTC. [ns]
        data: Bytes.
        heard: Whether somebody took all of it.
    """

    at_ns: int
    data: bytes
    heard: bool


@dataclass(slots=True)
class Tally:
    """What the judge found, in readings.

    Attributes:
        said: On the lines, whole and readable.
        stored: Rows the query gave.
        once: Said and stored, as often as said, with the very number.
        unheard: Said, not stored, while nobody could hear.
        lost: Said, not stored, without that excuse.
        duplicated: Stored oftener than said.
        altered: Stored with another number.
        unexpected: Stored, and nobody said it.
        reordered: Records whose number goes back in order of time, where the line's did not.
        examples: Some of it in words.
    """

    said: int = 0
    stored: int = 0
    once: int = 0
    unheard: int = 0
    lost: int = 0
    duplicated: int = 0
    altered: int = 0
    unexpected: int = 0
    reordered: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Keep an example."""
        if len(self.examples) < _EXAMPLES_MAX:
            self.examples.append(text)

    def add(self, other: Tally) -> None:
        """Sum up."""
        for name in TALLIED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for text in other.examples:
            self.note(text)


Key = tuple[str, int]
"""Channel and time [ns]."""


class _Reading(NamedTuple):
    value: float
    at_ns: int
    must: bool


def judge_lines(
    device: str,
    spoken: Sequence[Spoken],
    intact: Iterable[bytes],
    excused: Sequence[tuple[int, int]],
    rows: Iterable[tuple[str, int, float]],
) -> Tally:
    """Compare one logger's line with its rows.

    Args:
        device: For messages.
        spoken: Everything that was to go over its line, in order.
        intact: Every line it meant to say; another one on the wire may be taken or refused.
        excused: When a reading may be missing. [ns]
        rows: Channel, time [ns] and value of every stored row.
    """
    tally = Tally()
    said: defaultdict[Key, list[_Reading]] = defaultdict(list)
    undated: list[tuple[str, float, int]] = []
    for line, at_ns, sure in _lines(spoken, frozenset(text.rstrip(b"\r\n") for text in intact)):
        for key, value in _readings(line):
            if key[1] < 0:
                undated.append((key[0], value, at_ns))
                continue
            must = sure and not any(begin <= at_ns <= end for begin, end in excused)
            said[key].append(_Reading(value, at_ns, must))
    stored: defaultdict[Key, list[float]] = defaultdict(list)
    for channel, observed_ns, value in rows:
        stored[channel, observed_ns].append(value)
        tally.stored += 1
    for key in said.keys() | stored.keys():
        for value in _compare(f"{device} {key[0]} at {key[1]}", said.get(key, []), stored.get(key, []), tally):
            if not _arrived(key, value, undated):
                tally.unexpected += 1
                tally.note(f"nobody said {value!r}: {device} {key[0]} at {key[1]}")
    tally.reordered = max(0, _steps_back(stored) - _steps_back(_values(said)))
    return tally


def _values(said: Mapping[Key, list[_Reading]]) -> dict[Key, list[float]]:
    return {key: [reading.value for reading in readings] for key, readings in said.items()}


def _steps_back(found: Mapping[Key, list[float]]) -> int:
    """How often the record number goes back in order of time."""
    times = sorted(at_ns for channel, at_ns in found if channel == RECORD)
    numbers = [found[RECORD, at_ns][0] for at_ns in times]
    return sum(later < earlier for earlier, later in pairwise(numbers))


def _arrived(key: Key, value: float, undated: list[tuple[str, float, int]]) -> bool:
    """Whether a damaged line without a time carried this when it came; if so, it is used up."""
    for place, (channel, said, at_ns) in enumerate(undated):
        if (channel, said) == (key[0], value) and abs(key[1] - at_ns) <= _ARRIVAL_NS:
            del undated[place]
            return True
    return False


def _compare(name: str, said: list[_Reading], stored: list[float], tally: Tally) -> list[float]:
    """Count what is right and wrong under one key; stored values that nobody said are given back."""
    tally.said += len(said)
    known = {reading.value for reading in said}
    rest = list(stored)
    missing = []
    strange = []
    for reading in sorted(said, key=lambda reading: not reading.must):
        if reading.value in rest:
            rest.remove(reading.value)
            tally.once += 1
        else:
            missing.append(reading)
    for value in rest:
        if value in known:
            tally.duplicated += 1
            tally.note(f"stored again: {name}")
        elif missing:
            missing.pop(0)
            tally.altered += 1
            tally.note(f"altered: {name}: stored {value!r}, said {sorted(known)!r}")
        else:
            strange.append(value)
    for reading in missing:
        if reading.must:
            tally.lost += 1
            tally.note(f"lost: {name}")
        else:
            tally.unheard += 1
    return strange


def _lines(spoken: Sequence[Spoken], intact: frozenset[bytes]) -> Iterable[tuple[bytes, int, bool]]:
    """Every line of the wire, when it ended, and whether a reader must have it."""
    rest = b""
    for each in spoken:
        if not each.heard:
            # Nobody took it: that excuses nothing by itself, or an agent that lets go of its port would go free.
            rest = b""
            for line in each.data.split(b"\n"):
                yield line.rstrip(b"\r"), each.at_ns, line.rstrip(b"\r") in intact
            continue
        *lines, rest = (rest + each.data).split(b"\n")
        for line in lines:
            bare = line.rstrip(b"\r")
            yield bare, each.at_ns, bare in intact


def _readings(line: bytes) -> list[tuple[Key, float]]:
    """What a line carries; its time is -1 where a damaged line has lost it."""
    try:
        fields = json.loads(line)
        text = fields.pop("time", None)
        observed_ns = -1 if text is None else _instant(datetime.fromisoformat(text))
        return [
            ((channel, observed_ns), float(value))
            for channel, value in fields.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        ]
    except (ValueError, AttributeError, TypeError, OverflowError):
        return []


def _instant(moment: datetime) -> int:
    return int(moment.replace(microsecond=0).timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def judge_sentences(
    device: str,
    spoken: Sequence[Spoken],
    intact: Iterable[bytes],
    excused: Sequence[tuple[int, int]],
    rows: Iterable[tuple[str, int, float]],
) -> Tally:
    """Compare one receiver's sentences with its rows; arguments as of ``judge_lines``."""
    whole = frozenset(text.rstrip(b"\r\n") for text in intact)
    emissions = [
        Emission(device=device, form="nmea", text=line.decode("ascii"), emitted_at_ns=at_ns, heard=True)
        for line, at_ns, _ in _lines([each._replace(heard=True) for each in spoken], whole)
        if line in whole
    ]
    windows = [Window(device, begin, end) for begin, end in excused]
    stored = [Stored(device, channel, at_ns, value) for channel, at_ns, value in rows]
    expected = _believed(oracle.expectations(emissions))
    # A clock that steps back tells an instant twice, with two values: both must be there.
    times = Counter((each.channel, each.observed_at_ns) for each in expected if each.observed_at_ns is not None)
    twice = {(channel, at_ns) for (channel, at_ns), count in times.items() if count > 1 and at_ns is not None}
    repeated = Tally()
    for key in twice:
        said = [
            _Reading(each.value, each.emitted_at_ns, not any(window.excuses(each) for window in windows))
            for each in expected
            if (each.channel, each.observed_at_ns) == key
        ]
        values = [row.value for row in stored if row[1:3] == key]
        repeated.stored += len(values)
        repeated.unexpected += len(_compare(f"{device} {key[0]} at {key[1]}", said, values, repeated))
    verdict = oracle.judge(
        [each for each in expected if (each.channel, each.observed_at_ns) not in twice],
        [row for row in stored if row[1:3] not in twice],
        windows,
    )
    tally = Tally(
        said=verdict.emitted,
        stored=verdict.stored,
        once=verdict.once,
        unheard=verdict.unread_while_down,
        lost=verdict.lost,
        duplicated=verdict.duplicates,
        altered=verdict.altered,
        unexpected=verdict.unexpected,
        examples=verdict.examples,
    )
    tally.add(repeated)
    return tally


def _believed(expected: Iterable[oracle.Expected]) -> list[oracle.Expected]:
    """A reader keeps what a receiver says of long ago under the time it came, as one that tells no date."""
    found: list[oracle.Expected] = []
    dates: dict[int, oracle.Expected] = {}
    for want in expected:
        if want.observed_at_ns is None or want.observed_at_ns >= BELIEVED_NS:
            found.append(want)
            continue
        undated = replace(want, observed_at_ns=None, optional=False)
        found.append(undated)
        # The date it did not believe is kept as a number beside the others.
        date = datetime.fromtimestamp(want.observed_at_ns // 1_000_000_000, UTC).strftime("%Y%m%d")
        dates.setdefault(want.observed_at_ns, replace(undated, channel="receiver_date", value=float(date), again=()))
    # So is the time of day.
    moments = {each.emitted_at_ns for each in dates.values()}
    return [
        *dates.values(),
        *(
            replace(each, optional=False) if each.channel == "receiver_time" and each.emitted_at_ns in moments else each
            for each in found
        ),
    ]


@dataclass(frozen=True, slots=True)
class Score:
    """How well flags found the faults of one kind.

    Attributes:
        labelled: Readings such a fault struck.
        found: Of them, flagged ones.
        precision: Of the flagged readings of the devices it strikes, the part that any labelled fault struck; 1 when
            nothing is flagged.
        recall: Of the struck readings, the part that is flagged; 1 when none was struck.
    """

    labelled: int
    found: int
    precision: float
    recall: float


Point = tuple[str, str, int]
"""Device, channel and time of a reading [ns]."""


def scores(labels: Mapping[Point, frozenset[str]], readings: Mapping[Point, bool]) -> dict[str, Score]:
    """Precision and recall of flags, by kind of fault.

    Args:
        labels: By reading, the kinds of fault that struck it; a reading without one may be left out.
        readings: Every reading that was judged, and whether it is flagged.
    """
    struck: defaultdict[str, list[bool]] = defaultdict(list)
    channels: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for point, kinds in labels.items():
        if point in readings:
            for kind in kinds:
                struck[kind].append(readings[point])
                channels[kind].add(point[:2])
    found = {}
    for kind, flags in sorted(struck.items()):
        raised = [point for point, flagged in readings.items() if flagged and point[:2] in channels[kind]]
        right = sum(1 for point in raised if labels.get(point))
        found[kind] = Score(
            labelled=len(flags),
            found=sum(flags),
            precision=right / len(raised) if raised else 1.0,
            recall=sum(flags) / len(flags) if flags else 1.0,
        )
    return found
