"""The work of a commit that a full disk undoes runs again, all of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from device_profiles.wire.delivery.agent_io import ForgetSegment, Trim
from device_profiles.wire.intervals import IntervalSet
from edge_agent.outbox import Outbox
from harkara_io.log_errors import LogFull
from harkara_io.sqlite_log import SqliteLog
from tests.agent.test_clock import SetClock
from tests.agent.test_outbox_losses import seal_one


def _open(path: Path) -> Outbox:
    return Outbox.open(path, agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)


def test_a_segment_to_be_forgotten_is_forgotten_by_the_commit_that_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SetClock()
    with closing(_open(tmp_path / "outbox.db")) as outbox:
        old = seal_one(outbox, clock, 1)
    with closing(_open(tmp_path / "outbox.db")) as outbox:
        seal_one(outbox, clock, 2)
        outbox.apply([Trim(old.segment, IntervalSet.of((1, 1))), ForgetSegment(old.segment)])
        transaction = SqliteLog.transaction

        def undone(log: SqliteLog, work: Callable[[sqlite3.Connection], object], *, pages: int) -> object:
            monkeypatch.setattr(SqliteLog, "transaction", transaction)
            log.connection.execute("BEGIN IMMEDIATE")
            work(log.connection)
            log.connection.execute("ROLLBACK")
            raise LogFull(f"no room for {pages} pages", excess_bytes=1, disk=True)

        monkeypatch.setattr(SqliteLog, "transaction", undone)
        seal_one(outbox, clock, 3)
        assert old.segment not in [each.segment for each in outbox.segments(0, 9)]
