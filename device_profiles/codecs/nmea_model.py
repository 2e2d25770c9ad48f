"""What a sentence of NMEA 0183 says, as numbers exactly as printed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled


class Role(Enum):
    """How a sentence belongs with its neighbours."""

    EPOCH = "epoch"
    """Part of what a positioning receiver says about one instant."""
    INSTANT = "instant"
    """A measurement of its own, at the time it arrives."""
    NOTHING = "nothing"
    """Valid, but carries no reading: satellites in view, texts, sentences unknown here."""


class Number(NamedTuple):
    """One number of a sentence.

    Attributes:
        channel: Observed quantity.
        unit: UCUM code of the number as printed.
        value: None when missing; ``reason`` says why.
        flag: MISSING without a value, SUSPECT where the sentence itself doubts it, else UNKNOWN.
        reason: Word of `device_profiles.quality.REASONS`, or empty.
    """

    channel: str
    unit: str
    value: Scaled | None
    flag: Flag = Flag.UNKNOWN
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one sentence says.

    Attributes:
        talker: Two letters of the source, e.g. ``GN``; ``P`` for a maker's own sentence.
        kind: Formatter, e.g. ``RMC``.
        role: How it is grouped.
        numbers: In the order printed; empty fields are left out.
        time_of_day_ns: UTC within the day; None when the sentence prints none. [ns]
        date: Year, month, day as printed (two-digit years below 80 are 20xx).
        fix: Whether the sentence says that position and time are valid; None when it does not say.
        time_text: Time and date fields as printed, for instants that cannot be trusted.
    """

    talker: str
    kind: str
    role: Role
    numbers: tuple[Number, ...] = ()
    time_of_day_ns: int | None = None
    date: tuple[int, int, int] | None = None
    fix: bool | None = None
