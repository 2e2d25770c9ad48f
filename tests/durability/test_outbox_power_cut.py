"""Power fails at every point of an outbox's life, and every call of it fails once: what was promised is there."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from device_profiles.wire.delivery.agent_io import GiveUp
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import LossReason, Row
from device_profiles.wire.values import Scaled
from edge_agent.outbox import Accept, Outbox, Seal
from harkara_io.log_errors import Incident, LogBroken, LogFull
from tests.durability import outbox_workload
from tests.durability.damage import spoil
from tests.durability.outbox_oracle import broken_promises, read_promises, wrong_sums
from tests.durability.outbox_workload import START_NS, chunk_of, encoder, open_outbox, seal_left_over, some_rows
from tests.durability.recorder import build_shim, record
from tests.durability.replay import STATES, replay

WORKLOAD = "tests.durability.outbox_workload"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


def test_nothing_promised_is_lost_at_any_power_cut(shim: Path, tmp_path: Path) -> None:
    run = record(shim, WORKLOAD, tmp_path / "data", tmp_path / "log", "18")
    assert run.status == 0, run.output
    assert sum(event.op == "S" for event in run.events) >= 18, "no fsync was seen: the recorder does not record"
    states, wrong = replay(run, tmp_path, broken_promises, states=STATES, seed=21)
    assert states >= 1000
    assert not wrong, f"{len(wrong)} of {states}: {wrong[:5]}"


def test_the_replay_catches_an_outbox_that_does_not_sync(
    shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With synchronous=NORMAL commits return before their fsync: this very replay must see it."""
    monkeypatch.setenv("HARKARA_TEST_SYNCHRONOUS", "NORMAL")
    run = record(shim, "tests.durability.careless_outbox", tmp_path / "data", tmp_path / "log", "18")
    assert run.status == 0, run.output
    states, wrong = replay(run, tmp_path, broken_promises, states=200, seed=22)
    assert any("is gone" in text for text in wrong), wrong[:5]
    assert len(wrong) > states // 4


@pytest.mark.parametrize(
    "error", ["5 0", "5 1", "28 0", "28 1"], ids=["EIO", "EIO for good", "ENOSPC", "ENOSPC for good"]
)
def test_every_failing_call_leaves_what_was_promised(shim: Path, tmp_path: Path, error: str) -> None:
    """EIO (5) and ENOSPC (28) at each write, truncate and fsync of a small life."""
    clean = record(shim, WORKLOAD, tmp_path / "clean", tmp_path / "clean.log", "6")
    assert clean.status == 0, clean.output
    calls = sum(event.op in "WTSD" for event in clean.events)
    assert calls > 60
    step = 1 if os.environ.get("HARKARA_POWER_CUTS") else 14
    for number in range(1 + random.Random(6).randrange(step), calls + 1, step):
        folder = tmp_path / f"data{number}"
        run = record(shim, WORKLOAD, folder, tmp_path / f"log{number}", "6", fail=f"{number} {error}")
        assert "Traceback" not in run.output, run.output
        if error.endswith("1"):
            assert run.status == 0 or "LogBroken" in run.output or "LogFull" in run.output, run.output
        else:
            assert run.status == 0, run.output
        promises = [event.data.decode() for event in run.events if event.op == "P"]
        if "open" in promises:
            wrong = [text for text in broken_promises(folder, promises) if not text.startswith("incident")]
            assert not wrong, f"call {number}: {wrong[:3]}\n{run.output}"


@pytest.mark.parametrize("damage", ["header", "middle", "truncated", "empty", "everything"])
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_file_is_moved_aside_and_the_outbox_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str, seed: int
) -> None:
    log = tmp_path / "promises"
    monkeypatch.setenv("HARKARA_SHIM_LOG", str(log))
    folder = tmp_path / "data"
    folder.mkdir()
    assert outbox_workload.main(folder, 60) == 0
    path = folder / "outbox.db"
    before = open_outbox(folder)
    stats, kept = before.stats(), {(ref.segment, ref.seq): ref.digest for ref in before.after(0, 0, 1000)}
    old_id = before.outbox_id
    before.close()
    assert kept
    spoil(path, damage, random.Random(seed))
    incidents: list[Incident] = []
    outbox = open_outbox(folder, incidents.append)
    try:
        while not outbox.check(1000):
            pass
        assert incidents, "nobody was told"
        found = {(ref.segment, ref.seq): ref.digest for ref in outbox.after(0, 0, 1000)}
        assert all(kept[key] == digest for key, digest in found.items()), "a block changed"
        assert not wrong_sums(outbox)
        if damage == "header":
            assert found == kept, "all of it could be saved"
        after = outbox.stats()
        if damage in {"header", "middle", "truncated"} and after.accepted == stats.accepted:
            lost = sum(1 for key in kept if key not in found)
            assert (after.recorded_loss > stats.recorded_loss) == bool(lost), "loss without a record"
        if any(incident.kind == "corrupt" for incident in incidents):
            assert outbox.outbox_id != old_id
            assert list(folder.glob("outbox.db.corrupt-*"))
        rows = some_rows(0)
        (ref,) = outbox.commit([Accept(chunk_of("w", rows)), Seal("w", encoder(rows))]).refs
        assert (ref.segment, ref.seq) not in kept
    finally:
        outbox.close()


def test_a_rotted_block_is_found_and_given_up(tmp_path: Path) -> None:
    rows = some_rows(0)
    outbox = open_outbox(tmp_path)
    refs = [outbox.commit([Accept(chunk_of("w", rows)), Seal("w", encoder(rows))]).refs[0] for _ in range(3)]
    good = outbox.read(refs[1].segment, 2)
    outbox.close()
    content = (tmp_path / "outbox.db").read_bytes()
    assert content.count(good) == 1
    (tmp_path / "outbox.db").write_bytes(content.replace(good, good[:-1] + bytes([good[-1] ^ 1])))
    incidents: list[Incident] = []
    outbox = open_outbox(tmp_path, incidents.append)
    assert outbox.check()
    assert [incident.kind for incident in incidents] == ["rotted"]
    with pytest.raises(Exception, match="does not match its digest"):
        outbox.read(refs[1].segment, 2)
    outbox.apply([GiveUp(refs[1].segment, IntervalSet.of((2, 2)), 10, LossReason.CORRUPT, shelve=True)])
    assert (outbox.stats().recorded_loss, outbox.stats().pending) == (10, 20)
    assert outbox.read(refs[2].segment, 3)
    outbox.close()


def test_a_full_outbox_gives_up_the_oldest_and_stays_within_its_cap(tmp_path: Path) -> None:
    """What a full outbox refuses is not taken; after giving up blocks it is, and the file never passes the cap."""
    cap = 1 << 20
    outbox = open_outbox(tmp_path, bytes_max=cap)
    chance = random.Random(8)
    rows = [
        Row(START_NS + number * 10**9, (Scaled(chance.randrange(10**9), -2), Scaled(chance.randrange(10**9), 0)))
        for number in range(250)
    ]
    refused, disk_full = 0, False
    for _ in range(800):
        steps: list[Accept | Seal] = [Accept(chunk_of("w", rows)), Seal("w", encoder(rows))]
        while True:
            try:
                outbox.commit(steps)
                break
            except LogFull as exc:
                refused += 1
                disk_full |= exc.disk
                for ref in outbox.after(0, 0, 1 + exc.excess_bytes // 1000):
                    seqs = IntervalSet.of((ref.seq, ref.seq))
                    outbox.apply([GiveUp(ref.segment, seqs, ref.readings, LossReason.SHED, shelve=False)])
        assert outbox.stats().file_bytes <= cap
    stats = outbox.stats()
    assert refused
    assert not disk_full
    assert stats.accepted == 800 * 500
    assert stats.recorded_loss > 0
    assert not wrong_sums(outbox)
    outbox.close()


def test_a_copied_card_gets_identities_of_its_own(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path)
    first, old_id = outbox.newest_segment(), outbox.outbox_id
    outbox.close()
    moved = Outbox.open(tmp_path / "outbox.db", agent=outbox_workload.AGENT, fingerprint=b"g" * 16, bytes_max=4 << 20)
    second = moved.newest_segment()
    assert first is not None
    assert second is not None
    assert (second.ordinal, second.segment != first.segment, moved.outbox_id != old_id) == (2, True, True)
    moved.close()


def test_a_disk_that_stays_full_is_reported_and_later_used_again(shim: Path, tmp_path: Path) -> None:
    """Nothing accepted is lost while the disk is full, and rows are taken again once there is room."""
    run = record(shim, WORKLOAD, tmp_path / "data", tmp_path / "log", "6", fail="60 28 1")
    assert "LogFull" in run.output or "LogBroken" in run.output
    promises = [event.data.decode() for event in run.events if event.op == "P"]
    rows = read_promises(promises).rows
    assert rows
    outbox = open_outbox(tmp_path / "data")
    outbox.commit(seal_left_over(outbox))
    assert not wrong_sums(outbox)
    assert outbox.stats().accepted >= 2 * sum(rows.values())
    outbox.close()


def test_a_folder_that_is_no_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogBroken):
        open_outbox(tmp_path / "file")
