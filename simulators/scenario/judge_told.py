"""The judge of catalogue devices: would the emulator have said these bytes of what the lake holds?

Every frame on the wire must be in the lake once for each channel that it carries, with a value of which the emulator
makes the very same bytes. A device that tells the time is looked for under it; another within a moment of when it
spoke, value by value and in order.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from simulators.scenario.assign import assign
from simulators.scenario.judgement import Tally
from simulators.scenario.teller import Teller, Told

_ARRIVAL_NS: Final = 2_500_000_000
"""So far may the noted arrival lie from when the bytes went over the line. [ns]"""
_DATED_NS: Final = 20_000_000
"""So far may a time lie from the one that the device told, which its words may round. [ns]"""
DATED: Final = frozenset({"u-blox/nav-pvt", "dragino/lse01", "mavlink/position"})
"""Models whose words hold the time of the measurement."""
_UNCHECKED: Final = frozenset({"hydreon/rg-15", "bosch/bme280-iio", "nmea/gnss"})
"""Models whose words have no checksum: what comes of damaged ones is nobody's to judge."""
_COUNTED: Final = {"hydreon/rg-15": frozenset({"precipitation"})}
"""Channels that a device works out itself from two of its measurements: it is given none."""
_GLOBAL_POSITION: Final = 33
_GPS_RAW: Final = 24
_VEHICLE: Final = {
    "mavlink/position": (_GLOBAL_POSITION, ("latitude", "longitude", "altitude")),
    "mavlink/gnss": (_GPS_RAW, ("latitude", "longitude", "altitude")),
}
"""What profiles read of an autopilot: the message, and its channels that the emulator is given."""


class Row(NamedTuple):
    """One stored value: when, by the lake [ns], and what, in the unit of the catalogue's quantity."""

    at_ns: int
    value: float


_UNITS: Final = {
    "[degF]": (5 / 9, -160 / 9),
    "[in_i'Hg]": (33.863886, 0.0),
    "[mi_i]/h": (0.44704, 0.0),
    "kPa": (10.0, 0.0),
}
"""Units of the wire that are not those of the quantity: a factor, and what is added."""
_UNITS_OF: Final = {("relative_humidity", "1"): (100.0, 0.0), ("vapour_pressure", "kPa"): (1.0, 0.0)}
"""Of single channels."""


def in_usual_unit(channel: str, unit: str, value: float) -> float:
    """A stored value in the unit that the emulator is given."""
    if channel == "altitude" and unit == "mm":
        return value / 1000
    factor, added = _UNITS_OF.get((channel, unit)) or _UNITS.get(unit, (1.0, 0.0))
    return value * factor + added


@dataclass(slots=True)
class Verdict:
    """On one device.

    Attributes:
        tally: In readings.
        unjudged: Stored readings of channels that the emulator is not given, and of words without a checksum that were
            damaged.
        struck: By channel and time [ns] of a stored reading, the numbers of the faults that struck it.
    """

    tally: Tally = field(default_factory=Tally)
    unjudged: int = 0
    struck: dict[tuple[str, int], tuple[int, ...]] = field(default_factory=dict)


def judge_told(
    teller: Teller,
    excused: Sequence[tuple[int, int]],
    rows: Iterable[tuple[str, int, float]],
    *,
    profile: str = "",
) -> Verdict:
    """Compare what a device told with the rows of one profile that reads it.

    Args:
        teller: The device.
        excused: When a reading may be missing. [ns]
        rows: Channel, time [ns] and value of every stored row.
        profile: Which; that of the model without one.
    """
    model = teller.placed.device.model
    profile = profile or model
    stored: defaultdict[str, list[Row]] = defaultdict(list)
    for channel, at_ns, value in rows:
        stored[channel].append(Row(at_ns, value))
    told = sorted(teller.told, key=_key(model))
    given = {channel for each in told for channel in each.sensed.values}
    channels: Sequence[str] = sorted(given - _COUNTED.get(model, frozenset()))
    if model == "mavlink/position":
        message, channels = _VEHICLE.get(profile, (-1, ()))
        told = [each for each in told if _message(each.frame.data) == message]
    if model in _UNCHECKED:
        told = [
            replace(each, sure=False) if _near(teller.damaged, each.at_ns, 2 * _ARRIVAL_NS) else each for each in told
        ]
    verdict = Verdict()
    for channel in channels:
        found = stored.pop(channel, [])
        if model in _UNCHECKED and teller.damaged:
            kept = [row for row in found if not _near(teller.damaged, row.at_ns, _ARRIVAL_NS)]
            verdict.unjudged += len(found) - len(kept)
            found = kept
        _Channel(teller, channel, told, excused, verdict).compare(sorted(found))
    verdict.unjudged += sum(len(found) for found in stored.values())
    return verdict


@dataclass(slots=True)
class _Channel:
    """One channel of one device."""

    teller: Teller
    channel: str
    told: Sequence[Told]
    excused: Sequence[tuple[int, int]]
    verdict: Verdict

    def compare(self, rows: Sequence[Row]) -> None:
        """Find each frame that must be there its row, then each other row its frame."""
        model = self.teller.placed.device.model
        key, width_ns = _key(model), _DATED_NS if model in DATED else _ARRIVAL_NS
        keys = [key(each) for each in self.told]
        tally = self.verdict.tally
        must = {place for place, each in enumerate(self.told) if self._must(each)}
        tally.stored += len(rows)
        times = [row.at_ns for row in rows]
        pairs = assign(keys, times, width_ns, lambda place, row: self._tells(place, rows[row].value), must)
        for place, row in pairs.items():
            self._right(rows[row], place)
        used = set(pairs)
        missing = sorted(must - used)
        for row in set(range(len(rows))) - set(pairs.values()):
            self._wrong(rows[row], keys, width_ns, missing, used)
        tally.said += len(must)
        for place in missing:
            tally.lost += 1
            tally.note(f"lost: {self._name()} told at {_clock(self.told[place].at_ns)}")
        self._forgiven(must, used)

    def _must(self, each: Told) -> bool:
        """Whether its value must be in the lake: it was sensed, went whole, and somebody could hear."""
        excused = any(begin <= each.at_ns <= end for begin, end in self.excused)
        return each.sure and not excused and self._carried(each)

    def _carried(self, each: Told) -> bool:
        """Whether the frame tells of this channel; where nothing sensed would give the same, nobody can say."""
        given = self._given(each)
        return each.sensed.values.get(given) is not None and each.again(given, None) != each.frame.data

    def _given(self, each: Told) -> str:
        """The emulator's own channel: an autopilot is told how high it is over the ground, and how high that is."""
        over_ground = self.channel == "altitude" and "height_above_ground" in each.sensed.values
        return "height_above_ground" if over_ground else self.channel

    def _forgiven(self, must: set[int], used: set[int]) -> None:
        """Count what was said of this channel and need not be there."""
        for place in set(range(len(self.told))) - must:
            if place in used or self._carried(self.told[place]):
                self.verdict.tally.said += 1
                self.verdict.tally.unheard += place not in used

    def _tells(self, place: int, value: float) -> bool:
        each = self.told[place]
        given = self._given(each)
        if given != self.channel:
            value -= each.sensed.values["ground_elevation"] or 0.0
        if each.again(given, value) != each.frame.data:
            return False
        # A frame that is the same whatever the value says nothing of it; at the end of a range one way is closed.
        return any(each.again(given, other) != each.frame.data for other in (None, value + 1, value - 1))

    def _right(self, row: Row, place: int) -> None:
        self.verdict.tally.once += 1
        faults = self.told[place].faults
        if faults:
            self.verdict.struck[self.channel, row.at_ns] = faults

    def _wrong(self, row: Row, keys: Sequence[int], width_ns: int, missing: list[int], used: set[int]) -> None:
        near = range(bisect_left(keys, row.at_ns - width_ns), bisect_right(keys, row.at_ns + width_ns))
        tally = self.verdict.tally
        lacking = next((place for place in missing if place in near), None)
        if any(place in used and self._tells(place, row.value) for place in near):
            tally.duplicated += 1
            tally.note(f"stored again: {self._name()} {row.value!r} at {_clock(row.at_ns)}")
        elif lacking is not None:
            missing.remove(lacking)
            tally.altered += 1
            told = self.told[lacking].sensed.values[self._given(self.told[lacking])]
            tally.note(f"altered: {self._name()} stored {row.value!r}, sensed {told!r} at {_clock(row.at_ns)}")
        else:
            tally.unexpected += 1
            tally.note(f"nobody said {row.value!r}: {self._name()} at {_clock(row.at_ns)}")

    def _name(self) -> str:
        return f"{self.teller.placed.name} {self.channel}"


def _key(model: str) -> Callable[[Told], int]:
    """When a reading of it is looked for. [ns]."""
    return (lambda each: each.clock_ns) if model in DATED else (lambda each: each.at_ns)


def _near(damaged: Sequence[int], at_ns: int, within_ns: int) -> bool:
    place = bisect_left(damaged, at_ns - within_ns)
    return place < len(damaged) and damaged[place] <= at_ns + within_ns


def _message(frame: bytes) -> int:
    return int.from_bytes(frame[7:10], "little") if frame[:1] == b"\xfd" else frame[5]


def _clock(at_ns: int) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at_ns // 1_000_000_000)) + f".{at_ns // 1_000_000 % 1000:03d}"
