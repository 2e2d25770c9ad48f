"""Scenario files: what is wrong is told with its line; one file and seed give the same bytes at any speed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from harkara_io.errors import ConfigError
from simulators.scenario.course import course
from simulators.scenario.load import load, placed
from simulators.scenario.truth_file import TruthFile, read_lines

VALLEY = """\
title = "a small valley"
seed = 7
start = 2026-06-01T00:00:00Z
duration = "20min"

[[station]]
id = "ridge"
count = 3
spread_m = 2000

[[station.device]]
id = "weather"
interval_s = 2
channels = ["air_temperature", "wind_speed"]
noise = { air_temperature = 0.1 }

[[station]]
id = "drone"
path = [
  { at = 0, east_m = 0, north_m = 0, elevation_m = 100 },
  { at = 600, east_m = 900, north_m = 0, elevation_m = 200 },
]

[[station.device]]
id = "gnss"
model = "nmea"
interval_s = 1

[[fault]]
kind = "stuck"
device = "ridge-*/weather"
channel = "air_temperature"
at = "5min"
duration = "2min"

[[fault]]
kind = "flip"
device = "ridge-01/weather"
share = 0.2

[[fault]]
kind = "step"
device = "drone/gnss"
at = 300
size = -7
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text, encoding="utf-8")
    return path


def played(folder: Path, text: str, name: str = "truth.jsonl") -> tuple[dict[str, str], bytes]:
    with TruthFile(load(written(folder, text)), folder / name) as truth:
        for said in course(truth.scenario):
            truth.add(said)
    return truth.streams.hashes(), (folder / name).read_bytes()


def test_same_file_and_seed_give_the_same_bytes_and_truth(tmp_path: Path) -> None:
    hashes, truth = played(tmp_path, VALLEY)
    assert played(tmp_path, VALLEY) == (hashes, truth)
    assert played(tmp_path, VALLEY.replace("seed = 7", "seed = 8"))[0] != hashes
    assert len(set(hashes.values())) == 4


def test_another_device_leaves_the_bytes_of_the_others(tmp_path: Path) -> None:
    hashes, _ = played(tmp_path, VALLEY)
    more = VALLEY.replace(
        "[[fault]]", '[[station]]\nid = "new"\n[[station.device]]\nid = "w"\nchannels = ["pm2_5"]\n\n[[fault]]', 1
    )
    with_more, _ = played(tmp_path, more)
    assert with_more.pop("new/w")
    assert with_more == hashes


def test_truth_tells_every_value_frame_and_fault(tmp_path: Path) -> None:
    played(tmp_path, VALLEY)
    scenario = load(tmp_path / "scenario.toml")
    lines = list(read_lines(tmp_path / "truth.jsonl"))
    assert [line["kind"] for line in lines[:4]] == ["scenario", "fault", "fault", "fault"]
    assert lines[1]["devices"] == ["ridge-01/weather", "ridge-02/weather", "ridge-03/weather"]
    assert lines[1]["windows_ns"] == [[scenario.start_ns + 300 * 10**9, scenario.start_ns + 420 * 10**9]]
    said = {(each.device.name, each.number): each for each in course(scenario)}
    for line in lines[4:-1]:
        each = said.pop((line["device"], line["number"]))
        assert line["frames"] == [hashlib.blake2b(f.data, digest_size=8).hexdigest() for f in each.frames]
        assert (0 in line["faults"]) == ("weather" in line["device"] and 300 <= _since_s(line, scenario.start_ns) < 420)
        assert line["clock_ns"] - line["at_ns"] == (-7 * 10**9 if 2 in line["faults"] else 0)
    assert not said
    stuck = {
        line["sensed"]["air_temperature"]
        for line in lines[4:-1]
        if line["device"][:8] == "ridge-02" and 0 in line["faults"]
    }
    assert len(stuck) == 1
    assert lines[-1]["measurements"] == 3 * 600 + 1200


def _since_s(line: dict[str, int], start_ns: int) -> float:
    return (line["at_ns"] - start_ns) / 1e9


def test_lines_are_what_a_json_reader_reads(tmp_path: Path) -> None:
    for said in course(load(written(tmp_path, VALLEY))):
        if said.device.device.model == "lines":
            fields = json.loads(said.intact[0].data)
            fields.pop("time")
            assert fields.pop("record") == said.number
            assert fields == said.sensed


def test_counted_stations_are_scattered(tmp_path: Path) -> None:
    found = [each.station for each in placed(load(written(tmp_path, VALLEY))) if each.station.id.startswith("ridge")]
    assert len({(station.east_m, station.north_m) for station in found}) == 3
    assert all(abs(station.east_m) <= 1000 and 0 <= station.elevation_m <= 200 for station in found)


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ('kind = "stuck"', 'kind = "stack"', "stuck"),
        ('at = "5min"', 'at = "5h"', "when all is over"),
        ('at = "5min"', 'at = "five"', "no length of time"),
        ('duration = "20min"', 'duration = "0min"', "greater than 0"),
        ("2026-06-01T00:00:00Z", "9999-12-31T23:59:59Z", "out of reach"),
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00", "timezone"),
        ('device = "ridge-01/weather"', 'device = "ridge-01/wether"', "did you mean `ridge-01/weather`"),
        ('channel = "air_temperature"', 'channel = "air_temprature"', "did you mean `air_temperature`"),
        ('"wind_speed"]', '"wind_sped"]', "did you mean `wind_speed`"),
        ('model = "nmea"', 'model = "nema"', "did you mean `nmea`"),
        ('title = "a small valley"', 'titel = "a small valley"', "did you mean `title`"),
        ("size = -7", "size = -7\nevery = 5", "begins again before it ends"),
        ("share = 0.2", 'share = 0.2\nlink = "gsm"', "strikes a device, not a link"),
        ('id = "drone"', 'id = "drone"\nagent = "field"', "no such agent `field`"),
    ],
)
def test_mistake_is_told_with_its_line(tmp_path: Path, was: str, becomes: str, words: str) -> None:
    assert was in VALLEY
    path = written(tmp_path, VALLEY.replace(was, becomes, 1))
    line = VALLEY[: VALLEY.index(was)].count("\n") + 1 + becomes.count("\n")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.exit_status == 2
    first = str(caught.value).splitlines()[0]
    assert words in first
    assert first.startswith(f"{path}:{line}: ")
