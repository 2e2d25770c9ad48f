"""Transforms: from the number on the wire to the value, one scalar step at a time.

A step gives a float, or the reason word why there is none. The bulk twin (`apply_bulk`) reads the same plans.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import Any, Final

from device_profiles.errors import profile_error
from device_profiles.expressions import ExpressionError, parse

Environment = Mapping[str, Any]
Coefficient = float | Callable[[Environment], Any]

LOOP_LOW_MA: Final = 3.6
LOOP_HIGH_MA: Final = 21.0
"""NAMUR NE 43: below and above, the loop tells a fault, not a measurement. [mA]"""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One compiled step.

    Attributes:
        kind: ``affine polynomial table formula loop choose``.
        coefficients: Numbers, or functions of the parameters.
        xs: Of a table.
        ys: Of a table.
        formula: Of a formula, over an environment with ``x``.
        parameter: Of a choice.
        cases: Of a choice.
    """

    kind: str
    coefficients: tuple[Coefficient, ...] = ()
    xs: tuple[float, ...] = ()
    ys: tuple[float, ...] = ()
    formula: Callable[[Environment], Any] | None = None
    parameter: str = ""
    cases: Mapping[str, tuple[StepPlan, ...]] | None = None


def compile_steps(tables: list[dict[str, Any]]) -> tuple[StepPlan, ...]:
    """Compile a channel's ``transform``.

    Raises:
        ProfileError: A step is not one.
    """
    return tuple(_compile(table) for table in tables)


def _compile(table: dict[str, Any]) -> StepPlan:
    given = [
        key for key in ("affine", "polynomial", "table", "formula", "loop", "choose") if table.get(key) is not None
    ]
    if len(given) != 1:
        raise profile_error("a transform step has exactly one of affine, polynomial, table, formula, loop, choose")
    kind = given[0]
    body = table[kind]
    if kind in ("affine", "polynomial"):
        return StepPlan(kind, tuple(_coefficient(item) for item in body))
    if kind == "loop":
        return StepPlan(kind, (_coefficient(body["low"]), _coefficient(body["high"])))
    if kind == "formula":
        return StepPlan(kind, formula=_formula(body))
    if kind == "choose":
        return StepPlan(
            kind, parameter=body["parameter"], cases={key: compile_steps(steps) for key, steps in body["cases"].items()}
        )
    xs = tuple(float(point[0]) for point in body)
    if any(a >= b for a, b in pairwise(xs)):
        raise profile_error("the x of a table must rise")
    return StepPlan(kind, xs=xs, ys=tuple(float(point[1]) for point in body))


def _formula(text: str) -> Callable[[Environment], Any]:
    try:
        return parse(text).bind(itemgetter_or_none)
    except ExpressionError as exc:
        raise profile_error(str(exc)) from exc


def itemgetter_or_none(name: str) -> Callable[[Environment], Any]:
    """Looks a name up; a name that is not there is None, which no arithmetic accepts."""
    getter = itemgetter(name)

    def get(environment: Environment) -> Any:  # noqa: ANN401
        return getter(environment) if name in environment else None

    return get


def _coefficient(item: object) -> Coefficient:
    if isinstance(item, str):
        return _formula(item)
    if isinstance(item, (int, float, Decimal)):
        return float(item)
    raise profile_error(f"a coefficient is a number or an expression, not {item!r}")


def resolve(coefficients: tuple[Coefficient, ...], environment: Environment) -> list[float] | None:
    """The coefficients as numbers; None when a parameter is not set."""
    numbers: list[float] = []
    for item in coefficients:
        value = item if isinstance(item, float) else item(environment)
        if isinstance(value, (str, bool)) or value is None:
            return None
        numbers.append(float(value))
    return numbers


def run_steps(steps: tuple[StepPlan, ...], x: float, environment: Environment) -> float | str:
    """Apply steps in order: the value, or the reason there is none."""
    value: float | str = x
    for step in steps:
        value = _run(step, x if value is x else float(value), environment)
        if isinstance(value, str):
            return value
        if not math.isfinite(value):
            return "undefined"
    return value


def _run(step: StepPlan, x: float, environment: Environment) -> float | str:  # noqa: PLR0911 - one return a kind
    if step.kind == "choose":
        chosen = environment.get(f"param.{step.parameter}")
        if chosen is None or step.cases is None or chosen not in step.cases:
            return "not_configured"
        return run_steps(step.cases[chosen], x, environment)
    if step.kind == "formula" and step.formula is not None:
        value = step.formula({**environment, "x": x})
        return float(value) if isinstance(value, (int, float)) else "undefined"
    if step.kind == "table":
        return interpolate(step, x)
    numbers = resolve(step.coefficients, environment)
    if numbers is None:
        return "not_configured"
    if step.kind == "affine":
        return numbers[0] * x + numbers[1]
    if step.kind == "loop":
        if x < LOOP_LOW_MA:
            return "open_circuit"
        return "short_circuit" if x > LOOP_HIGH_MA else numbers[0] + (numbers[1] - numbers[0]) * (x - 4) / 16
    value = 0.0
    for number in reversed(numbers):
        value = value * x + number
    return value


def interpolate(step: StepPlan, x: float) -> float | str:
    """Straight lines between the points of a table; nothing outside it."""
    xs, ys = step.xs, step.ys
    if not xs[0] <= x <= xs[-1]:
        return "out_of_range"
    upper = min(bisect_right(xs, x), len(xs) - 1)
    lower = upper - 1
    return ys[lower] + (ys[upper] - ys[lower]) * (x - xs[lower]) / (xs[upper] - xs[lower])
