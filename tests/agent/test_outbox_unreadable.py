"""A card that cannot be read even for the size of the outbox: the readings wait, and go on in a new file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.outbox import Outbox
from harkara_io.log_errors import LogBroken, LogCorrupt
from harkara_io.sqlite_log import SqliteLog
from tests.agent.test_clock import SetClock
from tests.agent.test_outbox_losses import seal_one


def test_a_size_that_cannot_be_read_is_a_disk_to_wait_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db", agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    try:
        clock = SetClock()
        before = seal_one(outbox, clock, 1)
        size = SqliteLog.room_bytes

        def unreadable(_: SqliteLog) -> int:
            raise LogCorrupt("database disk image is malformed")

        monkeypatch.setattr(SqliteLog, "room_bytes", property(unreadable))
        for _ in range(2):
            with pytest.raises(LogBroken, match="does not say how full it is"):
                seal_one(outbox, clock, 2)
        monkeypatch.setattr(SqliteLog, "room_bytes", size)
        after = seal_one(outbox, clock, 2)
        assert outbox.read(before.segment, before.seq)
        assert outbox.read(after.segment, after.seq)
    finally:
        outbox.close()
    assert list(tmp_path.glob("outbox.db.corrupt-*"))
