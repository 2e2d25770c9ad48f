"""A small total expression language: arithmetic over named values, without loops, assignments or I/O.

Grammar, loosest first: ``or``, ``and``, ``not``, comparisons, ``|``, ``&``, ``<< >>``, ``+ -``, ``* / // %``,
unary minus, ``^`` (power). Functions are those of `FUNCTIONS` and ``if(condition, then, else)``. Names are
fields or channels, and ``param.name`` for a parameter. Integers stay integers except under ``/`` and functions. An
expression that has no result (division by zero, a missing input, a domain error) gives None; it never raises.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_NODES: Final = 200
MAX_DEPTH: Final = 40

Number = int | float
Operand = int | float | str | None
Getter = Callable[[Any], Any]
Node = tuple[Any, ...]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)?)"
    r"|(?P<text>'[^']*')|(?P<op><<|>>|<=|>=|==|!=|//|[-+*/%^&|<>(),]))"
)
_LEVELS: Final[tuple[tuple[str, ...], ...]] = (
    ("or",),
    ("and",),
    ("not",),
    ("==", "!=", "<=", ">=", "<", ">"),
    ("|",),
    ("&",),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "//", "%"),
)


class ExpressionError(ValueError):
    """The text is not an expression; the message says where."""


def _shift(function: Callable[[int, int], int]) -> Callable[[int, int], int]:
    def shifted(value: int, count: int) -> int:
        if not 0 <= count <= 64:
            raise ValueError("shift out of 0..64")
        return function(value, count)

    return shifted


def _numeric(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Refuse text: ``'a' * 10 ** 9`` would be a gigabyte, ``'%s' % x`` a format."""

    def checked(left: Operand, right: Operand) -> Any:  # noqa: ANN401
        if left.__class__ is str or right.__class__ is str:
            raise TypeError("text is not a number")
        return function(left, right)

    return checked


def _power(base: float, exponent: float) -> float:
    return math.pow(base, exponent)


_BINARY: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "|": operator.or_,
    "&": operator.and_,
    "<<": _shift(operator.lshift),
    ">>": _shift(operator.rshift),
    "+": _numeric(operator.add),
    "-": operator.sub,
    "*": _numeric(operator.mul),
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": _numeric(operator.mod),
    "^": _power,
}

FUNCTIONS: Final[Mapping[str, tuple[int, Callable[..., Any]]]] = {
    "abs": (1, abs),
    "min": (2, min),
    "max": (2, max),
    "floor": (1, math.floor),
    "round": (1, round),
    "sqrt": (1, math.sqrt),
    "exp": (1, math.exp),
    "ln": (1, math.log),
    "log10": (1, math.log10),
    "sin": (1, math.sin),
    "cos": (1, math.cos),
    "atan2": (2, math.atan2),
    "pow": (2, _power),
    "degrees": (1, math.degrees),
    "radians": (1, math.radians),
}
"""Name to number of arguments and function. Angles in radians."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: As written.
        node: Syntax tree of tuples.
        names: Every name it reads.
    """

    text: str
    node: Node
    names: tuple[str, ...]

    def bind(self, resolve: Callable[[str], Getter]) -> Callable[[Any], Any]:
        """A function of one environment, in which ``resolve(name)`` knows how to find a name.

        Returns:
            Function that gives a number, text or truth value, or None where the expression has no result.
        """
        inner = _compile(self.node, resolve)

        def evaluate(environment: Any) -> Any:  # noqa: ANN401 - the environment is the resolver's affair
            try:
                value = inner(environment)
            except (TypeError, ValueError, ZeroDivisionError, OverflowError):
                return None
            if value.__class__ is float and not math.isfinite(value):
                return None
            return value

        return evaluate


def parse(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ExpressionError: It is not one, or larger than 200 nodes or 40 levels.
    """
    parser = _Parser(text)
    node = parser.level(0, 0)
    if parser.word is not None:
        raise ExpressionError(f"unexpected {parser.word!r} in {text!r}")
    return Expression(text, node, tuple(dict.fromkeys(parser.names)))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise ExpressionError(f"cannot read {stripped[position:].strip()[:12]!r} in {text!r}")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.position = 0
        self.nodes = 0
        self.names: list[str] = []

    @property
    def word(self) -> str | None:
        return self.tokens[self.position][1] if self.position < len(self.tokens) else None

    def take(self, expected: str | None = None) -> tuple[str, str]:
        if self.position >= len(self.tokens):
            raise ExpressionError(f"{self.text!r} ends too early")
        kind, word = self.tokens[self.position]
        if expected is not None and word != expected:
            raise ExpressionError(f"expected {expected!r}, found {word!r} in {self.text!r}")
        self.position += 1
        self.nodes += 1
        if self.nodes > 2 * MAX_NODES:
            raise ExpressionError(f"expression longer than {MAX_NODES} nodes")
        return kind, word

    def level(self, level: int, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ExpressionError(f"expression deeper than {MAX_DEPTH} levels")
        if level == len(_LEVELS):
            return self.unary(depth)
        operators = _LEVELS[level]
        if operators == ("not",):
            if self.word == "not":
                self.take()
                return ("not", self.level(level, depth + 1))
            return self.level(level + 1, depth)
        node = self.level(level + 1, depth)
        while self.word in operators and self.tokens[self.position][0] != "text":
            _, symbol = self.take()
            node = (symbol, node, self.level(level + 1, depth))
        return node

    def unary(self, depth: int) -> Node:
        if self.word == "-":
            self.take()
            return ("neg", self.unary(depth + 1) if depth < MAX_DEPTH else self.fail_depth())
        base = self.atom(depth)
        if self.word == "^":
            self.take()
            return ("^", base, self.unary(depth + 1) if depth < MAX_DEPTH else self.fail_depth())
        return base

    def fail_depth(self) -> Node:
        raise ExpressionError(f"expression deeper than {MAX_DEPTH} levels")

    def atom(self, depth: int) -> Node:
        kind, word = self.take()
        if kind == "number":
            return ("const", int(word, 0) if word[:2].lower() == "0x" else int(word) if word.isdigit() else float(word))
        if kind == "text":
            return ("const", word[1:-1])
        if word == "(":
            node = self.level(0, depth + 1)
            self.take(")")
            return node
        if kind != "name" or word in {"and", "or", "not"}:
            raise ExpressionError(f"unexpected {word!r} in {self.text!r}")
        if self.word == "(":
            return self.call(word, depth)
        self.names.append(word)
        return ("name", word)

    def call(self, word: str, depth: int) -> Node:
        self.take("(")
        arguments = [self.level(0, depth + 1)]
        while self.word == ",":
            self.take()
            arguments.append(self.level(0, depth + 1))
        self.take(")")
        wanted = 3 if word == "if" else FUNCTIONS[word][0] if word in FUNCTIONS else -1
        if wanted < 0:
            raise ExpressionError(f"no function {word!r}; there are {', '.join(sorted([*FUNCTIONS, 'if']))}")
        if len(arguments) != wanted:
            raise ExpressionError(f"{word}() takes {wanted} values, not {len(arguments)}")
        return ("call", word, *arguments)


def _compile(node: Node, resolve: Callable[[str], Getter]) -> Getter:  # noqa: PLR0911 - one return a kind of node
    kind = node[0]
    if kind == "const":
        value = node[1]
        return lambda _environment: value
    if kind == "name":
        return resolve(node[1])
    if kind == "call":
        return _compile_call(node[1], [_compile(argument, resolve) for argument in node[2:]])
    first = _compile(node[1], resolve)
    if kind == "neg":
        return lambda environment: -first(environment)
    if kind == "not":
        return lambda environment: not first(environment)
    second = _compile(node[2], resolve)
    if kind == "and":
        return lambda environment: first(environment) and second(environment)
    if kind == "or":
        return lambda environment: first(environment) or second(environment)
    function = _BINARY[kind]
    return lambda environment: function(first(environment), second(environment))


def _compile_call(word: str, arguments: list[Getter]) -> Getter:
    if word == "if":
        condition, then, otherwise = arguments
        return lambda environment: then(environment) if condition(environment) else otherwise(environment)
    function = FUNCTIONS[word][1]
    if len(arguments) == 1:
        (only,) = arguments
        return lambda environment: function(only(environment))
    first, second = arguments
    return lambda environment: function(first(environment), second(environment))
