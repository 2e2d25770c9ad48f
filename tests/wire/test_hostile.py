"""Any bytes give a block or a `BlockRejected`, both decoders agree, and nothing allocates what a limit forbids."""

from __future__ import annotations

import dataclasses
import random
import tracemalloc
import zlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.wire import block_pb2 as pb
from device_profiles.wire.bulk import decode_many
from device_profiles.wire.compression import deflate
from device_profiles.wire.decode import BlockRejected, RejectReason, decode, read_header, verify
from device_profiles.wire.dictionary import DICTIONARY_1
from device_profiles.wire.digest import COVERED_FROM, seal
from device_profiles.wire.encode import encode
from device_profiles.wire.limits import MAX_BLOCK_BYTES, MAX_BODY_BYTES
from device_profiles.wire.model import Anchor, Block, ClockState, Column, Encoding, TextEvent
from tests.wire.make_vectors import samples
from tests.wire.samples import NOW_NS, weather
from tests.wire.strategies import blocks
from tests.wire.test_roundtrip import expected, found


def rejection(data: bytes, agent: str | None = None) -> BlockRejected:
    with pytest.raises(BlockRejected) as caught:
        decode(data, agent)
    return caught.value


def outcome(data: bytes) -> Block | RejectReason:
    try:
        return decode(data)
    except BlockRejected as exc:
        return exc.reason


def agree(many: list[bytes]) -> None:
    """Bulk gives the plain decoder's readings and the plain decoder's rejections."""
    batch = decode_many(many)
    outcomes = [outcome(data) for data in many]
    good = {index: what for index, what in enumerate(outcomes) if isinstance(what, Block)}
    assert {index: exc.reason for index, exc in batch.rejected.items()} == {
        index: what for index, what in enumerate(outcomes) if not isinstance(what, Block)
    }
    places = dict(enumerate(good))
    wanted = [(places[number], *rest) for number, *rest in expected(list(good.values()))]
    assert found(batch) == wanted
    assert [info is not None for info in batch.blocks] == [isinstance(what, Block) for what in outcomes]


def rich() -> Block:
    """A block with something of everything."""
    plain = weather(rows=70)
    gappy = Column("gappy", "m", -3, tuple(None if row % 3 else row * 1234567 for row in range(70)), ((0, 4), (3, 1)))
    doubles = Column("double", "1", None, tuple(row / 3 if row % 2 else None for row in range(70)))
    return dataclasses.replace(
        plain,
        columns=(*plain.columns, gappy, doubles),
        texts=(TextEvent("note", NOW_NS, "valve stuck"),),
        anchors=(Anchor(bytes(8), 5, NOW_NS, 7, ClockState.GPS),),
    )


def altered(data: bytes, change: dict[str, object]) -> bytes:
    """The block with some fields of its outer message replaced and a digest that is right again."""
    message = pb.Block.FromString(data[COVERED_FROM:])
    for name, value in change.items():
        setattr(message, name, value)
    return seal(message.SerializeToString(deterministic=True))


def one_segment(data: bytes) -> bytes:
    """A zstd frame as ours, of any size."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        1, window_log=27, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=True
    )
    packed: bytes = zstandard.ZstdCompressor(compression_params=parameters).compress(data)
    return packed


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=300)
def test_arbitrary_bytes(data: bytes) -> None:
    assert isinstance(outcome(data), RejectReason)
    agree([data])


@given(st.binary(max_size=300))
@settings(deadline=None, max_examples=300)
def test_arbitrary_bytes_under_a_right_digest(rest: bytes) -> None:
    agree([seal(rest), encode(weather())])


@pytest.mark.parametrize("cut", [0, 1, 2, 17, 18, 19, 40, 100, -1])
def test_truncated(cut: int) -> None:
    refused = rejection(encode(weather())[:cut])
    assert refused.header is None
    assert refused.reason in {RejectReason.NOT_A_BLOCK, RejectReason.BAD_DIGEST, RejectReason.BAD_HEADER}


@pytest.mark.parametrize("block", [weather(), rich()], ids=["plain", "rich"])
def test_every_single_bit_flip_is_noticed(block: Block) -> None:
    data = encode(block)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        refused = rejection(bytes(flipped))
        assert refused.header is None, f"bit {bit}: no one may get a receipt or a rejection for a garbled block"


@pytest.mark.parametrize("seed", range(6))
def test_mutations_under_a_right_digest(seed: int) -> None:
    """What a faulty or hostile agent could send: the digest holds, the content is nonsense."""
    rng = random.Random(seed)
    sources = [encode(rich()), encode(weather(rows=200)), encode(rich(), compression=Encoding.ZLIB)]
    many = []
    for _ in range(400):
        rest = bytearray(rng.choice(sources)[COVERED_FROM:])
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(rest))
            kind = rng.random()
            if kind < 0.6:
                rest[at] = rng.randrange(256)
            elif kind < 0.8:
                del rest[at : at + rng.randint(1, 4)]
            else:
                rest[at:at] = rng.randbytes(rng.randint(1, 4))
        many.append(seal(bytes(rest)))
    agree(many)


@pytest.mark.parametrize("seed", range(6))
def test_mutated_runs(seed: int) -> None:
    """Straight at the bit unpacking, where the two decoders share no code."""
    rng = random.Random(seed)
    rows = rng.choice([2, 16, 65, 200])
    source = encode(weather(rows=rows) if seed % 2 else samples()["steps"][1], compression=Encoding.STORED)
    run = pb.Block.FromString(source[COVERED_FROM:]).values
    many = []
    for _ in range(400):
        changed = bytearray(run)
        for _ in range(rng.randint(1, 2)):
            at = rng.randrange(min(len(changed), rng.choice([6, 12, len(changed)])))
            changed[at] = rng.choice([rng.randrange(256), changed[at] ^ 1 << rng.randrange(8)])
        if rng.random() < 0.2:
            changed += rng.randbytes(rng.randint(1, 3))
        many.append(altered(source, {"values": bytes(changed)}))
        if rng.random() < 0.2:
            many.append(source)
    agree(many)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("bit", [0x40, 0x80])
def test_mode_bits_in_a_later_window(version: int, bit: int) -> None:
    """A step may change there since version 2; second differences are a column's, in every version."""
    source = encode(dataclasses.replace(weather(rows=80), columns=()), compression=Encoding.STORED)
    message = pb.Block.FromString(source[COVERED_FROM:])
    length, first, _, *rest = message.values
    step = [3] if version == 2 and bit == 0x80 else []
    run = bytes([length, first, bit, *rest, *step])
    data = altered(source, {"values": run, "revision": version - 1})
    agree([data, source])
    if step:
        assert decode(data).times_ns == decode(source).times_ns
    else:
        assert rejection(data).reason is RejectReason.BAD_BODY


@given(block=blocks(max_rows=20), data=st.data())
@settings(deadline=None, max_examples=300)
def test_mutated_blocks_of_every_shape(block: Block, data: st.DataObject) -> None:
    rest = bytearray(encode(block)[COVERED_FROM:])
    for _ in range(data.draw(st.integers(1, 3))):
        rest[data.draw(st.integers(0, len(rest) - 1))] = data.draw(st.integers(0, 255))
    agree([seal(bytes(rest))])


def test_oversized_is_refused_before_it_is_parsed() -> None:
    refused = rejection(encode(weather()) + bytes(MAX_BLOCK_BYTES))
    assert (refused.reason, refused.header) == (RejectReason.TOO_LARGE, None)


@pytest.mark.parametrize("encoding", [Encoding.ZSTD, Encoding.ZLIB])
@pytest.mark.parametrize("part", ["body", "values"])
def test_a_bomb_is_not_inflated(encoding: Encoding, part: str) -> None:
    zeros = bytes(6 << 20)
    packed = deflate(zeros) if encoding is Encoding.ZLIB else one_segment(zeros)
    bomb = altered(encode(weather()), {part: packed, f"{part}_encoding": int(encoding)})
    tracemalloc.start()
    refused = rejection(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.reason is RejectReason.BODY_TOO_LARGE
    assert refused.header is not None
    assert peak < 4 * MAX_BODY_BYTES
    agree([bomb, encode(weather())])


def test_a_schema_bomb_is_not_inflated() -> None:
    refused = rejection(altered(encode(weather()), {"schema": deflate(bytes(16 << 20))}))
    assert refused.reason is RejectReason.BODY_TOO_LARGE


def test_a_lying_zstd_size_is_refused() -> None:
    lie = b"\xa0" + (1 << 30).to_bytes(4, "little") + b"\x01\x00\x00"
    refused = rejection(altered(encode(weather()), {"body": lie, "body_encoding": int(Encoding.ZSTD)}))
    assert refused.reason is RejectReason.BODY_TOO_LARGE


@pytest.mark.parametrize(
    "change",
    [
        {"rows": 65_536},
        {"rows": 70_000},
        {"rows": 0},
        {"readings": 0},
        {"readings": 1_000_000},
        {"agent": "Upper"},
        {"agent": ""},
        {"device": ""},
        {"segment": 0},
        {"seq": 0},
        {"signature": bytes(65)},
        {"values": b""},
        {"schema": b""},
        {"schema": deflate(b"\x01")},
        {"wall": (1 << 64) - 1},
        {"boottime": (1 << 64) - 1},
        {"clock": (1 << 64) - 1},
        {"time_offset_ns": (1 << 63) - 1},
        {"records": True},
        {"body_encoding": 1},
        {"values_encoding": 2},
    ],
    ids=str,
)
def test_fields_out_of_range(change: dict[str, object]) -> None:
    data = altered(encode(weather()), change)
    assert isinstance(outcome(data), RejectReason)
    agree([encode(weather()), data, encode(weather(2))])


@pytest.mark.parametrize("change", [{"revision": 2}, {"values_encoding": 9}, {"body_encoding": 3}], ids=str)
def test_an_unknown_version_can_be_held(change: dict[str, object]) -> None:
    data = altered(encode(weather()), change)
    header = verify(data, "station-0042")
    assert not header.supported
    assert header.readings == 48
    refused = rejection(data)
    assert (refused.reason, refused.header) == (RejectReason.UNKNOWN_VERSION, header)
    agree([data])


def test_fields_of_the_future_are_passed_over() -> None:
    later = seal(encode(weather())[COVERED_FROM:] + b"\xfa\x07\x03abc")
    assert decode(later) == weather()
    agree([later])


def test_another_identity_is_quarantined_not_rejected() -> None:
    data = encode(weather())
    refused = rejection(data, "station-0043")
    assert (refused.reason, refused.header) == (RejectReason.WRONG_IDENTITY, None)
    with pytest.raises(BlockRejected):
        verify(data, "station-0043")
    assert decode(data, "station-0042") == weather()


def test_a_second_digest_field_is_refused() -> None:
    rest = encode(weather())[COVERED_FROM:] + b"\x0a\x10" + bytes(16)
    assert rejection(seal(rest)).reason is RejectReason.NOT_A_BLOCK
    agree([seal(rest)])


def test_the_header_needs_no_inflating() -> None:
    data = altered(encode(weather()), {"schema": b"rubbish", "values": b"rubbish"})
    assert read_header(data).rows == 16
    assert verify(data).readings == 48


def test_bytes_behind_a_deflated_end_are_refused() -> None:
    schema = pb.Block.FromString(encode(weather())[COVERED_FROM:]).schema
    assert rejection(altered(encode(weather()), {"schema": schema + b"x"})).reason is RejectReason.BAD_BODY
    plain = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, DICTIONARY_1)
    cut = plain.compress(b"x" * 500) + plain.flush(zlib.Z_SYNC_FLUSH)
    assert rejection(altered(encode(weather()), {"schema": cut})).reason is RejectReason.BAD_BODY


def test_good_blocks_behind_bad_ones_flow() -> None:
    good = [encode(weather(seq)) for seq in range(1, 40)]
    many = [data if index % 3 else altered(data, {"values": data[:30]}) for index, data in enumerate(good)]
    many[7] = b""
    many[8] = good[8][:-1]
    batch = decode_many(many)
    assert sorted(batch.rejected) == sorted({7, 8} | set(range(0, 39, 3)))
    agree(many)
