"""The demonstration, really played: both brokers, every fault, and nothing left running."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.demo.judgement import Figures, Kill, down_windows
from simulators.demo.layout import Layout
from simulators.demo.processes import DemoError, Stage, interrupted_later
from simulators.truth import Emission
from tests.conftest import wait_until

COMMAND = [sys.executable, "-c", "import harkara,sys; sys.exit(harkara.main())", "demo"]
ACCEPTED = re.compile(r"accepted ([0-9,]+)")
ASKED = [
    *("emitted", "unread_while_down", "accepted", "stored", "altered", "pending", "recorded_loss", "duplicates"),
    *("lost", "bytes_per_reading", "agent_rss_mb", "kills", "outage_s"),
]


def processes_that_name(folder: Path) -> list[str]:
    """Command lines of all processes with this folder in them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and path.parent.name != str(os.getpid()):
            found.append(words)
    return found


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.parametrize("broker", ["mosquitto", "embedded"])
def test_demo_keeps_its_promise(tmp_path: Path, broker: str) -> None:
    if broker == "mosquitto" and shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        pytest.skip("mosquitto is not installed")
    folder = tmp_path / "demo"
    words = ["--seconds", "25", "--json", "--dir", str(folder), "--broker", broker, "--seed", "4"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=240, check=False)
    logs = "\n".join(
        f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in sorted((folder / "logs").glob("*"))
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{logs}"
    figures = json.loads(done.stdout.splitlines()[-1])
    assert list(figures)[: len(ASKED)] == ASKED
    assert figures["stored"] == figures["accepted"] > 500
    assert figures["emitted"] == figures["accepted"] + figures["unread_while_down"]
    assert 0 < figures["unread_while_down"] < figures["emitted"] / 2
    assert [figures[name] for name in ("altered", "pending", "recorded_loss", "duplicates", "lost")] == [0] * 5
    assert figures["kills"] == 1
    assert 10 <= figures["outage_s"] < 20
    assert 0 < figures["bytes_per_reading"] < 10
    assert figures["broker"] == broker
    # The same station on the usual way: what was queued in memory died with the process.
    assert figures["plain_lost"] > 0
    assert "harkara query" in done.stdout
    assert processes_that_name(folder) == []


@pytest.mark.slow
def test_kept_demo_goes_on_with_new_readings_until_interrupted(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    words = ["--seconds", "25", "--json", "--keep", "--dir", str(folder), "--broker", "embedded"]
    said: list[str] = []
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        judged: int | None = None
        for line in process.stdout:
            said.append(line)
            match = ACCEPTED.search(line)
            if "goes on until Ctrl-C" in line:
                judged = max(int(found[1].replace(",", "")) for found in map(ACCEPTED.search, said) if found)
            elif judged is not None and match is not None and int(match[1].replace(",", "")) > judged:
                break
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    text = "".join(said) + rest
    assert process.returncode == 0, text
    assert judged is not None, text
    assert json.loads(rest.splitlines()[-1])["lost"] == 0
    assert "demo --keep" not in rest
    assert processes_that_name(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_demo_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "demo"
    words = ["--seconds", "60", "--dir", str(folder), "--broker", "embedded"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        wait_until(
            lambda: (folder / "sensors" / "weather.truth.jsonl").exists() or process.poll() is not None,
            timeout_s=90,
            what="the station's first line",
        )
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert processes_that_name(folder) == []


def test_demo_leaves_a_folder_alone_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="ascii")
    words = ["--seconds", "25", "--dir", str(tmp_path), "--broker", "embedded"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "name another with --dir" in done.stderr
    assert (tmp_path / "thesis.txt").read_text(encoding="ascii") == "mine"


def test_folder_of_ours_is_emptied(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "demo")
    layout.reset()
    (layout.agent / "outbox.db").write_text("old", encoding="ascii")
    layout.reset()
    assert list(layout.agent.iterdir()) == []


@pytest.mark.parametrize("text", ["24", "nan", "-1", "x"])
def test_too_short_a_run_is_refused(text: str) -> None:
    done = subprocess.run([*COMMAND, "--seconds", text], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2


def start_deaf_process_and_fail(folder: Path) -> None:
    script = "trap '' TERM; sleep 1000 & echo $! > child; wait; wait"
    with Stage(folder / "logs") as stage:
        stage.start("deaf", ["sh", "-c", f"cd {folder}; {script}"]).stop_s = 0.5
        wait_until(lambda: (folder / "child").exists() and (folder / "child").read_text(), what="the child")
        raise DemoError("asked for")


def test_interruption_while_a_process_starts_leaves_it_known(tmp_path: Path) -> None:
    interrupt = f"kill -INT {os.getpid()}; exec sleep 1000"
    with pytest.raises(KeyboardInterrupt), Stage(tmp_path / "logs") as stage:  # noqa: PT012
        with interrupted_later():
            process = stage.start("late", ["sh", "-c", interrupt])
            # The shell's own words hold "sleep" too; once it has become it, the signal is sent.
            wait_until(lambda: Path(f"/proc/{process.popen.pid}/cmdline").read_text().startswith("sleep"), what="sleep")
            assert stage.processes == [process]
        raise AssertionError("the interruption was swallowed")
    assert not alive(process.popen.pid)


def test_stage_stops_what_does_not_listen_and_its_children(tmp_path: Path) -> None:
    with pytest.raises(DemoError, match="asked for"):
        start_deaf_process_and_fail(tmp_path)
    child = int((tmp_path / "child").read_text(encoding="ascii"))
    wait_until(lambda: not alive(child), what="the child's end")


def alive(number: int) -> bool:
    """Whether a process runs; a zombie nobody waited for does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def figures(**changes: object) -> Figures:
    good: dict[str, object] = {
        "emitted": 100,
        "unread_while_down": 10,
        "accepted": 90,
        "stored": 90,
        "altered": 0,
        "pending": 0,
        "recorded_loss": 0,
        "duplicates": 0,
        "lost": 0,
        "bytes_per_reading": 1.0,
        "agent_rss_mb": 40.0,
        "kills": 1,
        "outage_s": 10.0,
        "broker": "embedded",
        "plain_read": 90,
        "plain_lost": 30,
    }
    return Figures(**{**good, **changes})  # type: ignore[arg-type]


def test_promise_is_kept_only_when_every_count_says_so() -> None:
    assert figures().kept
    for change in (
        {"stored": 89},
        {"accepted": 91},
        {"emitted": 101},
        {"altered": 1},
        {"pending": 1},
        {"recorded_loss": 1},
        {"duplicates": 1},
        {"lost": 1},
        {"accepted": 0, "stored": 0, "emitted": 10},
    ):
        assert not figures(**change).kept, change


def test_window_runs_from_the_last_commit_until_the_port_is_open_again() -> None:
    second = 10**9
    said = [
        Emission(device="weather", form="json", text="{}", emitted_at_ns=at * second, heard=not 10 <= at < 13)
        for at in range(20)
    ]
    kill = Kill(killed_at_ns=10 * second - 1, started_at_ns=12 * second)
    (window,) = down_windows("weather", said, [kill])
    assert window.from_ns == 10 * second - 1 - 2_500_000_000
    assert window.to_ns == 14 * second
