"""Files of a commit that a disk has no room for: nothing of them stays."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from collector.lake.disk import RealDisk
from collector.lake.schema import READING
from collector.lake.staging import TableStaging

COUNT = 20_000


@pytest.fixture
def staging(tmp_path: Path) -> TableStaging:
    (tmp_path / "incoming").mkdir()
    return TableStaging(READING, tmp_path / "data", tmp_path / "incoming", RealDisk())


@contextlib.contextmanager
def no_file_above(size_bytes: int) -> Iterator[None]:
    """A disk that takes no more: writes fail as on a full one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def readings() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.arange(COUNT, dtype=np.int32)),
            pa.array(np.arange(COUNT)).view(pa.timestamp("ns")),
            pa.array(np.random.default_rng(1).random(COUNT)),
            pa.array(np.zeros(COUNT, np.uint8)),
            pa.array(np.arange(COUNT)),
        ],
        schema=READING.arrow,
    )


def test_a_disk_that_has_no_room_for_a_file_is_left_no_fuller(staging: TableStaging) -> None:
    staging.add(readings())
    ((whole,), _) = staging.finish()
    for size_max in (0, whole.size_bytes // 2, whole.size_bytes - 16):
        staging.add(readings())
        with no_file_above(size_max):
            with pytest.raises(OSError, match="too large"):
                staging.finish()
            staging.forget()
        assert list(staging.incoming.iterdir()) == []
    staging.add(readings())
    ((again,), _) = staging.finish()
    assert again.rows == COUNT


def test_what_is_dropped_needs_no_room_for_its_end(staging: TableStaging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.lake.staging.ROW_GROUP_ROWS", 1000)
    staging.add(readings())
    staging._written()
    (growing,) = staging.incoming.iterdir()
    with no_file_above(growing.stat().st_size):
        staging.forget()
    assert list(staging.incoming.iterdir()) == []
