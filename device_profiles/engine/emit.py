"""From slots to wire rows: sentinels and status conditions become marks, never numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from device_profiles.engine.decimals import EXPONENT_MAX, MANTISSA_MAX
from device_profiles.engine.rows import Mantissa, Mark, Row
from device_profiles.engine.state import MAX_ROWS, State
from device_profiles.quality import Flag

Verdict = tuple[Flag, str]
_BAD: Final = (Flag.MISSING, "invalid")


@dataclass(frozen=True, slots=True)
class Output:
    """How a field's slot becomes a column.

    Attributes:
        slot: Where the number is.
        channel: Column.
        unit: Unit as sent.
        times: Integers are multiplied by this, exactly (a scale of 0.5 is 5 times 10 ** -1).
        add: Then added, exactly.
        exponent: Decimal exponent of integers.
        sentinels: Raw values that are no measurement.
        tests: Further conditions over value and slots, first that holds wins.
        exponent_slot: Slot of an in-band power of ten, or -1.
        unit_slot: Slot of an in-band unit code, or -1.
        unit_codes: Meaning of the unit codes.
        sign_slot: Slot of 1 or -1, or -1 for none.
        text: The column is a text.
    """

    slot: int
    channel: str
    unit: str
    add: int
    exponent: int
    sentinels: Mapping[Any, Verdict]
    tests: tuple[tuple[Callable[[Any, list[Any]], object], Flag, str], ...]
    exponent_slot: int = -1
    unit_slot: int = -1
    unit_codes: Mapping[Any, str] | None = None
    sign_slot: int = -1
    text: bool = False
    float_type: bool = False
    times: int = 1

    @property
    def plain(self) -> bool:
        """Whether the fast way applies: nothing of it depends on other slots but the tests."""
        return self.exponent_slot < 0 and self.unit_slot < 0 and self.sign_slot < 0 and not self.text

    def verdict(self, value: Any, slots: list[Any]) -> Verdict | None:  # noqa: ANN401 - a slot holds what the type gave
        """Whether the value is a measurement: None when nothing is against it."""
        if value in self.sentinels:
            return self.sentinels[value]
        for test, flag, reason in self.tests:
            if test(value, slots):
                return flag, reason
        return None


class Emitter:
    """Makes rows of one scope (a frame or a repetition)."""

    __slots__ = ("channels", "exponents", "fast", "outputs", "slots", "units")

    def __init__(self, outputs: tuple[Output, ...], *, text: bool) -> None:
        self.outputs = outputs
        self.channels = tuple(output.channel for output in outputs)
        self.units = tuple(output.unit for output in outputs)
        self.exponents = tuple(None if output.float_type else output.exponent for output in outputs)
        self.slots = tuple(output.slot for output in outputs)
        self.fast = not text and all(output.plain for output in outputs) and len(set(self.channels)) == len(outputs)

    def emit(self, state: State, *, alone: bool) -> None:
        """Add what the slots hold to the rows.

        Args:
            state: Of the frame.
            alone: The scope makes a row of its own; otherwise it joins the row being gathered.
        """
        if not self.outputs:
            return
        if alone and self.fast and not state.bad and state.row is None:
            row = self._whole(state)
            if row is not None:
                if len(state.rows) < MAX_ROWS:
                    state.rows.append(row)
                else:
                    state.note = f"more than {MAX_ROWS} rows"
                return
        if state.row is None:
            state.row = Gathering()
        self._slow(state, state.row)
        if alone:
            finish_row(state)

    def _whole(self, state: State) -> Row | None:
        slots = state.slots
        mantissas: list[Mantissa] = []
        marks: list[Mark] = []
        for output in self.outputs:
            value = slots[output.slot]
            if value is None:
                return None
            verdict = None
            if value in output.sentinels or output.tests:
                verdict = output.verdict(value, slots)
            if value.__class__ is float:
                if not output.float_type:
                    return None
                if verdict is None and not math.isfinite(value):
                    verdict = _BAD
            elif output.float_type:
                return None
            if verdict is None:
                mantissas.append(value if output.float_type else value * output.times + output.add)
            else:
                marks.append(Mark(len(mantissas), *verdict))
                keep = verdict[0] is Flag.SUSPECT
                mantissas.append((value if output.float_type else value * output.times + output.add) if keep else None)
        return Row(self.channels, self.units, mantissas, self.exponents, tuple(marks), (), state.time_ns, state.age_ns)

    def _slow(self, state: State, row: Gathering) -> None:
        for output in self.outputs:
            value = state.slots[output.slot]
            reason = state.bad.get(output.slot)
            if value is None and reason is None:
                continue
            if output.channel in row.channels:
                finish_row(state)
                state.row = row = Gathering()
            if reason is not None and value is None:
                row.add(output.channel, output.unit, None, output.exponent, (Flag.MISSING, reason))
            elif output.text:
                row.texts.append((output.channel, str(value)))
            else:
                self._number(state, row, output, value)

    @staticmethod
    def _number(state: State, row: Gathering, output: Output, value: Any) -> None:  # noqa: ANN401
        slots = state.slots
        verdict = output.verdict(value, slots)
        unit = state.units.get(output.slot, output.unit)
        if output.unit_slot >= 0:
            found = (output.unit_codes or {}).get(slots[output.unit_slot])
            verdict = verdict or (None if found is not None else (Flag.MISSING, "unit_unknown"))
            unit = found or unit
        mantissa, exponent = _scaled(state, output, value)
        if mantissa is None:
            verdict = verdict if verdict is not None and verdict[0] is not Flag.SUSPECT else _BAD
        keep = verdict is None or verdict[0] is Flag.SUSPECT
        row.add(output.channel, unit, mantissa if keep else None, exponent, verdict)


def _scaled(  # noqa: PLR0911 - each way to have no number leaves at once
    state: State,
    output: Output,
    value: Any,  # noqa: ANN401
) -> tuple[Mantissa, int | None]:
    exponent: int | None = output.exponent
    mantissa: Mantissa = value if value.__class__ in (int, float) else None
    if output.slot in state.exact:
        mantissa, own = state.exact[output.slot]
        exponent = own + output.exponent
    if mantissa is None:
        return None, exponent
    if mantissa.__class__ is float:
        if not math.isfinite(mantissa):
            return None, None
        return mantissa * (state.slots[output.sign_slot] or 0) if output.sign_slot >= 0 else mantissa, None
    mantissa = mantissa * output.times + output.add
    if output.sign_slot >= 0:
        sign = state.slots[output.sign_slot]
        if sign not in (1, -1):
            return None, exponent
        mantissa *= sign
    if output.exponent_slot >= 0:
        power = state.slots[output.exponent_slot]
        if power.__class__ is not int or exponent is None:
            return None, exponent
        exponent += power
    if exponent is None or abs(exponent) > EXPONENT_MAX or abs(mantissa) > MANTISSA_MAX:
        return None, 0
    return mantissa, exponent


class Gathering:
    """A row being put together."""

    __slots__ = ("channels", "exponents", "mantissas", "marks", "texts", "units")

    def __init__(self) -> None:
        self.channels: list[str] = []
        self.units: list[str] = []
        self.mantissas: list[Mantissa] = []
        self.exponents: list[int | None] = []
        self.marks: list[Mark] = []
        self.texts: list[tuple[str, str]] = []

    def add(self, channel: str, unit: str, mantissa: Mantissa, exponent: int | None, verdict: Verdict | None) -> None:
        """One more column."""
        if verdict is not None:
            self.marks.append(Mark(len(self.channels), *verdict))
        self.channels.append(channel)
        self.units.append(unit)
        self.mantissas.append(mantissa)
        self.exponents.append(exponent)


def finish_row(state: State) -> None:
    """Close the row being gathered, with the time known by now."""
    row = state.row
    state.row = None
    if row is None or not (row.channels or row.texts):
        return
    if len(state.rows) >= MAX_ROWS:
        state.note = f"more than {MAX_ROWS} rows"
        return
    state.rows.append(
        Row(
            tuple(row.channels),
            tuple(row.units),
            row.mantissas,
            tuple(row.exponents),
            tuple(row.marks),
            tuple(row.texts),
            state.time_ns,
            state.age_ns,
        )
    )
