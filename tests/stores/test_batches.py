"""What blocks hold reaches a store: numbers, flags and texts, and nothing of a block that was rejected."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.blocks import Shape, templates
from collector.stores.batches import readings_of
from collector.stores.ports import SeriesFacts, TextReading
from device_profiles.wire.bulk import decode_many
from device_profiles.wire.encode import encode
from device_profiles.wire.model import TextEvent


def test_a_batch_becomes_readings() -> None:
    block = templates("agent-1", Shape(4, 3), 1, 1)[0]
    texts = (TextEvent("note", block.times_ns[0], "said"),)
    batch = decode_many([encode(block), b"no block", encode(replace(block, seq=2, texts=texts))])
    for each in (batch, replace(batch, blocks=list(batch.blocks))):
        readings = readings_of(each)
        assert len(readings.value) == 24
        assert list(readings.series_table) == [
            SeriesFacts("agent-1", "weather", "load", column.channel, column.unit) for column in block.columns
        ]
        assert readings.texts == [TextReading("agent-1", "weather", "load", "note", block.times_ns[0], "said")]
        assert readings.mantissa is batch.mantissa
        assert readings.series is batch.series
        assert readings.value is batch.value
        assert readings.flag is batch.flag
        assert readings.observed_at_ns is batch.observed_at_ns
