"""What an agent should make of a receiver's sentences, worked out from their text alone.

This knows nothing of the decoder it judges: it is a second reading of the same rules. One row an epoch; what an epoch
says twice counts once, the first time; angles are arc-minutes with the digits of the sentence; empty is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from simulators.nmea_log import nmea_checksum
from simulators.truth import Emission

_PLAIN: Final[dict[str, dict[str, int]]] = {
    "GGA": {"fix_quality": 6, "satellites_used": 7, "hdop": 8, "altitude": 9, "geoid_separation": 11},
    "GSA": {"fix_mode": 2, "pdop": 15, "hdop": 16, "vdop": 17},
    "RMC": {"speed_over_ground": 7, "course_over_ground": 8},
    "VTG": {"course_over_ground": 1, "speed_over_ground": 5},
}
"""Field numbers of what is a number as it stands, by formatter."""
_POSITION: Final = {"GGA": 2, "RMC": 3, "GLL": 1}
"""Field number of the latitude; hemisphere, longitude, hemisphere follow."""
_TIME: Final = {"GGA": 1, "RMC": 1, "GLL": 5, "GNS": 1, "ZDA": 1}
_LAST_YEAR_OF_CENTURY: Final = 80


@dataclass(slots=True)
class Said:
    """One channel's value within an epoch.

    Attributes:
        value: The first one said.
        again: Other values said for it later in the epoch.
        emitted_at_ns: When the first was said. [ns]
        heard: Whether any of them was heard.
    """

    value: float
    emitted_at_ns: int
    heard: bool
    again: list[float] = field(default_factory=list)


@dataclass(slots=True)
class EpochTruth:
    """What a receiver said about one instant.

    Attributes:
        observed_at_ns: The instant; None when no sentence up to its end told the date. [ns]
        clock_s: The time of day it told; None when it told none. [s]
        said: By channel.
    """

    observed_at_ns: int | None
    clock_s: float | None
    said: dict[str, Said]

    @property
    def emitted_at_ns(self) -> int:
        """When its first value was said. [ns]."""
        return min(each.emitted_at_ns for each in self.said.values())

    @property
    def heard(self) -> bool:
        """Whether any of its values was heard."""
        return any(each.heard for each in self.said.values())


def epochs(emissions: Iterable[Emission]) -> Iterator[EpochTruth]:
    """Group one receiver's sentences into epochs and read them."""
    date: datetime | None = None
    clock: str | None = None
    said: dict[str, Said] = {}
    for emission in emissions:
        fields = _checked_fields(emission.text)
        if fields is None:
            continue
        formatter = fields[0][-3:]
        time = _at(fields, _TIME.get(formatter))
        if time and clock is not None and time != clock:
            if said:
                yield EpochTruth(_instant(date, clock), _seconds(clock), said)
            said = {}
        if time:
            clock = time
        date = _date(formatter, fields) or date
        for channel, value in _values(formatter, fields).items():
            earlier = said.get(channel)
            if earlier is None:
                said[channel] = Said(value, emission.emitted_at_ns, emission.heard)
            else:
                earlier.heard = earlier.heard or emission.heard
                if value != earlier.value:
                    earlier.again.append(value)
    if said:
        yield EpochTruth(_instant(date, clock), _seconds(clock), said)


def _checked_fields(text: str) -> list[str] | None:
    body, star, checksum = text.removeprefix("$").partition("*")
    if not text.startswith("$") or (star and int(checksum, 16) != nmea_checksum(body.encode("latin-1"))):
        return None
    return body.split(",")


def _at(fields: list[str], index: int | None) -> str:
    return fields[index] if index is not None and index < len(fields) else ""


def _date(formatter: str, fields: list[str]) -> datetime | None:
    if formatter == "RMC" and _at(fields, 2) == "A" and (text := _at(fields, 9)):
        year = int(text[4:6])
        century = 2000 if year < _LAST_YEAR_OF_CENTURY else 1900
        return datetime(century + year, int(text[2:4]), int(text[:2]), tzinfo=UTC)
    if formatter == "ZDA" and all(_at(fields, index) for index in (2, 3, 4)):
        return datetime(int(fields[4]), int(fields[3]), int(fields[2]), tzinfo=UTC)
    return None


def _instant(date: datetime | None, clock: str | None) -> int | None:
    if date is None or clock is None:
        return None
    whole = date + timedelta(hours=int(clock[:2]), minutes=int(clock[2:4]), seconds=int(clock[4:6]))
    return int(whole.timestamp()) * 1_000_000_000 + int(Decimal("0" + clock[6:] or "0") * 1_000_000_000)


def _seconds(clock: str | None) -> float | None:
    if clock is None:
        return None
    return float(int(clock[:2]) * 3600 + int(clock[2:4]) * 60 + Decimal(clock[4:]))


def _values(formatter: str, fields: list[str]) -> dict[str, float]:
    found = {
        channel: float(text) for channel, index in _PLAIN.get(formatter, {}).items() if (text := _at(fields, index))
    }
    first = _POSITION.get(formatter)
    if first is not None and _has_fix(formatter, fields):
        for channel, index, degree_digits in (("latitude", first, 2), ("longitude", first + 2, 3)):
            if text := _at(fields, index):
                minutes = Decimal(text[:degree_digits]) * 60 + Decimal(text[degree_digits:])
                found[channel] = float(-minutes if _at(fields, index + 1) in {"S", "W"} else minutes)
    return found


def _has_fix(formatter: str, fields: list[str]) -> bool:
    if formatter == "GGA":
        return _at(fields, 6) not in {"", "0"}
    return _at(fields, 2 if formatter == "RMC" else 6) == "A"
