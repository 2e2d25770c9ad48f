"""``harkara agent doctor``: each device's way, and how to mend it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from harkara_io import doctor_checks
from tests.agent.harness import Instrument, agent_config
from tests.conftest import free_port

DEVICES = """
[[device]]
id = "here"
driver = "serial"
profile = "nova/sds011"
port = "{folder}/here"
[[device]]
id = "gone"
driver = "serial"
profile = "nova/sds011"
port = "{folder}/gone"
[[device]]
id = "far"
driver = "modbus"
profile = "renke/rs-fsjt"
tcp = "127.0.0.1:{port}"
[[device]]
id = "chip"
driver = "i2c"
profile = "sensirion/sht3x-i2c"
bus = "/dev/i2c-99"
[[device]]
id = "kernel"
driver = "sysfs"
profile = "maxim/ds18b20-w1"
path = "{folder}/28-0"
"""


def doctor(folder: Path) -> dict[str, tuple[str, str, str]]:
    return {each["check"]: (each["level"], each["what"], each["mend"]) for each in told(folder)}


def told(folder: Path) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "harkara", "agent", "doctor", "--json", "--config", str(folder / "agent.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stderr == ""
    assert done.returncode == 1
    found: list[dict[str, str]] = json.loads(done.stdout)
    return found


def test_each_device_says_what_it_lacks_and_how_to_mend_it(tmp_path: Path) -> None:
    here = Instrument(tmp_path / "here")
    try:
        agent_config(tmp_path, free_port(), DEVICES.format(folder=tmp_path, port=free_port()))
        found = doctor(tmp_path)
    finally:
        here.close()
    assert found["device here"][0] == "ok"
    assert found["device gone"][0] == "broken"
    assert "plugged in" in found["device gone"][2]
    assert "Connection refused" in found["device far"][1]
    assert "dtparam=i2c_arm=on" in found["device chip"][2]
    assert found["device kernel"][0] == "broken"
    assert found["agent"][0] == "note"


def test_a_broken_configuration_is_a_finding(tmp_path: Path) -> None:
    agent_config(tmp_path, free_port(), '[[device]]\nid = "x"\ndriver = "modbos"\n')
    level, what, _ = doctor(tmp_path)["configuration"]
    assert level == "broken"
    assert "driver" in what or "modbos" in what


def test_a_missing_or_unreadable_configuration_is_told_once_and_in_words(tmp_path: Path) -> None:
    for text in (None, "[agent\n"):
        if text is not None:
            (tmp_path / "agent.toml").write_text(text, encoding="utf-8")
        (found,) = [each for each in told(tmp_path) if each["check"] == "configuration"]
        assert found["level"] == "broken"
        assert "Errno" not in found["what"]
        assert found["mend"] or text


def test_a_missing_broker_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "agent.toml").write_text('agent = "station-1"\n', encoding="utf-8")
    configuration = [each for each in told(tmp_path) if each["check"] == "configuration"]
    about = [each for each in configuration if "`broker`" in each["what"] or "no broker" in each["what"]]
    assert [each["level"] for each in about] == ["broken"]


def test_buses_of_a_machine(tmp_path: Path) -> None:
    dev, sys_tree = tmp_path / "dev", tmp_path / "sys"
    dev.mkdir()
    (dev / "i2c-1").touch()
    (sys_tree / "bus" / "w1" / "devices" / "28-0316a2795bff").mkdir(parents=True)
    found = [(each.level, each.what) for each in doctor_checks.buses(dev, sys_tree)]
    assert found == [("ok", f"I2C: {dev}/i2c-1"), ("ok", "1-Wire: 28-0316a2795bff")]
