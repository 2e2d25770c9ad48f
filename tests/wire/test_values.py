from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.wire.model import ColumnSpec, Row
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.values import Scaled, Value, parse_decimal, scaled_to_float
from device_profiles.wire.varint import from_short_ns, put_varint, read_varints, to_short_ns, varint_length
from tests.wire.strategies import INT64, UINT64


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("21.50", Scaled(2150, -2)),
        ("21.5", Scaled(215, -1)),
        ("-7999.0", Scaled(-79990, -1)),
        (" +007 ", Scaled(7, 0)),
        (".5", Scaled(5, -1)),
        ("5.", Scaled(5, 0)),
        ("1e-3", Scaled(1, -3)),
        ("1.20E+2", Scaled(120, 0)),
        ("0.000", Scaled(0, -3)),
        ("999999999999999999", Scaled(999_999_999_999_999_999, 0)),
    ],
)
def test_texts_keep_their_resolution(text: str, value: Scaled) -> None:
    parsed = parse_decimal(text)
    assert isinstance(parsed, Scaled)
    assert parsed == value


@pytest.mark.parametrize("text", ["1234567890.1234567890", "1e-31", "1e31", "-0.0", "-0"])
def test_texts_without_a_place_among_decimals_become_the_nearest_double(text: str) -> None:
    parsed = parse_decimal(text)
    assert isinstance(parsed, float)
    assert (parsed, math.copysign(1, parsed)) == (float(text), math.copysign(1, float(text)))


@pytest.mark.parametrize("text", ["", ".", "-", "nan", "inf", "1e999", "1,5", "0x1", "1_0", "1e", "--1", "\u0661"])
def test_what_is_no_finite_number(text: str) -> None:
    with pytest.raises(ValueError):
        parse_decimal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
def test_a_decimal_becomes_the_double_its_text_names(number: Decimal) -> None:
    value = parse_decimal(str(number))
    assert (value if isinstance(value, float) else scaled_to_float(value)) == float(str(number))


@given(INT64, st.integers(-30, 30))
def test_every_scaled_value_becomes_the_nearest_double(mantissa: int, exponent: int) -> None:
    assert scaled_to_float(Scaled(mantissa, exponent)) == float(f"{mantissa}e{exponent}")


VALUES = st.one_of(
    st.none(),
    st.floats(allow_nan=False),
    st.builds(Scaled, INT64, st.integers(-30, 30)),
    st.builds(Scaled, st.integers(-1000, 1000), st.integers(-3, 0)),
)


@given(st.lists(st.tuples(VALUES, VALUES), max_size=12))
def test_columns_hold_every_value_exactly(rows: list[tuple[Value | None, Value | None]]) -> None:
    specs = [ColumnSpec("a", "m"), ColumnSpec("b", "")]
    columns = columns_from_rows(specs, [Row(at, values, (1, 3)) for at, values in enumerate(rows)])
    kept: dict[tuple[str, int], Decimal | float] = {}
    for column in columns:
        assert any(value is not None for value in column.values)
        for row, value in enumerate(column.values):
            if value is None:
                continue
            assert (column.channel, row) not in kept, "columns of one channel have disjoint rows"
            exact = column.exponent is not None
            kept[column.channel, row] = Decimal(value).scaleb(column.exponent or 0) if exact else value
        flag = {"a": 1, "b": 3}[column.channel]
        assert column.flags == tuple((row, flag) for row, value in enumerate(column.values) if value is not None)
    said = {
        (channel, at): Decimal(value.mantissa).scaleb(value.exponent) if isinstance(value, Scaled) else value
        for at, values in enumerate(rows)
        for channel, value in zip("ab", values, strict=True)
        if value is not None
    }
    assert kept == said


def test_one_finest_exponent_per_column() -> None:
    rows = [Row(at, (parse_decimal(text),)) for at, text in enumerate(["21.5", "21.25", "-3"])]
    (column,) = columns_from_rows([ColumnSpec("t", "Cel")], rows)
    assert (column.exponent, column.values) == (-2, (2150, 2125, -300))


def test_rows_must_fit_their_columns() -> None:
    with pytest.raises(ValueError):
        columns_from_rows([ColumnSpec("t", "Cel")], [Row(0, (1.0, 2.0))])
    with pytest.raises(ValueError):
        columns_from_rows([ColumnSpec("t", "Cel")], [Row(0, (1.0,), (1, 2))])
    with pytest.raises(ValueError):
        columns_from_rows([ColumnSpec("t", "Cel")], [Row(0, (Scaled(1, -31),))])


@given(st.lists(UINT64, max_size=20))
def test_varints_come_back(numbers: list[int]) -> None:
    out = bytearray()
    for number in numbers:
        put_varint(out, number)
    assert read_varints(bytes(out)) == numbers
    assert len(out) == sum(map(varint_length, numbers))


@given(st.one_of(st.integers(0, (1 << 63) - 1), st.integers(0, 9 * 10**9).map(lambda s: s * 10**9)))
def test_short_nanoseconds_come_back(value_ns: int) -> None:
    assert from_short_ns(to_short_ns(value_ns)) == value_ns
    assert to_short_ns(value_ns) < 1 << 64


def test_a_whole_second_takes_five_bytes() -> None:
    assert varint_length(to_short_ns(1_760_000_000 * 10**9)) == 5
    with pytest.raises(ValueError):
        to_short_ns(-1)
    with pytest.raises(ValueError):
        to_short_ns(1 << 63)
