"""The byte vectors of the wire format, against our decoders, our encoder and one written from the page alone."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

import pytest
from hypothesis import given, settings

from device_profiles.wire.bulk import decode_many
from device_profiles.wire.decode import decode, read_header
from device_profiles.wire.dictionary import DICTIONARY_1, DIGEST
from device_profiles.wire.encode import encode
from device_profiles.wire.model import NOT_EVALUATED, Block, Encoding
from tests.wire import reference_decoder
from tests.wire.make_vectors import FOLDER, samples
from tests.wire.strategies import blocks
from tests.wire.test_roundtrip import expected, found

VECTORS = sorted(FOLDER.glob("*.json"))


def as_json(block: Block, version: int) -> dict[str, object]:
    """A block in the words of the vectors."""
    return {
        "version": version,
        "agent": block.agent,
        "segment": block.segment,
        "ordinal": block.ordinal,
        "seq": block.seq,
        "device": block.device,
        "readings": block.readings,
        "readings_total": block.readings_total,
        "previous": block.previous.hex(),
        "boot_id": block.clock.boot_id.hex(),
        "boottime_ns": block.clock.boottime_ns,
        "wall_ns": block.clock.wall_ns,
        "clock_state": int(block.clock.state),
        "clock_error_ns": block.clock.error_ns,
        "profile": block.profile.profile,
        "profile_version": block.profile.version,
        "profile_digest": block.profile.digest.hex(),
        "times_ns": list(block.times_ns),
        "columns": [
            {
                "channel": column.channel,
                "unit": column.unit,
                "exponent": column.exponent,
                "values": list(column.values),
                "flags": [dict(column.flags).get(row, NOT_EVALUATED) for row in range(len(column.values))],
            }
            for column in block.columns
        ],
        "texts": [
            {"channel": event.channel, "observed_at_ns": event.observed_at_ns, "text": event.text}
            for event in block.texts
        ],
    }


def test_every_sample_has_its_vector() -> None:
    assert [path.stem for path in VECTORS] == sorted(samples())


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_our_decoders_read_the_vectors(path: Path) -> None:
    vector = json.loads(path.read_text(encoding="utf-8"))
    data = bytes.fromhex(vector["block"])
    block = decode(data)
    assert as_json(block, read_header(data).version) == vector["holds"]
    assert block == samples()[path.stem][1]
    assert found(decode_many([data])) == expected([block])


@pytest.mark.parametrize("path", [path for path in VECTORS if "zstd" not in path.stem], ids=lambda path: path.stem)
def test_our_encoder_writes_the_vectors(path: Path) -> None:
    """Byte for byte, where no compressor's version has a say in it: the schema's deflate is compared inflated."""
    _, block, encoding = samples()[path.stem]
    vector = bytes.fromhex(json.loads(path.read_text(encoding="utf-8"))["block"])
    written, kept = reference_decoder.fields(encode(block, compression=encoding)), reference_decoder.fields(vector)
    for field in (15, 20):
        for message in (written, kept):
            packed = message.get(field, [b""])[0]
            assert isinstance(packed, bytes)
            how = 2 if field == 15 else reference_decoder.number(message, 21)
            message[field] = [reference_decoder.unpack(packed, how, DICTIONARY_1)]
    del written[1], kept[1]  # the digest covers the deflated bytes
    assert written == kept


@pytest.mark.parametrize("path", [path for path in VECTORS if "zstd" not in path.stem], ids=lambda path: path.stem)
def test_the_decoder_written_from_the_page_reads_the_vectors(path: Path) -> None:
    vector = json.loads(path.read_text(encoding="utf-8"))
    assert reference_decoder.decode(bytes.fromhex(vector["block"]), DICTIONARY_1) == vector["holds"]


@settings(deadline=None)
@given(blocks())
def test_the_decoder_written_from_the_page_reads_any_block(block: Block) -> None:
    data = encode(block, compression=Encoding.ZLIB)
    assert reference_decoder.decode(data, DICTIONARY_1) == as_json(block, read_header(data).version)


def test_dictionary_1_is_frozen() -> None:
    assert blake2b(DICTIONARY_1, digest_size=16).digest() == DIGEST
    assert DICTIONARY_1.isascii()
