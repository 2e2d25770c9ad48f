"""Models of the catalogue in a scenario: they sense its world, and faults strike their bytes as any other's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.framing.factory import framer
from device_profiles.rejects import FrameRejected
from harkara_io.errors import ConfigError
from simulators.scenario.course import course
from simulators.scenario.load import load
from simulators.scenario.models import EMULATED

LAMP = """\
title = "one lamp post"
seed = 3
start = 2026-06-01T00:00:00Z
duration = "2min"

[[station]]
id = "lamp"

[[station.device]]
id = "dust"
model = "nova/sds011"
interval_s = 1
channels = ["pm2_5"]

[[station.device]]
id = "wind"
model = "gill/windsonic"
interval_s = 1
channels = ["wind_speed", "wind_direction"]

[[fault]]
kind = "dropout"
device = "lamp/wind"
channel = "wind_speed"
at = 60
duration = 30
"""


def file(folder: Path, text: str) -> Path:
    path = folder / "lamp.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_they_sense_the_world_and_the_catalogue_reads_it_back(tmp_path: Path) -> None:
    profile = catalogue.load("nova/sds011")
    cutter = framer(profile)
    read: list[float] = []
    true: list[float] = []
    silent = 0
    for said in course(load(file(tmp_path, LAMP))):
        if said.device.device.id == "wind":
            silent += b"Q,,,M,04," in said.frames[0].data
            continue
        true.append(said.true["pm2_5"])
        for frame in cutter.feed(b"".join(frame.data for frame in said.frames)):
            assert isinstance(frame, bytes)
            decoded = profile.decode(frame)
            assert not isinstance(decoded, FrameRejected)
            [row] = decoded.rows
            values = {each.channel: each.value for each in profile.apply(row)}
            assert values["pm2_5"] is not None
            read.append(values["pm2_5"])
    assert len(read) == 120
    assert len(set(true)) > 10
    # The world is rounded to whole micrograms as a dust sensor resolves it.
    assert all(abs(value - there) <= 0.56 for value, there in zip(read, true, strict=True))
    assert silent == 30


def test_channels_that_a_model_does_not_have_are_told_with_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`nova/sds011` senses no `wind_speed` .*it has pm10, pm2_5") as no:
        load(file(tmp_path, LAMP.replace('["pm2_5"]', '["wind_speed"]')))
    assert no.value.problems[0].line == LAMP.splitlines().index('channels = ["pm2_5"]') + 1


def test_every_speaking_model_can_stand_in_a_scenario(tmp_path: Path) -> None:
    for name in sorted(name for name, model in EMULATED.items() if model.requests == "none"):
        text = LAMP[: LAMP.index("[[station.device]]")] + f'[[station.device]]\nid = "x"\nmodel = {json.dumps(name)}\n'
        said = list(course(load(file(tmp_path, text + "interval_s = 10\n"))))
        assert len(said) == 12
        assert all(each.frames for each in said), name
