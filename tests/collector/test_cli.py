"""The commands without a running collector: init, check, the registry's file, helpful noes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from collector.cli_init import template
from collector.config import load_config
from tests.conftest import free_port

ROOT = Path(__file__).parents[2]


def _harkara(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harkara", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_shipped_example_is_what_init_writes(tmp_path: Path) -> None:
    example = (ROOT / "examples" / "collector.toml").read_text(encoding="utf-8")
    assert template("127.0.0.1") == example
    out = tmp_path / "collector.toml"
    made = _harkara("collector", "init", "--broker", "mqtt.example.org", "--out", out)
    assert made.returncode == 0, made.stderr
    assert load_config(out).broker.host == "mqtt.example.org"
    again = _harkara("collector", "init", "--out", out)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert _harkara("collector", "init", "--out", out, "--force").returncode == 0
    assert load_config(out).broker.host == "127.0.0.1"
    assert _harkara("collector", "init", "--out", "-").stdout == example
    assert _harkara("collector", "init", "--broker", 'x"\ny', "--out", "-").returncode == 2


@pytest.mark.parametrize("action", ["run", "status", "stores"])
def test_no_configuration_at_all_is_told_with_how_to_mend_it(tmp_path: Path, action: str) -> None:
    file = tmp_path / "collector.toml"
    done = _harkara("collector", action, "--config", file)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"harkara collector: {file}: no such file; ")
    assert "`harkara collector init` writes one" in line


def test_check_opens_nothing(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text("", encoding="utf-8")
    checked = _harkara("collector", "run", "--config", config, "--check")
    assert (checked.returncode, "all is well" in checked.stdout) == (0, True)
    assert not (tmp_path / "data").exists()
    config.write_text("[brokr]\nhost = 'x'\n", encoding="utf-8")
    wrong = _harkara("collector", "run", "--config", config)
    assert wrong.returncode == 2
    assert wrong.stderr.count("\n") == 1
    assert "did you mean `broker`" in wrong.stderr
    assert not (tmp_path / "data").exists()


def test_device_works_on_the_file_of_a_stopped_collector(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text("", encoding="utf-8")
    assert "nobody may send yet" in _harkara("device", "list", "--config", config).stdout
    made = _harkara(
        "device", "add", "ridge-03", "--name", "Ridge", "--place", "30.7, 79.1", "--json", "--config", config
    )
    assert json.loads(made.stdout)["id"] == "ridge-03"
    taken = _harkara("device", "add", "ridge-03", "--config", config)
    assert (taken.returncode, "already there" in taken.stderr) == (2, True)
    assert _harkara("device", "add", "No Id", "--config", config).returncode == 2
    assert "disabled" in _harkara("device", "disable", "ridge-03", "--config", config).stdout
    listed = json.loads(_harkara("device", "list", "--json", "--config", config).stdout)["agents"]
    assert [(row["id"], row["status"], row["place"]) for row in listed] == [("ridge-03", "disabled", "30.7, 79.1")]
    assert "active" in _harkara("device", "enable", "ridge-03", "--config", config).stdout
    assert "Ridge, 30.7, 79.1" in _harkara("device", "list", "--config", config).stdout
    assert _harkara("device", "enable", "ridge-04", "--config", config).returncode == 2


def test_status_of_a_stopped_collector_says_so(tmp_path: Path) -> None:
    config = tmp_path / "collector.toml"
    config.write_text("", encoding="utf-8")
    answer = _harkara("collector", "status", "--config", config)
    assert answer.returncode == 1
    assert "nobody listens" in answer.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    import socket

    config = tmp_path / "collector.toml"
    port = free_port()
    config.write_text(f"[broker]\nport = {free_port()}\n[web]\nport = {port}\n", encoding="utf-8")
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        answer = _harkara("collector", "run", "--config", config)
    assert answer.returncode == 2
    assert f"web.port {port}" in answer.stderr
    assert "Traceback" not in answer.stderr
