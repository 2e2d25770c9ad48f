"""Channels, compiled: what a number on the wire becomes, and the order in which channels follow from each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from device_profiles.engine.rows import Reading, Row, number
from device_profiles.engine.steps import Environment, StepPlan, compile_steps, itemgetter_or_none, run_steps
from device_profiles.errors import nearest, profile_error
from device_profiles.expressions import ExpressionError, parse
from device_profiles.quality import Flag
from device_profiles.quantities import QUANTITIES, Quantity
from device_profiles.units import UnitError, converter

Residual = tuple[int, int, int]
"""Scale that is no power of ten: value = (count * first + second) / third, exactly rounded."""

_EMPTY: Quantity = Quantity("", "1", "", "", "")


@dataclass(slots=True)
class ChannelPlan:
    """A channel as the engine needs it.

    Attributes:
        name: Channel id.
        unit: Of the value.
        wire_unit: Of the number on the wire.
        kind: number, code, counter, text, flags.
        quantity: What is measured; its limits and labels hold where the profile says nothing.
        table: The profile's own words: label, range, codes, privacy, counter and so on.
        source: Channel it is computed from; its own name when it comes from the wire.
        residual: Exact scale of the counts on the wire, or None.
        steps: Transform.
        derived: Expression over other channels, or None.
        inputs: Channels the expression reads.
    """

    name: str
    unit: str
    wire_unit: str
    kind: str
    quantity: Quantity
    table: Mapping[str, Any]
    source: str
    residual: Residual | None = None
    steps: tuple[StepPlan, ...] = ()
    derived: Callable[[Environment], Any] | None = None
    inputs: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()

    @property
    def on_wire(self) -> bool:
        """Whether the device sends it."""
        return self.derived is None and self.source == self.name

    @property
    def privacy(self) -> str:
        """Privacy class."""
        return str(self.table.get("privacy") or self.quantity.privacy)

    @property
    def resolution(self) -> float | None:
        """Smallest step of the value, in its unit."""
        value = self.table.get("resolution")
        return None if value is None else float(value)

    def label(self, language: str = "en") -> str:
        """Text for people."""
        own = (self.table.get("label") or {}).get(language)
        return str(own or getattr(self.quantity, language, "") or self.name.replace("_", " "))

    def value(self, mantissa: float, exponent: int | None, unit: str, environment: Environment) -> float | str:
        """The value of a number from the wire, or the reason there is none."""
        x: float | None
        if self.residual is not None and unit == self.wire_unit:
            scale, offset, divisor = self.residual
            x = ((mantissa if not exponent else number(mantissa, exponent) or 0.0) * scale + offset) / divisor
        else:
            x = number(mantissa, exponent)
        if x is None:
            return "undefined"
        if unit != self.wire_unit:
            try:
                x = converter(unit, self.wire_unit if not self.residual else self.unit)(x)
            except UnitError:
                return "unit_unknown"
        elif not self.steps and self.residual is None and self.wire_unit != self.unit:
            x = converter(self.wire_unit, self.unit)(x)
        return run_steps(self.steps, x, environment) if self.steps else x


def compile_channels(tables: Mapping[str, dict[str, Any]]) -> dict[str, ChannelPlan]:
    """Compile ``[channels]``, in an order in which every channel follows what it is computed from.

    Raises:
        ProfileError: A quantity or channel does not exist, or channels depend on each other in a circle.
    """
    plans = {name: _compile(name, table) for name, table in tables.items()}
    for plan in plans.values():
        for needed in _needs(plan):
            if needed not in plans:
                what = f"channel {plan.name} needs channel {needed!r}, which does not exist"
                raise profile_error(what, hint=nearest(needed, plans))
    ordered: dict[str, ChannelPlan] = {}
    waiting = list(plans.values())
    while waiting:
        ready = [plan for plan in waiting if all(needed in ordered for needed in _needs(plan))]
        if not ready:
            raise profile_error(
                f"channels depend on each other in a circle: {', '.join(plan.name for plan in waiting)}"
            )
        ordered.update((plan.name, plan) for plan in ready)
        waiting = [plan for plan in waiting if plan.name not in ordered]
    return ordered


def _needs(plan: ChannelPlan) -> tuple[str, ...]:
    return plan.inputs if plan.derived is not None else () if plan.source == plan.name else (plan.source,)


def _compile(name: str, table: dict[str, Any]) -> ChannelPlan:
    word = table.get("quantity") or name
    quantity = QUANTITIES.get(word, _EMPTY)
    if quantity is _EMPTY and table.get("quantity"):
        raise profile_error(f"channel {name}: no quantity {word!r}", hint=nearest(str(word), QUANTITIES, count=3))
    kind = str(table.get("kind") or "number")
    unit = str(table.get("unit") or ("1" if kind in ("code", "flags", "text") else quantity.unit))
    steps = compile_steps(table.get("transform") or [])
    source = str(table.get("from") or name)
    wire_unit = str(table.get("raw_unit") or ("1" if steps and source == name else unit))
    plan = ChannelPlan(name, unit, wire_unit, kind, quantity, table, source, None, steps)
    if table.get("derived"):
        try:
            expression = parse(str(table["derived"]))
        except ExpressionError as exc:
            raise profile_error(f"channel {name}: {exc}") from exc
        plan.derived = expression.bind(itemgetter_or_none)
        plan.inputs = tuple(item for item in expression.names if not item.startswith("param."))
        plan.parameters = tuple(item for item in expression.names if item.startswith("param."))
        if not plan.inputs:
            raise profile_error(f"channel {name}: derived from no channel")
    return plan


def apply(plans: Mapping[str, ChannelPlan], row: Row, parameters: Mapping[str, float | str]) -> tuple[Reading, ...]:
    """Readings of a wire row: units, transforms, derived channels.

    Args:
        plans: In dependency order.
        row: As decoded; not changed.
        parameters: Deployment parameters valid at the row's time, by bare name.
    """
    environment: dict[str, Any] = {f"param.{name}": value for name, value in parameters.items()}
    marks = {mark.column: mark for mark in row.marks}
    columns = {channel: index for index, channel in enumerate(row.channels)}
    readings: dict[str, Reading] = {}
    for name, plan in plans.items():
        if plan.on_wire:
            index = columns.get(name)
            reading = None if index is None else _from_wire(plan, row, index, marks.get(index), environment)
        else:
            reading = _computed(plan, readings, environment)
        if reading is not None:
            readings[name] = reading
            environment[name] = reading.value
    found = list(readings.values())
    found.extend(Reading(channel, None, "1", text=text) for channel, text in row.texts)
    return tuple(found)


_mark_fields = itemgetter(1, 2)


def _from_wire(plan: ChannelPlan, row: Row, index: int, mark: Any, environment: Environment) -> Reading:  # noqa: ANN401
    flag, reason = _mark_fields(mark) if mark else (Flag.UNKNOWN, "")
    mantissa = row.mantissas[index]
    if mantissa is None:
        return Reading(plan.name, None, plan.unit, flag if mark else Flag.MISSING, reason)
    value = plan.value(mantissa, row.exponents[index], row.units[index], environment)
    if isinstance(value, str):
        return Reading(plan.name, None, plan.unit, Flag.MISSING, value)
    return Reading(plan.name, value, plan.unit, flag, reason)


def _computed(plan: ChannelPlan, readings: Mapping[str, Reading], environment: Environment) -> Reading | None:
    inputs = plan.inputs if plan.derived is not None else (plan.source,)
    given = [readings[item] for item in inputs if item in readings]
    if not given or len(given) < len(inputs):
        return None
    if any(item.value is None for item in given):
        return Reading(plan.name, None, plan.unit, Flag.MISSING, "input_missing")
    if any(environment.get(item) is None for item in plan.parameters):
        return Reading(plan.name, None, plan.unit, Flag.MISSING, "not_configured")
    if plan.derived is not None:
        result = plan.derived(environment)
        value: float | str = float(result) if isinstance(result, (int, float)) else "undefined"
    else:
        value = run_steps(plan.steps, float(given[0].value or 0.0), environment)
    if isinstance(value, str):
        return Reading(plan.name, None, plan.unit, Flag.MISSING, value)
    doubtful = next((item for item in given if item.flag is Flag.SUSPECT), None)
    return Reading(
        plan.name, value, plan.unit, doubtful.flag if doubtful else Flag.UNKNOWN, doubtful.reason if doubtful else ""
    )
