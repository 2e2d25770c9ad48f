"""Power fails at every point of a journal's life: whatever was promised is there when it opens again."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from collector.journal import Journal, JournalEntry
from device_profiles.wire.intervals import IntervalSet
from harkara_io.log_errors import Incident
from tests.durability import journal_workload
from tests.durability.damage import spoil
from tests.durability.journal_workload import AGENTS, SEGMENT, a_block
from tests.durability.recorder import build_shim, record
from tests.durability.replay import replay

STATES = int(os.environ.get("HARKARA_POWER_CUTS", "1200"))
WORKLOAD = "tests.durability.journal_workload"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


def newest(promises: Sequence[str], word: str, place: int) -> int:
    """The highest number promised under a word."""
    return max((int(text.split()[place]) for text in promises if text.startswith(word)), default=0)


def broken_promises(folder: Path, promises: Sequence[str]) -> list[str]:
    """Open a rebuilt journal with the real code and hold it against what was promised."""
    incidents: list[Incident] = []
    journal = Journal.open(folder / "journal.db", bytes_max=64 << 20, on_incident=incidents.append)
    try:
        wrong = [f"incident {incident.kind}: {incident.detail}" for incident in incidents]
        if journal.head < newest(promises, "stored", 2):
            wrong.append(f"head {journal.head} was promised higher: numbers would be used again")
        if journal.durable < newest(promises, "durable", 1):
            wrong.append(f"durable offset went back to {journal.durable}")
        entries = journal.read(0, blocks_max=1 << 20, bytes_max=1 << 30)
        return wrong + wrong_entries(journal, entries) + wrong_ledger(journal, entries, newest(promises, "stored", 1))
    finally:
        journal.close()


def wrong_entries(journal: Journal, entries: list[JournalEntry]) -> list[str]:
    """Holes, wrong ends, changed bytes."""
    wrong = []
    positions = [entry.position for entry in entries]
    if positions and positions != list(range(positions[0], journal.head + 1)):
        wrong.append("positions have holes or do not end at the head")
    if positions and positions[0] > journal.durable + 1:
        wrong.append("trimmed past the durable offset")
    previous: dict[str, bytes] = {}
    for entry in entries:
        if entry.agent in previous and entry.data != a_block(entry.agent, entry.seq, previous[entry.agent]):
            wrong.append(f"{entry.agent} {entry.seq} is not what was sent")
        previous[entry.agent] = entry.digest[:8]
    return wrong


def wrong_ledger(journal: Journal, entries: list[JournalEntry], promised: int) -> list[str]:
    """The ledger holds what was promised, and just what the journal got."""
    wrong = []
    for agent in AGENTS:
        row = journal.ledger.segment(agent, SEGMENT)
        have = (row.stored.last or 0) if row is not None else 0
        if have < promised:
            wrong.append(f"ledger has {have} of {agent}, promised {promised}")
        if have != max((entry.seq for entry in entries if entry.agent == agent), default=have):
            wrong.append(f"ledger says {have} of {agent}, the journal differs")
    return wrong


def test_nothing_promised_is_lost_at_any_power_cut(shim: Path, tmp_path: Path) -> None:
    run = record(shim, WORKLOAD, tmp_path / "data", tmp_path / "log", "12")
    assert run.status == 0, run.output
    assert sum(event.op == "S" for event in run.events) >= 12, "no fsync was seen: the recorder does not record"
    states, wrong = replay(run, tmp_path, broken_promises, states=STATES, seed=11)
    assert states >= min(STATES, 300)
    assert not wrong, f"{len(wrong)} of {states}: {wrong[:5]}"


def test_the_replay_catches_a_journal_that_does_not_sync(
    shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With synchronous=NORMAL commits return before their fsync: this very replay must see it."""
    monkeypatch.setenv("HARKARA_TEST_SYNCHRONOUS", "NORMAL")
    run = record(shim, "tests.durability.careless_journal", tmp_path / "data", tmp_path / "log", "12")
    assert run.status == 0, run.output
    _, wrong = replay(run, tmp_path, broken_promises, states=200, seed=12)
    assert wrong


@pytest.mark.parametrize("error", ["5 0", "5 1", "28 0"], ids=["EIO once", "EIO from then on", "ENOSPC once"])
def test_every_failing_call_leaves_what_was_promised(shim: Path, tmp_path: Path, error: str) -> None:
    """EIO (5) and ENOSPC (28) at each write, truncate and fsync of a small life."""
    clean = record(shim, WORKLOAD, tmp_path / "clean", tmp_path / "clean.log", "4")
    assert clean.status == 0, clean.output
    calls = sum(event.op in "WTSD" for event in clean.events)
    assert calls > 30
    chance = random.Random(5)
    step = 1 if os.environ.get("HARKARA_POWER_CUTS") else 3
    for number in range(1 + chance.randrange(step), calls + 1, step):
        folder = tmp_path / f"data{number}"
        run = record(shim, WORKLOAD, folder, tmp_path / f"log{number}", "4", fail=f"{number} {error}")
        assert "Traceback" not in run.output or "LogBroken" in run.output or "LogFull" in run.output, run.output
        promises = [event.data.decode() for event in run.events if event.op == "P"]
        if "open" in promises:
            wrong = [text for text in broken_promises(folder, promises) if not text.startswith("incident")]
            assert not wrong, f"call {number}: {wrong[:3]}\n{run.output}"


@pytest.mark.parametrize("damage", ["header", "middle", "truncated", "empty", "everything"])
def test_a_damaged_file_is_moved_aside_and_the_journal_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setenv("HARKARA_SHIM_LOG", str(tmp_path / "promises"))
    folder = tmp_path / "data"
    folder.mkdir()
    assert journal_workload.main(folder, 12) == 0
    path = folder / "journal.db"
    spoil(path, damage, random.Random(3))
    incidents: list[Incident] = []
    journal = Journal.open(path, bytes_max=64 << 20, on_incident=incidents.append)
    try:
        journal.check(limit=1000)
        assert incidents, "nobody was told"
        entries = journal.read(0, blocks_max=1 << 20)
        row = journal.ledger.segment("ridge-01", SEGMENT)
        stored = row.stored if row is not None else IntervalSet()
        assert all(entry.seq in stored for entry in entries if entry.agent == "ridge-01")
        if damage == "header":
            assert [entry.position for entry in entries] == list(range(89, 97)), "all of it could be saved"
        if damage in {"empty", "everything"}:
            assert not entries
            assert list(folder.glob("journal.db.corrupt-*"))
        journal.new_generation()  # it takes writes again
    finally:
        journal.close()
