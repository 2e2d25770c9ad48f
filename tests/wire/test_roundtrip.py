from __future__ import annotations

import dataclasses
import math
import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.wire.bulk import Batch, decode_many
from device_profiles.wire.decode import decode, read_header, verify
from device_profiles.wire.digest import block_digest, chain, computed_digest
from device_profiles.wire.encode import encode, restamp
from device_profiles.wire.model import NOT_EVALUATED, Block, Column, Encoding, TextEvent
from device_profiles.wire.packing import pack
from device_profiles.wire.unpacking import unpack
from device_profiles.wire.values import Scaled, scaled_to_float
from tests.wire.make_vectors import samples
from tests.wire.samples import NOW_NS, weather
from tests.wire.strategies import blocks, same, walks


@settings(deadline=None)
@given(block=blocks(), compression=st.sampled_from(Encoding))
def test_any_block_comes_back_bit_for_bit(block: Block, compression: Encoding) -> None:
    data = encode(block, compression=compression)
    assert same(decode(data), block)
    header = verify(data, block.agent)
    assert header == read_header(data)
    assert header.key == (block.agent, block.segment, block.seq)
    assert (header.rows, header.readings) == (len(block.times_ns), block.readings)
    assert (header.ordinal, header.device, header.previous) == (block.ordinal, block.device, block.previous)
    assert header.records == bool(block.losses or block.anchors or block.opened)
    assert header.digest == block_digest(data) == computed_digest(data)
    assert header.supported


Reading = tuple[int, tuple[object, ...], int, bytes, int, int]
"""Block, series key, time, the double's bytes, mantissa, flag."""


def expected(many: list[Block]) -> list[Reading]:
    """What a batch of these blocks must hold, reading by reading, from the plain decoder's point of view."""
    readings: list[Reading] = []
    for index, block in enumerate(many):
        for column in block.columns:
            flags = dict(column.flags)
            for row, value in enumerate(column.values):
                if value is None:
                    continue
                exact = column.exponent is not None
                double = scaled_to_float(Scaled(int(value), column.exponent or 0)) if exact else float(value)
                readings.append(
                    (
                        index,
                        (block.agent, block.device, block.profile, column.channel, column.unit, column.exponent),
                        block.times_ns[row],
                        struct.pack("<d", double),
                        int(value) if exact else 0,
                        flags.get(row, NOT_EVALUATED),
                    )
                )
    return readings


def found(batch: Batch) -> list[Reading]:
    keys = [(s.agent, s.device, s.profile, s.channel, s.unit, s.exponent) for s in batch.series_table]
    return [
        (block, keys[series], time, struct.pack("<d", value), mantissa, flag)
        for block, series, time, value, mantissa, flag in zip(
            batch.block.tolist(),
            batch.series.tolist(),
            batch.observed_at_ns.tolist(),
            batch.value.tolist(),
            batch.mantissa.tolist(),
            batch.flag.tolist(),
            strict=True,
        )
    ]


@settings(deadline=None)
@given(many=st.lists(blocks(), max_size=6))
def test_bulk_gives_what_the_plain_decoder_gives(many: list[Block]) -> None:
    batch = decode_many([encode(block) for block in many])
    assert not batch.rejected
    assert found(batch) == expected(many)
    for block, info in zip(many, batch.blocks, strict=True):
        assert info is not None
        assert (info.profile, info.clock, info.texts) == (block.profile, block.clock, block.texts)
        assert (info.losses, info.anchors, info.opened) == (block.losses, block.anchors, block.opened)
        assert info.header.key == (block.agent, block.segment, block.seq)


def test_bulk_keeps_its_types_when_there_is_nothing() -> None:
    batch = decode_many([])
    kinds = [batch.block.dtype, batch.series.dtype, batch.observed_at_ns.dtype, batch.value.dtype, batch.mantissa.dtype]
    assert kinds == [np.int32, np.int32, np.int64, np.float64, np.int64]
    assert batch.flag.dtype == np.uint8


def test_bulk_spans_several_groups() -> None:
    many = [weather(seq, 256) for seq in range(1, 201)]
    batch = decode_many([encode(block) for block in many])
    assert found(batch) == expected(many)


@given(columns=st.integers(1, 280).flatmap(lambda rows: st.lists(walks(rows), min_size=1, max_size=4)))
@settings(deadline=None)
def test_packing_is_exact_over_the_whole_range(columns: list[list[int]]) -> None:
    with_time = [list(range(len(columns[0]))), *columns]
    assert unpack([len(column) for column in with_time], *pack(with_time)) == with_time


def test_packing_takes_columns_of_any_length() -> None:
    columns = [[0], [], [7], [-1, 1], [5] * 65, list(range(66)), [(-2) ** n for n in range(63)]]
    assert unpack([len(column) for column in columns], *pack(columns)) == columns


def test_only_blocks_whose_steps_change_need_the_second_version() -> None:
    """An older collector reads what it can, and holds the rest."""
    changing, steady = samples()["steps"][1], samples()["windows"][1]
    assert [read_header(encode(block)).version for block in (changing, steady)] == [2, 1]


def test_a_resolution_that_changes_costs_what_each_part_costs() -> None:
    """Six decimals by night do not make the day's three cost as much as six."""
    rng = random.Random(1)
    night, day = [rng.randrange(20) for _ in range(129)], [rng.randrange(200_000) for _ in range(128)]
    times = list(range(257))
    apart = len(pack([times[:129], night]).run) + len(pack([times[:128], day]).run)
    mixed = [*night, *(1000 * value for value in day)]
    assert len(pack([times, mixed]).run) < apart + 64 * 10 // 8, "the window across the change alone is dear"


def test_a_cadence_and_a_constant_cost_next_to_nothing() -> None:
    small = len(encode(weather(rows=1)))
    steady = dataclasses.replace(weather(rows=256), columns=(Column("air_pressure", "hPa", -2, (101_325,) * 256),))
    assert len(encode(steady)) < small + 12


def test_restamp_changes_identity_and_nothing_else() -> None:
    original = weather()
    other = decode(restamp(encode(original), agent="other", segment=5, seq=9, readings_total=1, previous=bytes(8)))
    assert other == dataclasses.replace(original, agent="other", segment=5, seq=9, readings_total=1, previous=bytes(8))


def test_chain_is_the_start_of_the_digest() -> None:
    data = encode(weather())
    assert chain(block_digest(data)) == block_digest(data)[:8]


@pytest.mark.parametrize(
    "changes",
    [
        {"agent": "No"},
        {"agent": "a/+"},
        {"segment": 0},
        {"segment": 1 << 64},
        {"seq": 0},
        {"device": ""},
        {"device": "tab\there"},
        {"device": "x" * 129},
        {"previous": b"short"},
        {"signature": bytes(65)},
        {"times_ns": (1 << 63,) * 16},
        {"times_ns": ()},
        {"columns": (Column("a", "m", 0, (1,)),)},
        {"columns": (Column("a", "m", 31, (1,) * 16),)},
        {"columns": (Column("a", "m", 0, (1 << 63,) * 16),)},
        {"columns": (Column("a", "m", 0, (1.5,) * 16),)},
        {"columns": (Column("a", "m", 0, (None,) * 16, ((0, 4),)),)},
        {"columns": (Column("a", "m", 0, (1,) * 16, ((16, 4),)),)},
        {"columns": (Column("a\nb", "m", 0, (1,) * 16),)},
        {"columns": tuple(Column(f"c{n}", "m", 0, (n,) * 16) for n in range(5000))},
        {"texts": (TextEvent("c", NOW_NS, "x" * 5000),)},
        {"texts": (TextEvent("c", NOW_NS, "x" * 4000),) * 300},
        {"columns": tuple(Column(f"{n:0100}", "m" * 100, 0, (n,) * 16) for n in range(500))},
    ],
    ids=str,
)
def test_a_block_that_breaks_a_limit_is_not_encoded(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        encode(dataclasses.replace(weather(), **changes))  # type: ignore[arg-type]


def test_too_many_bytes_are_refused_rather_than_published() -> None:
    noise = tuple(math.sin(n * n) for n in range(16_000))
    with pytest.raises(ValueError, match="seal fewer rows"):
        encode(dataclasses.replace(weather(rows=16_000), columns=(Column("noise", "1", None, noise),)))


def test_a_double_keeps_every_bit_even_of_a_nan() -> None:
    patterns = [0x7FF8_0000_0000_0001, 0xFFF8_DEAD_BEEF_0001, 1 << 63, 1, 0x7FEF_FFFF_FFFF_FFFF, 0]
    doubles = struct.unpack("<6d", struct.pack("<6Q", *patterns))
    block = dataclasses.replace(weather(rows=6), columns=(Column("odd", "1", None, doubles),))
    data = encode(block)
    assert struct.pack("<6d", *decode(data).columns[0].values) == struct.pack("<6Q", *patterns)
    assert decode_many([data]).value.tobytes() == struct.pack("<6Q", *patterns)


@pytest.mark.parametrize("encoding", [Encoding.ZSTD, Encoding.ZLIB])
@pytest.mark.parametrize("rows", [20, 600, 7000])
def test_large_bodies_come_back(rows: int, encoding: Encoding) -> None:
    """Sizes on both sides of what one, two and four bytes of a zstd frame's size field hold."""
    coarse = tuple(math.sin(row // 40) for row in range(rows))
    columns = tuple(Column(f"c{n}", "1", None, coarse) for n in range(9))
    block = dataclasses.replace(weather(rows=rows), columns=columns)
    data = encode(block, compression=encoding)
    assert decode(data) == block
    assert found(decode_many([data])) == expected([block])
