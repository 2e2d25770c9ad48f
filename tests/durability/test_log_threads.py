"""What several threads ask of one log, and what a log does whose new file is no better than the old one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.journal import Journal
from edge_agent.outbox import Outbox
from harkara_io.log_errors import LogBroken, LogCorrupt
from harkara_io.sqlite_log import SqliteLog
from tests.agent.test_clock import SetClock
from tests.agent.test_outbox_losses import seal_one
from tests.lake.stations import block, store


def test_a_row_that_one_thread_reads_while_another_commits_is_not_remembered_as_it_was(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path / "journal.db")) as journal:
        (first,) = store(journal, [block(1)])
        journal.ledger.forget()
        reading: Callable[[Any], Any] = journal.ledger._read

        def held_up_behind_it(work: Callable[[Any], Any]) -> Any:
            """The thread has read, and before it goes on the journal's own thread has committed another block."""
            found = reading(work)
            journal.ledger._read = reading
            store(journal, [block(2)])
            return found

        journal.ledger._read = held_up_behind_it
        journal.ledger.segment(first.agent, first.segment)
        row = journal.ledger.segment(first.agent, first.segment)
        assert row is not None
        assert list(row.stored.numbers()) == [1, 2]
        store(journal, [block(3)])
        assert journal.agents()[first.agent].blocks == 3


def test_a_new_file_that_cannot_be_read_back_is_a_disk_to_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox.open(tmp_path / "outbox.db", agent="test-agent", fingerprint=bytes(16), bytes_max=64 << 20)
    try:
        clock = SetClock()
        before = seal_one(outbox, clock, 1)
        transaction, read = SqliteLog.transaction, SqliteLog.read

        def malformed(*_: object, **__: object) -> object:
            raise LogCorrupt("database disk image is malformed")

        monkeypatch.setattr(SqliteLog, "transaction", malformed)
        monkeypatch.setattr(SqliteLog, "read", malformed)
        for _ in range(2):
            with pytest.raises(LogBroken, match="no new file"):
                seal_one(outbox, clock, 2)
        monkeypatch.setattr(SqliteLog, "transaction", transaction)
        monkeypatch.setattr(SqliteLog, "read", read)
        after = seal_one(outbox, clock, 2)
        assert outbox.read(before.segment, before.seq)
        assert outbox.read(after.segment, after.seq)
    finally:
        outbox.close()
