"""The demonstration with a real store of others: what it has is asked of it, not of the lake."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from simulators.demo.servers import find_server
from tests.demo.test_demo import COMMAND, processes_that_name


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.parametrize(("store", "server"), [("influxdb", "influxd"), ("victoriametrics", "victoria-metrics")])
def test_the_store_has_everything_once_after_an_outage_and_a_kill(tmp_path: Path, store: str, server: str) -> None:
    if find_server(server) is None:
        pytest.skip(f"{server} cannot be had here")
    folder = tmp_path / "demo"
    words = ["--store", store, "--seconds", "25", "--json", "--dir", str(folder), "--seed", "4"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["store"] == store
    assert figures["stored"] == figures["accepted"] > 500
    assert [figures[name] for name in ("altered", "pending", "recorded_loss", "duplicates", "lost")] == [0] * 5
    assert processes_that_name(folder) == []


def test_a_store_and_a_drone_are_two_demonstrations(tmp_path: Path) -> None:
    words = ["--store", "influxdb", "--drone", "--seconds", "45", "--dir", str(tmp_path / "demo")]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert "give one of them" in done.stderr
