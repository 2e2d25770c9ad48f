"""A batch of decoded blocks as readings for a store."""

from __future__ import annotations

from collector.stores.ports import Readings, SeriesFacts, TextReading
from device_profiles.wire.bulk import Batch, BlockInfos


def readings_of(batch: Batch) -> Readings:
    """All readings of a batch, its texts included; rejected blocks have none."""
    blocks = batch.blocks
    infos = blocks.with_body() if isinstance(blocks, BlockInfos) else filter(None, blocks)
    return Readings(
        series_table=[
            SeriesFacts(each.agent, each.device, each.profile.profile, each.channel, each.unit)
            for each in batch.series_table
        ],
        series=batch.series,
        observed_at_ns=batch.observed_at_ns,
        value=batch.value,
        flag=batch.flag,
        mantissa=batch.mantissa,
        texts=[
            TextReading(
                info.header.agent,
                info.header.device,
                info.profile.profile,
                text.channel,
                text.observed_at_ns,
                text.text,
            )
            for info in infos
            for text in info.texts
        ],
    )
