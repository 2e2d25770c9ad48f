"""Blocks of every shape for property tests."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.limits import INT64_MAX, INT64_MIN
from device_profiles.wire.model import (
    Anchor,
    Block,
    ClockSection,
    ClockState,
    Column,
    LossReason,
    LossRecord,
    OpenRecord,
    ProfileRef,
    TextEvent,
)

NAMES = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=12
)
INT64 = st.integers(INT64_MIN, INT64_MAX)
UINT64 = st.integers(0, (1 << 64) - 1)
AGENTS = st.from_regex(r"[a-z0-9-]{3,40}", fullmatch=True)
WALL_NS = st.one_of(st.integers(0, 1 << 61), st.integers(0, 2_000_000_000).map(lambda s: s * 10**9))
INTERVALS = st.lists(st.integers(0, 1 << 40), max_size=8).map(IntervalSet.from_numbers)
FLAGS = st.sampled_from([1, 3, 4, 9, 0, 255])


def walks(rows: int) -> st.SearchStrategy[list[int]]:
    """Mantissas as sensors make them: constant, drifting, noisy, stepped, or anything."""

    def walk(start: int, steps: list[int], scale: int) -> list[int]:
        values = [start]
        for step in steps[: rows - 1]:
            values.append(max(INT64_MIN, min(INT64_MAX, values[-1] + step * scale)))
        return values

    steps = st.one_of(
        st.just([0] * rows),
        st.integers(-5, 5).map(lambda step: [step] * rows),
        st.lists(st.integers(-3, 3), min_size=rows, max_size=rows),
        st.lists(st.integers(-100_000, 100_000), min_size=rows, max_size=rows),
    )

    def in_parts(values: list[int], scales: list[int]) -> list[int]:
        """The same walk, each fourth of it in another resolution."""
        return [
            max(INT64_MIN, min(INT64_MAX, value * scales[4 * row // len(values)])) for row, value in enumerate(values)
        ]

    walked = st.builds(walk, st.integers(-(10**9), 10**9), steps, st.sampled_from([1, 1, 5, 75, 1 << 40]))
    scales = st.lists(st.sampled_from([1, 2, 1000, 10**6, 1 << 60]), min_size=4, max_size=4)
    return st.one_of(walked, st.builds(in_parts, walked, scales), st.lists(INT64, min_size=rows, max_size=rows))


@st.composite
def columns(draw: Any, rows: int) -> Column:
    exponent = draw(st.one_of(st.none(), st.integers(-30, 30)))
    values: list[Any]
    if exponent is None:
        values = draw(st.lists(st.floats(allow_nan=False), min_size=rows, max_size=rows))
    else:
        values = draw(walks(rows))
    if draw(st.booleans()):
        gone = draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
        values = [None if missing else value for value, missing in zip(values, gone, strict=True)]
    flagged = draw(st.lists(st.integers(0, rows - 1), unique=True, max_size=3))
    flags = tuple((row, draw(FLAGS)) for row in sorted(flagged) if values[row] is not None)
    return Column(draw(NAMES), draw(st.one_of(st.just(""), NAMES)), exponent, tuple(values), flags)


def times(rows: int) -> st.SearchStrategy[list[int]]:
    regular = st.builds(
        lambda start, step: [start + step * row for row in range(rows)],
        st.integers(0, 1 << 60),
        st.sampled_from([0, 1, 10**6, 60 * 10**9]),
    )
    return st.one_of(regular, st.lists(st.integers(0, 1 << 62), min_size=rows, max_size=rows))


@st.composite
def blocks(draw: Any, max_rows: int = 70) -> Block:
    rows = draw(st.one_of(st.integers(0, 6), st.integers(0, max_rows)))
    clock = ClockSection(
        draw(st.binary(min_size=8, max_size=8)),
        draw(WALL_NS),
        draw(WALL_NS),
        draw(st.sampled_from(ClockState)),
        draw(st.integers(0, 1 << 60)),
    )
    texts = st.builds(TextEvent, NAMES, st.integers(0, 1 << 62), st.text(max_size=20))
    losses = st.builds(
        LossRecord, st.sampled_from(LossReason), UINT64, INTERVALS, UINT64, st.one_of(st.just(""), NAMES), INT64, INT64
    )
    ids = st.binary(min_size=16, max_size=16)
    anchors = st.builds(Anchor, st.binary(min_size=8, max_size=8), UINT64, INT64, UINT64, st.sampled_from(ClockState))
    opened = st.builds(OpenRecord, UINT64, UINT64, ids, ids, st.text(max_size=20))
    return Block(
        agent=draw(AGENTS),
        segment=draw(st.integers(1, (1 << 64) - 1)),
        ordinal=draw(st.integers(0, (1 << 32) - 1)),
        seq=draw(st.integers(1, (1 << 64) - 1)),
        device=draw(NAMES),
        readings_total=draw(UINT64),
        previous=draw(st.binary(min_size=8, max_size=8)),
        profile=ProfileRef(draw(NAMES), draw(st.integers(0, (1 << 32) - 1)), draw(st.binary(min_size=8, max_size=8))),
        clock=clock,
        times_ns=tuple(draw(times(rows))),
        columns=tuple(draw(st.lists(columns(rows), max_size=4))) if rows else (),
        texts=tuple(draw(st.lists(texts, max_size=2))),
        losses=tuple(draw(st.lists(losses, max_size=2))),
        anchors=tuple(draw(st.lists(anchors, max_size=2))),
        opened=draw(st.one_of(st.none(), opened)),
        signature=draw(st.one_of(st.just(b""), st.binary(max_size=64))),
    )


def same(left: Block, right: Block) -> bool:
    """Equal to the last bit: ``-0.0`` is not ``0.0`` here."""
    return left == right and _bits(left) == _bits(right)


def _bits(block: Block) -> list[bytes]:
    doubles = (column.values for column in block.columns if column.exponent is None)
    return [struct.pack("<d", value) for values in doubles for value in values if value is not None]
