"""A failed fsync drops what it should have written, for good; power fails later: nothing promised may hang on it."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

from tests.durability.outbox_oracle import broken_promises
from tests.durability.rebuild import Disk, lay_out
from tests.durability.recorder import Event, Run, build_shim, record

WORKLOAD = "tests.durability.outbox_workload"
COUNTED = "WTSD"
CUTS = 3


def disks_after(run: Run, call: int, failed: Event, chance: random.Random) -> list[tuple[int, Disk]]:
    """The disk at some points after call ``call`` failed and its file's unsynced pages were dropped as clean."""
    last = len(run.events) - 1
    first = [index for index, event in enumerate(run.events) if event.op in COUNTED][call - 2]
    points = {last, *(chance.randint(first, last) for _ in range(CUTS))}
    found = []
    for point in sorted(points):
        disk = Disk()
        for index, event in enumerate(run.events[: point + 1]):
            disk.apply(event)
            if index == first and failed.name in disk.names:
                disk.files[disk.names[failed.name]].pending.clear()
        found.append((point, disk))
    return found


def test_after_a_failed_fsync_nothing_depends_on_that_file(tmp_path: Path) -> None:
    shim = build_shim(tmp_path)
    clean = record(shim, WORKLOAD, tmp_path / "clean", tmp_path / "clean.log", "9")
    assert clean.status == 0, clean.output
    calls = [event for event in clean.events if event.op in COUNTED]
    syncs = [number for number, event in enumerate(calls, 1) if event.op == "S" and number > 20]
    assert len(syncs) > 10
    step = 1 if os.environ.get("HARKARA_POWER_CUTS") else 4
    chance = random.Random(31)
    moved = 0
    for number in syncs[chance.randrange(step) :: step]:
        failed = calls[number - 1]
        run = record(shim, WORKLOAD, tmp_path / f"data{number}", tmp_path / f"log{number}", "9", fail=f"{number} 5 0")
        assert run.status == 0, run.output
        moved += "kind='broken'" in run.output
        for point, disk in disks_after(run, number, failed, chance):
            if "open" not in disk.promises:
                continue
            for mode in ("none", "some"):
                folder = tmp_path / "disk"
                folder.mkdir()
                lay_out(disk.after_cut(chance, mode), folder)
                wrong = [text for text in broken_promises(folder, disk.promises) if not text.startswith("incident")]
                assert not wrong, f"fsync {number} of {failed.name} failed, cut at {point}, {mode}: {wrong[:3]}"
                shutil.rmtree(folder)
    assert moved >= 3, "no file was exchanged: the failures did not arrive"
