"""A host whose clock and disk obey: the process on it sees the trouble, this machine does not."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.demo.processes import DemoError, Process
from simulators.host_trouble import host as host_trouble
from simulators.host_trouble.host import Disk, Host, build, can_build
from tests.conftest import wait_until

pytestmark = pytest.mark.skipif(not can_build(), reason="no C compiler is installed")

LOOK = """\
import os, sys, time
for line in sys.stdin:
    what, _, path = line.strip().partition(" ")
    began = time.monotonic()
    try:
        if what == "clock":
            print(time.time(), time.monotonic(), flush=True)
            continue
        if what == "read":
            open(path, "rb").read()
        elif what == "append":
            with open(path, "ab", buffering=0) as file:
                file.write(b"more")
                os.fsync(file.fileno())
        print("done", round(time.monotonic() - began, 3), flush=True)
    except OSError as exc:
        print(exc.strerror, flush=True)
"""


class Guest:
    """A process on a troubled host that does what it is told."""

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.host = Host(folder / "host", self.disk, build(folder / "lib"))
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOOK],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PATH": "/usr/bin", **self.host.environ},
        )

    def does(self, word: str, path: Path | str = "") -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word} {path}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def ahead_s(self) -> float:
        return float(self.does("clock").split()[0]) - time.time()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    found = Guest(tmp_path)
    yield found
    found.end()


def test_its_clock_is_stepped_and_unset_and_its_time_since_boot_goes_on(guest: Guest) -> None:
    assert abs(guest.ahead_s()) < 60
    guest.host.set_clock(-7 * 3600)
    assert abs(guest.ahead_s() + 7 * 3600) < 60
    guest.host.unset_clock()
    shown, since_boot = (float(word) for word in guest.does("clock").split())
    assert 0 <= shown < 3600
    assert abs(since_boot - time.monotonic()) < 60
    guest.host.set_clock(0)
    assert abs(guest.ahead_s()) < 60


@pytest.mark.parametrize(
    ("disk", "appends", "reads"),
    [
        ("failing", "Input/output error", "Input/output error"),
        ("read_only", "Read-only file system", "done"),
        ("full", "No space left on device", "done"),
        ("slow", "done", "done"),
    ],
)
def test_its_disk_does_what_it_is_told_and_only_its_own(
    tmp_path: Path, guest: Guest, disk: Disk, appends: str, reads: str
) -> None:
    card, elsewhere = guest.disk / "card", tmp_path / "elsewhere"
    for path in (card, elsewhere):
        assert guest.does("append", path).startswith("done")
    guest.host.set_disk(disk, delay_ms=300)
    said = guest.does("append", card)
    assert said.startswith(appends), said
    assert guest.does("read", card).startswith(reads)
    assert guest.does("append", elsewhere).startswith("done")
    if disk == "slow":
        assert float(said.split()[1]) >= 0.6  # one write, one fsync
    guest.host.set_disk("fine")
    assert guest.does("append", card).startswith("done")
    assert card.read_bytes() == b"more" * (3 if disk == "slow" else 2)


def test_without_a_compiler_it_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_trouble, "can_build", lambda: False)
    with pytest.raises(DemoError, match="no `cc` is installed here"):
        build(tmp_path / "other")


def test_a_process_of_a_stage_lives_on_it_and_again_after_a_restart(tmp_path: Path, guest: Guest) -> None:
    guest.host.set_clock(86_400)
    log = tmp_path / "log"
    words = (sys.executable, "-c", "import time; print(time.time())")
    process = Process("clock", words, log, environ=guest.host.environ)
    process.popen.wait()
    process.start()
    process.popen.wait()
    wait_until(lambda: len(log.read_text().split()) == 2, what="both to have looked")
    assert all(float(word) > time.time() + 80_000 for word in log.read_text().split())
