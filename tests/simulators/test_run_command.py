"""``harkara simulate run``: the same bytes at any speed, real carriers and processes, a line for each mistake."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulators.demo.broker import find_mosquitto
from simulators.demo.processes import harkara_command
from simulators.scenario.claims import check
from simulators.scenario.load import load
from tests.conftest import free_port, wait_until
from tests.simulators.test_scenario import VALLEY, written

SCENARIOS = sorted((Path(__file__).parents[2] / "examples" / "scenarios").glob("*.toml"))
SHORT = VALLEY.replace('duration = "20min"', 'duration = "60s"').replace('at = "5min"', 'at = "20s"')
SHORT = SHORT.replace('duration = "2min"', 'duration = "10s"').replace("at = 300", "at = 30")


def harkara(*words: str | Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    command = [python, *harkara_command()[1:], *(str(word) for word in words)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "4"}
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)


def test_pacing_only_delays(tmp_path: Path) -> None:
    path = written(tmp_path, SHORT.replace('duration = "60s"', 'duration = "31s"'))
    began = time.monotonic()
    real = harkara("simulate", "run", path, "--speed", "10", "--truth", tmp_path / "slow")
    took = time.monotonic() - began
    assert real.returncode == 0, real.stderr
    assert took >= 3.0
    assert harkara("simulate", "run", path, "--dry-run", "--truth", tmp_path / "fast").returncode == 0
    assert (tmp_path / "slow").read_bytes() == (tmp_path / "fast").read_bytes()


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_shipped_scenario_plays(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")
    done = harkara("simulate", "run", path, "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["measurements"] > 1000
    assert set(figures["assertions"]) == {"unjudged"}


def test_there_are_the_scenarios_that_were_promised() -> None:
    names = {path.stem for path in SCENARIOS}
    assert names >= {
        "farm",
        "hill-district",
        "urban-air",
        "river-flood",
        "survey-drone",
        "monsoon-week",
        "clockless-boot",
        "hostile-device",
    }


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_device_without_agent_speaks_at_its_carrier(tmp_path: Path) -> None:
    port = free_port()
    carried = SHORT.replace('id = "gnss"', f'id = "gnss"\ncarrier = "tcp:127.0.0.1:{port}"')
    command = [*harkara_command(), "simulate", "run", str(written(tmp_path, carried)), "--speed", "20"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            heard = b""
            wait_until(lambda: listens(port), what="the device's port")
            with socket.create_connection(("127.0.0.1", port), timeout=30) as reader:
                while heard.count(b"$GNGGA") < 10 and (data := reader.recv(4096)):
                    heard += data
        finally:
            process.terminate()
            process.wait(30)
    assert heard.count(b"$GNGGA") >= 10


@pytest.mark.parametrize(
    ("was", "becomes", "status", "words"),
    [
        ('id = "gnss"', 'id = "gnss"\ncarrier = "tcp:127.0.0.1:{port}"', 1, "cannot listen at 127.0.0.1:{port}"),
        ('id = "gnss"', 'id = "gnss"\ncarrier = "smoke:3"', 1, "is no way to a reader"),
        ('id = "gnss"', 'id = "gnss"\ncarrier = "mqtt:127.0.0.1:1"', 1, "broker 127.0.0.1:1"),
        ('kind = "flip"', 'kind = "flap"', 2, "strikes a link, not a device"),
        ('kind = "flip"', 'kind = "flop"', 2, "scenario.toml:37"),
    ],
)
def test_mistake_is_one_line(tmp_path: Path, was: str, becomes: str, status: int, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = harkara("simulate", "run", written(tmp_path, SHORT.replace(was, becomes.format(port=port), 1)))
    assert done.returncode == status
    assert words.format(port=port) in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_assertions_hold_fail_and_speak_up(tmp_path: Path) -> None:
    claims = """
[[assert]]
what = "frames"
min = 10
[[assert]]
what = "bytes"
max = 10
[[assert]]
what = "frames"
max = 10
expect = "fail"
reason = "there are more"
[[assert]]
what = "frames"
min = 10
expect = "fail"
reason = "nobody says so many"
[[assert]]
what = "lost"
equals = 0
"""
    path = written(tmp_path, SHORT + claims)
    states = [claim.state for claim in check(load(path), {"frames": 300, "bytes": 30_000})]
    assert states == ["holds", "fails", "expected", "surprise", "unjudged"]
    done = harkara("simulate", "run", path, "--dry-run")
    assert done.returncode == 1
    assert "take `expect` away" in done.stdout
    first = SHORT + claims.split('[[assert]]\nwhat = "bytes"', maxsplit=1)[0]
    assert harkara("simulate", "run", written(tmp_path, first), "--dry-run").returncode == 0


def test_full_stack_needs_an_agent(tmp_path: Path) -> None:
    done = harkara("simulate", "run", written(tmp_path, SHORT), "--full-stack")
    assert done.returncode == 2
    assert "[[agent]]" in done.stderr


FIELD = """
[[link]]
id = "gsm"
latency_s = 0.02
[[agent]]
id = "field"
link = "gsm"
[[fault]]
kind = "outage"
link = "gsm"
at = 20
duration = 20
[[fault]]
kind = "killed"
process = "agent:field"
at = 45
duration = 5
[[assert]]
what = "lost"
equals = 0
[[assert]]
what = "duplicated"
equals = 0
[[assert]]
what = "altered"
equals = 0
[[assert]]
what = "unexpected"
equals = 0
[[assert]]
what = "stored"
min = 300
"""


def with_field() -> str:
    text = SHORT.replace("spread_m = 2000", 'spread_m = 2000\nagent = "field"')
    return text.replace('id = "drone"', 'id = "drone"\nagent = "field"') + FIELD


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_scenario_with_an_agent_ends_with_a_verdict(tmp_path: Path) -> None:
    path, folder, truth = written(tmp_path, with_field()), tmp_path / "run", tmp_path / "truth.jsonl"
    done = harkara("simulate", "run", path, "--speed", "6", "--dir", folder, "--truth", truth, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["assertions"] == {"holds": 5}
    assert figures["said"] == figures["stored"] + figures["unheard"]
    assert figures["unheard"] > 0  # the agent was dead for a while
    assert running(folder) == []
    dry = tmp_path / "dry.jsonl"
    harkara("simulate", "run", path, "--dry-run", "--truth", dry)
    assert dry.read_bytes() == truth.read_bytes()
    judged = harkara("simulate", "judge", truth, "--config", folder / "collector" / "collector.toml", "--json")
    found = json.loads(judged.stdout.splitlines()[-1])
    assert found["altered"] == found["duplicated"] == 0
    assert found["missing"] > 0  # what was said while the agent was dead
    assert judged.returncode == 1


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_everything_started_is_stopped_when_interrupted(tmp_path: Path) -> None:
    path, folder = written(tmp_path, with_field()), tmp_path / "run"
    command = [*harkara_command(), "simulate", "run", str(path), "--speed", "1", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until((folder / "field" / "card" / "agent.sock").exists, timeout_s=60, what="the agent")
        assert len(running(folder)) >= 3
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    assert process.returncode != 0
    assert running(folder) == []


def running(folder: Path) -> list[str]:
    """Commands of processes that name a folder."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = each.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words) and "simulate" not in words:
            found.append(" ".join(words))
    return found
