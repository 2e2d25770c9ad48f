"""What a formula measures: dimensions and sizes of units followed through it, as far as plain numbers let them be.

A number in a formula may stand for anything (`0.18 * x` may turn counts into metres), so whatever it multiplies is of
unknown dimension afterwards. What is left still finds temperatures added to humidities, metres added to millimetres,
and a product of volts and milliamperes called watts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from device_profiles.expressions import Expression
from device_profiles.units import UNITS

_BASES: Final[Mapping[str, Mapping[str, int]]] = {
    "number": {},
    "mass fraction": {},
    "length": {"m": 1},
    "time": {"s": 1},
    "mass": {"kg": 1},
    "current": {"A": 1},
    "speed": {"m": 1, "s": -1},
    "acceleration": {"m": 1, "s": -2},
    "angular speed": {"angle": 1, "s": -1},
    "frequency": {"s": -1},
    "frequency squared": {"s": -2},
    "mass by frequency squared": {"kg": 1, "s": 2},
    "length by mass": {"m": 1, "kg": -1},
    "pressure": {"kg": 1, "m": -1, "s": -2},
    "force": {"kg": 1, "m": 1, "s": -2},
    "energy": {"kg": 1, "m": 2, "s": -2},
    "power": {"kg": 1, "m": 2, "s": -3},
    "apparent power": {"kg": 1, "m": 2, "s": -3},
    "reactive power": {"kg": 1, "m": 2, "s": -3},
    "irradiance": {"kg": 1, "s": -3},
    "voltage": {"kg": 1, "m": 2, "s": -3, "A": -1},
    "resistance": {"kg": 1, "m": 2, "s": -3, "A": -2},
    "charge": {"A": 1, "s": 1},
    "conductivity": {"kg": -1, "m": -3, "s": 3, "A": 2},
    "magnetic field": {"kg": 1, "s": -2, "A": -1},
    "volume": {"m": 3},
    "flow": {"m": 3, "s": -1},
    "density": {"kg": 1, "m": -3},
    "number density": {"m": -3},
    "dose rate": {"m": 2, "s": -3},
}
"""Dimensions of the table of units in base units; all others are bases of their own."""

Vector = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a part of a formula measures.

    Attributes:
        dimension: Powers of base units; None when plain numbers hide it.
        factor: Base units in one of it; None when not known.
        words: For messages.
    """

    dimension: Vector | None
    factor: float | None
    words: str


ANYTHING: Final = Measure(None, None, "a plain number")
Report = Callable[[str], None]


def of_unit(code: str) -> Measure:
    """The measure of a UCUM code; of one that is not in the table nothing is known."""
    unit = UNITS.get(code)
    if unit is None:
        return ANYTHING
    bases = _BASES.get(unit.dimension, {unit.dimension: 1})
    return Measure(tuple(sorted((base, float(power)) for base, power in bases.items())), unit.factor, code)


def infer(expression: Expression, names: Mapping[str, Measure], report: Report) -> Measure:
    """What an expression measures.

    Args:
        expression: Parsed.
        names: What each name measures; a name that is missing may be anything.
        report: Is told of every contradiction, in words.
    """
    return _Walk(names, report).node(expression.node)


def same(first: Measure, second: Measure) -> bool:
    """Whether nothing is known that tells them apart in dimension."""
    return first.dimension is None or second.dimension is None or first.dimension == second.dimension


def same_size(first: Measure, second: Measure) -> bool:
    """Whether nothing is known that tells them apart in size, such as metres and millimetres."""
    if first.factor is None or second.factor is None or not same(first, second):
        return True
    return abs(first.factor - second.factor) <= 1e-9 * abs(first.factor)


class _Walk:
    def __init__(self, names: Mapping[str, Measure], report: Report) -> None:
        self.names = names
        self.report = report

    def node(self, node: tuple[Any, ...]) -> Measure:  # noqa: PLR0911 - one return a kind of node
        kind = node[0]
        if kind == "const":
            return ANYTHING
        if kind == "name":
            return self.names.get(node[1], ANYTHING)
        if kind == "call":
            return self.call(node[1], [self.node(item) for item in node[2:]])
        if kind == "neg":
            return self.node(node[1])
        if kind == "not":
            self.node(node[1])
            return ANYTHING
        first, second = self.node(node[1]), self.node(node[2])
        if kind in ("*", "/", "//"):
            return _product(first, second, 1 if kind == "*" else -1)
        if kind == "^":
            return _power(first, node[2])
        if kind in ("+", "-", "%"):
            return self.alike(first, second, {"+": "adds", "-": "subtracts", "%": "divides"}[kind])
        if kind in ("==", "!=", "<", "<=", ">", ">="):
            self.alike(first, second, "compares")
        return ANYTHING

    def alike(self, first: Measure, second: Measure, verb: str) -> Measure:
        """Two that must measure the same; gives the one of which more is known."""
        if not same(first, second):
            self.report(f"{verb} {first.words} and {second.words}, which do not measure the same")
            return ANYTHING
        if not same_size(first, second):
            self.report(f"{verb} {first.words} and {second.words} without converting one of them")
            return ANYTHING
        return second if first.dimension is None else first

    def call(self, word: str, given: list[Measure]) -> Measure:  # noqa: PLR0911 - one return a kind of function
        first = given[0]
        if word in ("min", "max"):
            return self.alike(first, given[1], "compares")
        if word == "if":
            return self.alike(given[1], given[2], "chooses between")
        if word in ("abs", "floor", "round"):
            return first
        if word == "sqrt":
            return _root(first)
        if word == "atan2":
            self.alike(first, given[1], "takes the angle of")
            return of_unit("rad")
        if word == "pow":
            return ANYTHING
        wanted = {"degrees": "rad", "radians": "deg", "sin": "rad", "cos": "rad"}.get(word, "1")
        if word in ("exp", "ln", "log10") and first.dimension:
            self.report(f"takes {word} of {first.words}; only a plain number has one")
        elif word in ("sin", "cos", "degrees", "radians") and first.dimension not in (None, ()):
            expected = of_unit(wanted)
            if not same(first, expected) or not same_size(first, expected):
                self.report(f"takes {word} of {first.words}, which is not in {wanted}")
        return of_unit({"degrees": "deg", "radians": "rad"}.get(word, "1"))


def _product(first: Measure, second: Measure, sign: int) -> Measure:
    if first.dimension is None or second.dimension is None or first.factor is None or second.factor is None:
        return ANYTHING
    powers = dict(first.dimension)
    for base, power in second.dimension:
        powers[base] = powers.get(base, 0.0) + sign * power
    kept = tuple(sorted((base, power) for base, power in powers.items() if power))
    return Measure(kept, first.factor * second.factor**sign, f"{first.words} {'x' if sign > 0 else '/'} {second.words}")


def _power(base: Measure, exponent: tuple[Any, ...]) -> Measure:
    if base.dimension is None or base.factor is None or exponent[0] != "const":
        return ANYTHING
    power = float(exponent[1])
    scaled = tuple((name, value * power) for name, value in base.dimension if power)
    return Measure(scaled, base.factor**power, f"{base.words} to the power of {exponent[1]}")


def _root(of: Measure) -> Measure:
    if of.dimension is None or of.factor is None:
        return ANYTHING
    return Measure(tuple((name, value / 2) for name, value in of.dimension), of.factor**0.5, f"the root of {of.words}")
