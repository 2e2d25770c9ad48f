"""Going through a record: power fails at many points, and each rebuilt disk is held against what was promised."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.durability.rebuild import Disk, lay_out
from tests.durability.recorder import Run

STATES = int(os.environ.get("HARKARA_POWER_CUTS", "1200"))
"""Rebuilt disks per test; set higher for a fuller run."""

MODES = ("none", "all", "some", "some", "some")


def replay(
    run: Run, tmp_path: Path, check: Callable[[Path, Sequence[str]], list[str]], *, states: int, seed: int
) -> tuple[int, list[str]]:
    """Rebuild ``states`` disks, spread over the whole record after its first promise.

    Args:
        run: A recorded workload.
        tmp_path: Where disks are laid out, one at a time.
        check: Opens a rebuilt disk with the real code; gives what contradicts the promises.
        states: How many.
        seed: Decides points and what survived.

    Returns:
        Number of disks checked, and everything that was wrong.
    """
    chance = random.Random(seed)
    opened = next(index for index, event in enumerate(run.events) if event.op == "P")
    points = [(index, mode) for index in range(opened, len(run.events)) for mode in MODES]
    if states > len(points):
        points *= -(-states // len(points))
    chosen = sorted(chance.sample(points, states))
    disk = Disk()
    at = 0
    wrong: list[str] = []
    for number, (index, mode) in enumerate(chosen):
        while at <= index:
            disk.apply(run.events[at])
            at += 1
        folder = tmp_path / f"disk{number}"
        folder.mkdir()
        lay_out(disk.after_cut(chance, mode), folder)
        try:
            found = check(folder, disk.promises)
        except Exception as exc:  # noqa: BLE001
            found = [f"{type(exc).__name__}: {exc}"]
        wrong.extend(f"event {index} {mode}: {text}" for text in found)
        shutil.rmtree(folder)
    return len(chosen), wrong
