"""One file and seed give the same truth and bytes: at every speed, with processes and without, on every Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from simulators.demo.broker import find_mosquitto
from tests.simulators.test_run_command import SCENARIOS, harkara
from tests.simulators.test_scenario import written

LOCK = Path(__file__).parents[2] / "requirements" / "lock.txt"
NEEDED = (
    *("annotated-types", "numpy", "paho-mqtt", "pydantic", "pydantic-core"),
    *("typing-extensions", "typing-inspection"),
)
"""What a scenario needs that starts nothing."""
SHORT = """\
title = "ten seconds of everything"
seed = 41
start = 2026-06-01T06:00:00Z
duration = "10s"

[[station]]
id = "mast"
elevation_m = 560
device = [
  { id = "weather", interval_s = 0.5, channels = ["air_temperature", "wind_speed"], noise = { wind_speed = 0.2 } },
  { id = "dust", model = "plantower/pms5003", interval_s = 1, channels = ["pm2_5", "pm10"] },
  { id = "charger", model = "victron/mppt", interval_s = 1, channels = ["panel_power"] },
  { id = "place", model = "u-blox/nav-pvt", interval_s = 1 },
]

[[station]]
id = "drone"
path = [
  { at = 0, east_m = 0, north_m = 0, elevation_m = 560 },
  { at = 10, east_m = 90, north_m = 40, elevation_m = 600 },
]
device = [
  { id = "autopilot", model = "mavlink/position", interval_s = 0.5 },
  { id = "gnss", model = "nmea", interval_s = 1 },
]

[[fault]]
kind = "spike"
device = "mast/dust"
share = 0.3

[[fault]]
kind = "flip"
device = "*/*"
share = 0.1
at = 2

[[fault]]
kind = "step"
device = "mast/place"
at = 5
size = -3
"""
ASKED = """
[[agent]]
id = "house"

[[station]]
id = "yard"
agent = "house"
device = [
  { id = "wind", model = "renke/rs-fsjt", bus = "rs485", interval_s = 1, channels = ["wind_speed"] },
  { id = "soil", model = "meter/teros-12-sdi12", interval_s = 2, channels = ["soil_temperature"] },
]

[[fault]]
kind = "stuck"
device = "yard/wind"
at = 3
"""


def truth(path: Path, to: Path, *words: str, python: str = sys.executable) -> tuple[bytes, dict[str, str]]:
    done = harkara("simulate", "run", path, *words, "--truth", to, "--json", python=python)
    assert done.returncode == 0, done.stdout + done.stderr
    return to.read_bytes(), json.loads(done.stdout.splitlines()[-1])["streams"]


def test_the_truth_and_every_stream_are_equal_at_1x_60x_and_full_speed(tmp_path: Path) -> None:
    path = written(tmp_path, SHORT)
    first, streams = truth(path, tmp_path / "full", "--speed", "0")
    assert len(streams) == 6
    assert len(set(streams.values())) == 6
    for speed in ("1", "60"):
        assert truth(path, tmp_path / speed, "--speed", speed) == (first, streams)


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_it_is_equal_too_where_agents_ask_and_what_was_asked_stands_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path, SHORT + ASKED)
    dry = truth(path, tmp_path / "dry.jsonl", "--dry-run")
    played = tmp_path / "played.jsonl"
    assert truth(path, played, "--speed", "2", "--dir", str(tmp_path / "run")) == dry
    answers = [json.loads(line) for line in (tmp_path / "played.asked.jsonl").read_text(encoding="ascii").splitlines()]
    assert {answer["device"] for answer in answers} == {"yard/wind", "yard/soil"}
    assert {answer["kind"] for answer in answers} == {"asked"}
    true = {
        (line["device"], line["number"]): line["sensed"]
        for line in map(json.loads, dry[0].splitlines())
        if "sensed" in line
    }
    told = [answer for answer in answers if answer["measurement"]]
    assert told
    for answer in told:
        sensed = true[answer["device"], answer["measurement"]]
        assert sensed.items() <= answer["sensed"].items()
        # The second fault of the file turns bits.
        assert (answer["meant"] != answer["answered"]) == (1 in answer["faults"])


@pytest.fixture(scope="module")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python of another version, with the very packages of the lock file."""
    names = ("python3.13", "python3.12", "python3.14")
    mine = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = [path for name in names if not name.endswith(mine) and (path := shutil.which(name))]
    # A name alone may be a stand-in of a version manager.
    working = [
        path for path in found if not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode
    ]
    if not working:
        pytest.skip("no other Python is installed")
    folder = tmp_path_factory.mktemp("other-python")
    subprocess.run([working[0], "-m", "venv", str(folder / "venv")], check=True, capture_output=True)
    locked = re.split(r"\n(?=[a-z0-9])", LOCK.read_text(encoding="utf-8"))
    chosen = [each for each in locked if re.split(r"[=\[ ;]", each, maxsplit=1)[0] in NEEDED]
    (folder / "needed.txt").write_text("\n".join(chosen) + "\n", encoding="utf-8")
    python = str(folder / "venv" / "bin" / "python")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(folder / "needed.txt")]
    done = subprocess.run([python, *words], capture_output=True, text=True, timeout=400, check=False)
    if done.returncode:
        pytest.skip(f"packages for another Python cannot be had here: {done.stderr.strip().splitlines()[-1:]}")
    return python


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_shipped_scenario_is_equal_on_another_python(tmp_path: Path, other_python: str) -> None:
    for path in [*SCENARIOS, written(tmp_path, SHORT)]:
        mine = truth(path, tmp_path / "mine", "--dry-run")
        assert truth(path, tmp_path / "other", "--dry-run", python=other_python) == mine, path.stem
