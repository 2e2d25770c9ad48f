"""The expression language is total: any text parses or is refused, any input gives a value or None."""

from __future__ import annotations

import math
from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.expressions import ExpressionError, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("2 ^ 3 ^ 2", 512.0),
        ("-2 ^ 2", -4.0),
        ("7 // 2 + 7 % 2", 4),
        ("a & 0x0f == 3", True),
        ("a | 16", 19),
        ("1 << 3 >> 1", 4),
        ("not b and a == 3", True),
        ("if(a > 2, 10, 1 / 0)", 10),
        ("1 / b", None),
        ("missing + 1", None),
        ("ln(0)", None),
        ("exp(1000)", None),
        ("text == 'x'", True),
        ("text * 1000000000", None),
        ("'%s' % a", None),
        ("1 << 100", None),
        ("max(a, 5) - min(a, 5)", 2),
        ("0.1 + 0.2", 0.30000000000000004),
    ],
)
def test_value(text: str, expected: object) -> None:
    environment = {"a": 3, "b": 0, "missing": None, "text": "x"}
    assert parse(text).bind(itemgetter)(environment) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1 +",
        "(1",
        "f(1)",
        "max(1)",
        "1 2",
        "a..b",
        "__import__('os')",
        "a.b.c",
        "'x",
        "1" + "+1" * 400,
        "(" * 60 + "1" + ")" * 60,
        "-" * 90 + "1",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


@given(st.text(alphabet="ab01 +-*/%^&|<>=!()'.,notdrif", max_size=60), st.floats(), st.integers(-(2**63), 2**64))
def test_total(text: str, a: float, b: int) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    environment = {
        name: (a if name.startswith("a") else b if name.startswith("b") else None) for name in expression.names
    }
    value = expression.bind(itemgetter)(environment)
    assert value is None or isinstance(value, (int, float, str, bool))
    assert not isinstance(value, float) or math.isfinite(value)
