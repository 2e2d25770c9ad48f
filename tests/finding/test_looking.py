"""One reading now: of a running agent, of a line that no agent has, of a device that says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from simulators.emulators.host import on_pty
from tests.agent.harness import Instrument, KeepingCollector, agent_config
from tests.conftest import Mosquitto, wait_until
from tests.finding.test_detect import bus

WIND = (
    '[[device]]\nid = "wind"\ndriver = "modbus"\nprofile = "renke/rs-fsjt"\n'
    'port = "{port}"\nunit = {unit}\npoll_s = 3600\n'
)
DUST = '[[device]]\nid = "dust"\ndriver = "serial"\nprofile = "nova/sds011"\nport = "{port}"\nseal_after_s = 0.5\n'
SDS011 = bytes.fromhex("AAC0D4043A0AA1601DAB")


def read(folder: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    command = [
        sys.executable,
        "-m",
        "harkara",
        "agent",
        "read",
        *words,
        "--config",
        str(folder / "agent.toml"),
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_without_an_agent_the_line_is_opened_asked_and_left(tmp_path: Path) -> None:
    agent_config(
        tmp_path,
        1,
        WIND.format(port=tmp_path / "bus", unit=1)
        + WIND.format(port=tmp_path / "bus", unit=2).replace('"wind"', '"other"'),
    )
    with on_pty(tmp_path / "bus", bus(("renke/rs-fsjt", 1))):
        status, found, _ = read(tmp_path, "wind", "--seconds", "60")
        assert status == 0
        assert found["reads"][0]["numbers"][0] == {"channel": "wind_speed", "value": "3.2", "unit": "m/s", "reason": ""}
        assert found["bytes"][0]["sent"] is True
        assert found["bytes"][0]["hex"] == "010300000001840a"
        assert "".join(each["hex"] for each in found["bytes"][1:]).startswith("0103020020")
        status, found, _ = read(tmp_path, "other", "--seconds", "4")
        assert status == 1
        assert found["reads"] == []
        assert {each["sent"] for each in found["bytes"]} == {True}


def test_an_unknown_device_is_one_line(tmp_path: Path) -> None:
    agent_config(tmp_path, 1, DUST.format(port=tmp_path / "dust"))
    status, _, words = read(tmp_path, "dusk")
    assert status == 2
    assert words.count("\n") == 1
    assert "did you mean `dust`?" in words


@pytest.mark.broker
def test_a_running_agent_asks_at_once_and_keeps_what_it_reads(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        dust = Instrument(tmp_path / "dust")
        stack.callback(dust.close)
        host = stack.enter_context(on_pty(tmp_path / "bus", bus(("renke/rs-fsjt", 1))))
        agent = agent_config(
            tmp_path, broker.port, WIND.format(port=tmp_path / "bus", unit=1) + DUST.format(port=tmp_path / "dust")
        )
        stack.callback(agent.end)
        agent.start()
        wait_until(lambda: agent.device("dust")["state"] == "up", what="the dust sensor to be open")
        before = host.answers
        # Its own interval is an hour: only this question makes it ask.
        status, found, _ = read(tmp_path, "wind", "--seconds", "60")
        assert status == 0
        assert found["reads"][0]["numbers"][0]["value"] == "3.2"
        assert host.answers > before
        waiting = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "harkara",
                "agent",
                "read",
                "dust",
                "--config",
                str(tmp_path / "agent.toml"),
                "--seconds",
                "90",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )

        def has_heard() -> bool:
            dust.say(SDS011)
            return waiting.poll() is not None

        wait_until(has_heard, what="the listener to have its reading")
        assert waiting.stdout is not None
        words = waiting.stdout.read()
        waiting.stdout.close()
        assert waiting.returncode == 0
        assert "pm2_5" in words
        assert "<- " in words
        assert "aa c0 d4 04" in words
        assert agent.device("wind")["readings"] >= 1
        assert agent.stop() == 0


def test_a_device_of_a_power_group_is_fed_for_the_look_and_its_words_are_shown(tmp_path: Path) -> None:
    log, probe = tmp_path / "log", tmp_path / "chip"
    probe.mkdir()
    (probe / "temp1_input").write_text("48312\n", encoding="ascii")
    commands = "".join(f'command_{word} = ["/bin/sh", "-c", "echo {word} >> {log}"]\n' for word in ("on", "off"))
    agent_config(
        tmp_path,
        1,
        f'[[power]]\nid = "probes"\nsettle_s = 0\n{commands}'
        f'[[device]]\nid = "cpu"\ndriver = "sysfs"\nprofile = "hwmon/cpu-thermal"\npath = "{probe}"\n'
        'power = "probes"\n',
    )
    status, found, _ = read(tmp_path, "cpu", "--seconds", "60")
    assert status == 0
    assert found["reads"][0]["numbers"][0]["value"] == "48.312"
    assert found["reads"][0]["texts"] == {}
    said = log.read_text(encoding="ascii").split()
    assert said[:4] == ["off", "on", "off", "on"]
    assert said[-1] == "off"
