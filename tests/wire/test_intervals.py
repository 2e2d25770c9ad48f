from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.wire.intervals import EMPTY, IntervalSet

MEMBERS = st.sets(st.integers(0, 60))


@given(MEMBERS, MEMBERS)
def test_as_sets_of_integers(left: set[int], right: set[int]) -> None:
    a, b = IntervalSet.from_numbers(left), IntervalSet.from_numbers(right)
    assert set((a | b).numbers()) == left | right
    assert set((a & b).numbers()) == left & right
    assert set((a - b).numbers()) == left - right
    assert a.count == len(left)
    assert (a.first, a.last) == ((min(left), max(left)) if left else (None, None))
    assert all((number in a) == (number in left) for number in range(-1, 62))
    assert set(a.gaps(10, 50).numbers()) == set(range(10, 51)) - left
    assert a.gaps(5, 4) == EMPTY
    for result in (a | b, a & b, a - b, a):
        pairs = list(result)
        assert all(lo <= hi for lo, hi in pairs)
        assert all(left_hi + 1 < right_lo for (_, left_hi), (right_lo, _) in itertools.pairwise(pairs))
        assert len(result) == len(pairs)


@given(MEMBERS, st.integers(0, 60), st.integers(0, 20))
def test_adding_an_interval(members: set[int], lo: int, more: int) -> None:
    added = IntervalSet.from_numbers(members).add(lo, lo + more)
    assert set(added.numbers()) == members | set(range(lo, lo + more + 1))
    assert added == IntervalSet.from_numbers(members | set(range(lo, lo + more + 1)))
    assert added.end_of(lo) is not None


@given(st.sets(st.integers(0, (1 << 64) - 1), max_size=20))
def test_bytes_come_back(members: set[int]) -> None:
    made = IntervalSet.from_numbers(members)
    assert IntervalSet.from_bytes(made.to_bytes()) == made
    assert hash(IntervalSet.from_bytes(made.to_bytes())) == hash(made)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_set_or_a_value_error(data: bytes) -> None:
    try:
        made = IntervalSet.from_bytes(data)
    except ValueError:
        return
    assert IntervalSet.from_bytes(made.to_bytes()) == made


def test_bounds() -> None:
    with pytest.raises(ValueError):
        IntervalSet.of((3, 2))
    with pytest.raises(ValueError):
        IntervalSet.of((-1, 2))
    with pytest.raises(ValueError):
        EMPTY.add(5, 4)
    with pytest.raises(ValueError, match="more than 1"):
        IntervalSet.from_bytes(IntervalSet.of((1, 2), (9, 9)).to_bytes(), max_intervals=1)
    assert "text" not in IntervalSet.of((1, 2))
    assert repr(IntervalSet.of((1, 2), (9, 9))) == "{1..2 9}"
