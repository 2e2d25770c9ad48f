"""Chaos played with real processes: fifty cycles, every kind of fault, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from device_profiles.wire.digest import seal
from simulators.chaos.faults import FAULTS, NEED_MOUNT, possible
from simulators.chaos.site import keep_whole
from simulators.chaos.small_disk import can_mount, filled, small_disk
from tests.demo.test_demo import processes_that_name

COMMAND = [sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())", "simulate", "chaos"]
CYCLES = 50


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.timeout(1500)
def test_fifty_cycles_lose_nothing(tmp_path: Path) -> None:
    if shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "chaos"
    words = ["--cycles", str(CYCLES), "--seed", "7", "--json", "--dir", str(folder)]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=1400, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    figures = json.loads(done.stdout.splitlines()[-1])
    zeroes = ("lost", "duplicated", "altered", "reordered", "unhealed")
    assert [figures[name] for name in zeroes] == [0] * len(zeroes)
    assert figures["cycles"] == CYCLES
    assert figures["fault_kinds"] == min(CYCLES, sum(possible(kind) for kind in FAULTS)) >= 25
    # The load was there while things broke, and most of it was heard.
    assert figures["readings"] > CYCLES * 1_000
    assert figures["unheard"] < figures["readings"]
    assert done.stderr == ""
    assert processes_that_name(folder) == []


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)


def test_only_whole_blocks_are_kept_to_be_said_again() -> None:
    """Other cycles publish garbage on the same topics, an empty message among it, which cannot be damaged further."""
    whole, kept = seal(b"anything"), list[tuple[str, bytes]]()
    for payload in (b"", b"\0", whole[:-1], whole[:-1] + b"!", whole):
        keep_whole(kept, "harkara/1/a/block", payload)
    assert kept == [("harkara/1/a/block", whole)]


def test_kinds_are_listed_each_with_a_sentence() -> None:
    lines = run("--list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(FAULTS)
    assert all(len(line.split()) > 3 for line in lines)


def test_full_disk_is_the_kernels_own_word_and_where_it_cannot_be_it_is_refused(tmp_path: Path) -> None:
    if not can_mount():
        done = run("--kinds", *NEED_MOUNT)
        assert done.returncode == 2
        assert "takes root" in done.stderr
        return
    with small_disk(tmp_path / "card") as card:
        with filled(card) as taken:
            assert taken > 1_000_000
            with pytest.raises(OSError, match="No space left"):
                (card / "outbox").write_bytes(b"one more byte" * 1000)
        (card / "outbox").write_bytes(b"there is room again")
    assert list((tmp_path / "card").iterdir()) == []


def test_unknown_kind_is_one_line() -> None:
    done = run("--kinds", "broker_stolen")
    assert done.returncode == 2
    assert done.stderr == "harkara simulate chaos: no kind 'broker_stolen'; --list names them\n"


def test_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="ascii")
    done = run("--dir", str(tmp_path), "--cycles", "1")
    assert done.returncode != 0
    assert len(done.stderr.splitlines()) == 1
    assert "name another with --dir" in done.stderr
