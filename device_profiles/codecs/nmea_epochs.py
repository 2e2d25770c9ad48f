"""Group sentences to rows: all that a receiver says about one instant stands in one row, each quantity once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Final

from device_profiles.codecs.nmea import Number, Role, Sentence
from device_profiles.wire.values import Scaled

YEAR_MIN: Final = 2020
"""A receiver that prints an earlier year has lost count of the 1024-week epochs, or was never set."""
BURST_NS_MAX: Final = 100_000_000
"""Measurements without a time that arrive within this belong to one row. [ns]"""

_DAY_NS: Final = 86_400 * 1_000_000_000


@dataclass(frozen=True, slots=True)
class NmeaRow:
    """Numbers of one instant.

    Attributes:
        observed_at_ns: UTC by the receiver, to the digit as printed; None when it gave none that can be trusted. [ns]
        arrived_ns: When the row's first sentence came, by the clock the caller uses. [ns]
        numbers: Each channel once.
    """

    observed_at_ns: int | None
    arrived_ns: int
    numbers: tuple[Number, ...]


@dataclass(slots=True)
class _Open:
    """A row in the making.

    Attributes:
        arrived_ns: When its first sentence came. [ns]
        time_of_day_ns: Which instant it is; None while no sentence said. [ns]
        date: As printed within the epoch.
        fix: Whether all sentences that judge it call it valid.
        kinds: Formatters seen.
        numbers: All that was said, by channel.
        given: Channels that went out already, before a silence.
        observed_at_ns: Decided when the first of them went out. [ns]
    """

    arrived_ns: int
    time_of_day_ns: int | None = None
    date: tuple[int, int, int] | None = None
    fix: bool | None = None
    kinds: set[str] = field(default_factory=set)
    numbers: dict[str, Number] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    observed_at_ns: int | None = None


class NmeaEpochs:
    """Collects sentences until the instant is over.

    The time of an epoch is the receiver's when it has a fix and a plausible date (printed in the epoch, or carried over
    from the last that printed one); else the caller's arrival time counts and the receiver's own time and date become
    channels ``receiver_time`` [s of the day] and ``receiver_date`` [yyyymmdd], so that nothing it said is lost.

    Sentences without a time (GSA, VTG) belong to the epoch whose sentences they follow, also after a pause.

    Attributes:
        restated: Numbers dropped because the same epoch had said them before.
        contradicted: Those among them that differed from the first statement.
    """

    def __init__(self, *, year_min: int = YEAR_MIN) -> None:
        """Start empty.

        Args:
            year_min: Earliest year a receiver is believed; lower it to read old recordings.
        """
        self._year_min = year_min
        self.restated = 0
        self.contradicted = 0
        self._epoch: _Open | None = None
        self._paused: _Open | None = None
        self._burst: _Open | None = None
        self._last_date: tuple[int, int, int] | None = None
        self._last_time_ns: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether a row waits for more sentences."""
        return self._epoch is not None or self._burst is not None

    def push(self, sentence: Sentence, arrived_ns: int) -> list[NmeaRow]:
        """Take the next sentence; rows that are complete by it, in order."""
        if sentence.role is Role.EPOCH:
            return self._push_epoch(sentence, arrived_ns)
        if sentence.role is Role.INSTANT:
            return self._push_instant(sentence, arrived_ns)
        return []

    def flush(self) -> list[NmeaRow]:
        """The line fell silent or ended: what is open is complete, unless more of the same instant follows."""
        self._paused = self._epoch or self._paused
        rows = self._close_burst()
        rows += self._close_epoch()
        return rows

    def _push_epoch(self, sentence: Sentence, arrived_ns: int) -> list[NmeaRow]:
        rows: list[NmeaRow] = []
        if self._epoch is None and self._paused is not None and self._paused.time_of_day_ns is not None:
            # The talker paused in mid-epoch: what was said already is not said again.
            self._epoch = self._paused
        self._paused = None
        if self._epoch is not None and _is_over(self._epoch, sentence):
            if sentence.time_of_day_ns is None and self._epoch.time_of_day_ns is not None:
                # Faster than the epochs that carry the time: a measurement of its own.
                return [NmeaRow(None, arrived_ns, sentence.numbers)]
            rows = self._close_epoch()
        if self._epoch is None:
            self._epoch = _Open(arrived_ns)
        self._merge(self._epoch, sentence)
        return rows

    def _push_instant(self, sentence: Sentence, arrived_ns: int) -> list[NmeaRow]:
        rows: list[NmeaRow] = []
        burst = self._burst
        if burst is not None:
            late = arrived_ns - burst.arrived_ns > BURST_NS_MAX
            if late or any(each.channel in burst.numbers for each in sentence.numbers):
                rows = self._close_burst()
        if self._burst is None:
            self._burst = _Open(arrived_ns)
        self._merge(self._burst, sentence)
        return rows

    def _merge(self, into: _Open, sentence: Sentence) -> None:
        into.kinds.add(sentence.kind)
        if sentence.time_of_day_ns is not None:
            into.time_of_day_ns = sentence.time_of_day_ns
        into.date = sentence.date or into.date
        if sentence.fix is not None:
            into.fix = sentence.fix if into.fix is None else (into.fix and sentence.fix)
        for number in sentence.numbers:
            before = into.numbers.get(number.channel)
            if before is None or (before.value is None and number.value is not None):
                into.numbers[number.channel] = number
            elif number.value is not None:
                self.restated += 1
                self.contradicted += not _same(before, number)

    def _close_burst(self) -> list[NmeaRow]:
        burst, self._burst = self._burst, None
        if burst is None or not burst.numbers:
            return []
        return [NmeaRow(None, burst.arrived_ns, tuple(burst.numbers.values()))]

    def _close_epoch(self) -> list[NmeaRow]:
        epoch, self._epoch = self._epoch, None
        if epoch is None:
            return []
        new = [number for channel, number in epoch.numbers.items() if channel not in epoch.given]
        if not epoch.given:
            date = self._dated(epoch)
            if date is not None and epoch.time_of_day_ns is not None and epoch.fix and date[0] >= self._year_min:
                epoch.observed_at_ns = _utc_ns(date, epoch.time_of_day_ns)
            if epoch.observed_at_ns is None:
                new += _untrusted_time(epoch)
        epoch.given.update(number.channel for number in new if number.value is not None)
        return [NmeaRow(epoch.observed_at_ns, epoch.arrived_ns, tuple(new))] if new else []

    def _dated(self, epoch: _Open) -> tuple[int, int, int] | None:
        """Date of the epoch: its own, or the last one, a day on when midnight passed since."""
        date = epoch.date
        time_ns = epoch.time_of_day_ns
        if date is None and self._last_date is not None and time_ns is not None and self._last_time_ns is not None:
            date = self._last_date
            if self._last_time_ns - time_ns > _DAY_NS // 2:
                date = _next_day(date)
        if date is not None and time_ns is not None:
            self._last_date, self._last_time_ns = date, time_ns
        return date


def _is_over(epoch: _Open, sentence: Sentence) -> bool:
    """Whether a sentence cannot belong to this epoch: another time, or its kind came before with other numbers."""
    if sentence.time_of_day_ns is not None:
        return epoch.time_of_day_ns not in (None, sentence.time_of_day_ns)
    if sentence.kind not in epoch.kinds:
        return False
    said = ((epoch.numbers.get(number.channel), number) for number in sentence.numbers)
    return any(before is not None and not _same(before, number) for before, number in said)


def _same(first: Number, second: Number) -> bool:
    if first.value is None or second.value is None or first.unit != second.unit:
        return first.value == second.value and first.unit == second.unit
    lowest = min(first.value.exponent, second.value.exponent)
    return _at(first.value, lowest) == _at(second.value, lowest)


def _at(value: Scaled, exponent: int) -> int:
    return value.mantissa * int(10 ** (value.exponent - exponent))


def _untrusted_time(epoch: _Open) -> list[Number]:
    numbers: list[Number] = []
    if epoch.time_of_day_ns is not None:
        mantissa, exponent = epoch.time_of_day_ns, -9
        while exponent < 0 and mantissa % 10 == 0:
            mantissa, exponent = mantissa // 10, exponent + 1
        numbers.append(Number("receiver_time", "s", Scaled(mantissa, exponent)))
    if epoch.date is not None:
        year, month, day = epoch.date
        numbers.append(Number("receiver_date", "1", Scaled(year * 10_000 + month * 100 + day, 0)))
    return numbers


def _utc_ns(date: tuple[int, int, int], time_of_day_ns: int) -> int | None:
    try:
        days = dt.date(*date).toordinal() - dt.date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    return days * _DAY_NS + time_of_day_ns


def _next_day(date: tuple[int, int, int]) -> tuple[int, int, int]:
    try:
        following = dt.date(*date) + dt.timedelta(days=1)
    except (ValueError, OverflowError):
        return date
    return (following.year, following.month, following.day)
