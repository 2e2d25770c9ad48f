"""The transforms on whole columns: the same plans as `channels.apply`, the same numbers to the last bit.

Plain arithmetic runs in numpy, which rounds as Python does; formulas and derived channels run value by value, because
numpy's logarithms may differ in the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from device_profiles.engine.channels import ChannelPlan
from device_profiles.engine.profile import Profile
from device_profiles.engine.steps import LOOP_HIGH_MA, LOOP_LOW_MA, Environment, StepPlan, resolve, run_steps
from device_profiles.quality import Flag
from device_profiles.units import UnitError, converter

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.uint8]
_EXACT: Final = 2**53


@dataclass(frozen=True, slots=True)
class Column:
    """A run of numbers of one channel as they came over the wire.

    Attributes:
        values: Mantissas as int64, or doubles where ``exponent`` is None.
        exponent: Decimal exponent.
        unit: UCUM code as sent.
        flags: QARTOD flag of each; MISSING and FAIL rows carry no number.
    """

    values: npt.NDArray[Any]
    exponent: int | None
    unit: str
    flags: Flags


def apply_columns(
    profile: Profile, columns: Mapping[str, Column], parameters: Mapping[str, float | str] | None = None
) -> dict[str, tuple[Floats, Flags]]:
    """Values and flags of every channel that follows from the columns.

    Args:
        profile: Of the device.
        columns: Equally long, row by row of the same instants.
        parameters: Valid for all rows: split runs where a dated parameter changes.

    Returns:
        By channel, in dependency order; NaN where the flag is MISSING or FAIL.
    """
    given = profile.parameters() if parameters is None else parameters
    environment: dict[str, Any] = {f"param.{name}": value for name, value in given.items()}
    found: dict[str, tuple[Floats, Flags]] = {}
    for name, plan in profile.channels.items():
        if plan.on_wire:
            if name in columns:
                found[name] = _from_wire(plan, columns[name], environment)
        else:
            inputs = plan.inputs if plan.derived is not None else (plan.source,)
            if all(item in found for item in inputs):
                found[name] = _computed(plan, inputs, found, environment)
    return found


def _from_wire(plan: ChannelPlan, column: Column, environment: Environment) -> tuple[Floats, Flags]:
    flags = column.flags.copy()
    gone = (flags == Flag.MISSING) | (flags == Flag.FAIL)
    with np.errstate(all="ignore"):
        values = _numbers(plan, column)
        if values is None:
            flags[~gone] = Flag.MISSING
            return np.full(len(flags), np.nan), flags
        values = _steps(plan.steps, values, environment)
    values[gone] = np.nan
    flags[~gone & ~np.isfinite(values)] = Flag.MISSING
    return values, flags


def _numbers(plan: ChannelPlan, column: Column) -> Floats | None:
    whole = column.exponent is not None
    raw = column.values
    if plan.residual is not None and column.unit == plan.wire_unit:
        scale, offset, divisor = plan.residual
        exact = whole and not column.exponent and _fits(raw, scale, offset) and abs(divisor) < _EXACT
        if exact:
            return (raw.astype(np.int64) * scale + offset).astype(np.float64) / divisor
        return np.array([_scalar(plan, item, column) for item in raw.tolist()], dtype=np.float64)
    values = _decimal(raw, column.exponent)
    if column.unit == plan.wire_unit:
        target = plan.unit if not plan.steps and plan.residual is None else plan.wire_unit
    else:
        target = plan.unit if plan.residual is not None else plan.wire_unit
    if column.unit == target:
        return values
    try:
        convert = converter(column.unit, target)
    except UnitError:
        return None
    return np.asarray(convert(values), dtype=np.float64)  # type: ignore[arg-type]


def _fits(raw: npt.NDArray[Any], scale: int, offset: int) -> bool:
    largest = int(np.abs(raw).max(initial=0))
    return largest * abs(scale) + abs(offset) < _EXACT


def _scalar(plan: ChannelPlan, mantissa: float, column: Column) -> float:
    scale, offset, divisor = plan.residual or (1, 0, 1)
    value = mantissa if not column.exponent else float(_decimal(np.array([mantissa]), column.exponent)[0])
    return (value * scale + offset) / divisor


def _decimal(raw: npt.NDArray[Any], exponent: int | None) -> Floats:
    if exponent is None or exponent == 0:
        return raw.astype(np.float64)
    if abs(exponent) <= 22 and _fits(raw, 1, 0):
        # Both operands are exact doubles, so the quotient is rounded once, as in the scalar way.
        powers = float(10 ** abs(exponent))
        return raw.astype(np.float64) / powers if exponent < 0 else raw.astype(np.float64) * powers
    ten = 10 ** abs(exponent)
    listed = [int(item) / ten if exponent < 0 else float(int(item) * ten) for item in raw.tolist()]
    return np.array(listed, dtype=np.float64)


def _steps(steps: tuple[StepPlan, ...], values: Floats, environment: Environment) -> Floats:
    for step in steps:
        values = _step(step, values, environment)
    return values


def _step(step: StepPlan, x: Floats, environment: Environment) -> Floats:  # noqa: PLR0911 - one return a kind
    if step.kind == "choose":
        chosen = environment.get(f"param.{step.parameter}")
        if chosen is None or step.cases is None or chosen not in step.cases:
            return np.full(len(x), np.nan)
        return _steps(step.cases[chosen], x, environment)
    if step.kind in ("formula", "table"):
        outcomes = [run_steps((step,), item, environment) for item in x.tolist()]
        return np.array([np.nan if isinstance(item, str) else item for item in outcomes], dtype=np.float64)
    numbers = resolve(step.coefficients, environment)
    if numbers is None:
        return np.full(len(x), np.nan)
    if step.kind == "affine":
        return numbers[0] * x + numbers[1]
    if step.kind == "loop":
        inside = numbers[0] + (numbers[1] - numbers[0]) * (x - 4) / 16
        return np.where((x >= LOOP_LOW_MA) & (x <= LOOP_HIGH_MA), inside, np.nan)
    value = np.zeros(len(x))
    for number in reversed(numbers):
        value = value * x + number
    return value


def _computed(
    plan: ChannelPlan,
    inputs: tuple[str, ...],
    found: Mapping[str, tuple[Floats, Flags]],
    environment: Mapping[str, Any],
) -> tuple[Floats, Flags]:
    rows = len(found[inputs[0]][0])
    flags = np.full(rows, Flag.UNKNOWN, dtype=np.uint8)
    for item in inputs:
        flags[found[item][1] == Flag.SUSPECT] = Flag.SUSPECT
    if plan.derived is None:
        with np.errstate(all="ignore"):
            values = _steps(plan.steps, found[inputs[0]][0].copy(), environment)
    else:
        values = np.full(rows, np.nan)
        lists = [found[item][0].tolist() for item in inputs]
        if all(environment.get(item) is not None for item in plan.parameters):
            for row, numbers in enumerate(zip(*lists, strict=True)):
                result = plan.derived({**environment, **dict(zip(inputs, numbers, strict=True))})
                values[row] = np.nan if result is None or isinstance(result, str) else float(result)
    for item in inputs:
        values[~np.isfinite(found[item][0])] = np.nan
    flags[~np.isfinite(values)] = Flag.MISSING
    return values, flags
