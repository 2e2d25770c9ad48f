"""The byte budget of blocks on real recordings; the same figures as ``python -m benchmarks wire``."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from benchmarks.recordings import recordings
from benchmarks.wire import TARGETS
from device_profiles.wire.bulk import decode_many
from device_profiles.wire.decode import decode
from device_profiles.wire.encode import encode


@pytest.mark.parametrize("rows", sorted(TARGETS))
def test_recordings_fit_their_budget_and_come_back(rows: int, captures: Path) -> None:
    series, _ = recordings()
    assert len(series) == 3
    per_reading = []
    for recording in series:
        blocks = list(recording.blocks(rows))
        data = [encode(block) for block in blocks]
        assert [decode(one) for one in data] == blocks
        batch = decode_many(data)
        assert not batch.rejected
        assert len(batch.value) == sum(block.readings for block in blocks)
        per_reading.append(sum(map(len, data)) / len(batch.value))
    assert mean(per_reading) <= TARGETS[rows]
