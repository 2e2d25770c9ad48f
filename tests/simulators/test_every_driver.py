"""Every emulated model that a port reaches, read by a real agent over its real driver, all of it judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators.scenario.load import load, placed
from simulators.scenario.models import EMULATED
from tests.simulators.conftest import Judged
from tests.simulators.test_scenario import written

EVERYTHING = """\
title = "one of everything"
seed = 5
start = 2026-06-14T00:30:00Z
duration = "10min"
speed = 30

[[agent]]
id = "house"

[[station]]
id = "yard"
agent = "house"
elevation_m = 560

[[station.device]]
id = "wind"
model = "renke/rs-fsjt"
bus = "rs485"
address = 1
interval_s = 10
channels = ["wind_speed"]

[[station.device]]
id = "climate"
model = "renke/rs-wsd"
bus = "rs485"
address = 2
interval_s = 10
channels = ["air_temperature", "relative_humidity"]

[[station.device]]
id = "meter"
model = "eastron/sdm120"
bus = "rs485"
address = 3
interval_s = 10

[[station.device]]
id = "pond"
model = "in-situ/aqua-troll-400"
bus = "rs485"
address = 4
interval_s = 10

[[station.device]]
id = "sky"
model = "meter/atmos-41-sdi12"
bus = "sdi"
address = 4
interval_s = 30
channels = ["air_temperature", "wind_speed", "wind_direction"]

[[station.device]]
id = "soil-a"
model = "meter/teros-12-sdi12"
bus = "sdi"
address = 0
interval_s = 30
channels = ["soil_counts", "soil_temperature"]

[[station.device]]
id = "soil-b"
model = "meter/teros-12-sdi12"
bus = "sdi"
address = "b"
interval_s = 30
channels = ["soil_counts", "soil_temperature"]

[[station.device]]
id = "pms"
model = "plantower/pms5003"
interval_s = 10
channels = ["pm2_5"]

[[station.device]]
id = "sds"
model = "nova/sds011"
interval_s = 10
channels = ["pm2_5"]

[[station.device]]
id = "sps"
model = "sensirion/sps30-uart"
interval_s = 10
channels = ["pm2_5"]

[[station.device]]
id = "davis"
model = "davis/vantage"
interval_s = 15
channels = ["air_temperature", "wind_speed", "wind_direction"]

[[station.device]]
id = "sonic"
model = "gill/windsonic"
interval_s = 10
channels = ["wind_speed", "wind_direction"]

[[station.device]]
id = "rain"
model = "hydreon/rg-15"
interval_s = 10
channels = ["precipitation_total", "precipitation_rate"]

[[station.device]]
id = "mppt"
model = "victron/mppt"
interval_s = 10
channels = ["panel_power"]

[[station.device]]
id = "ubx"
model = "u-blox/nav-pvt"
interval_s = 10

[[station.device]]
id = "bme"
model = "bosch/bme280-iio"
interval_s = 10
channels = ["air_temperature", "air_pressure", "relative_humidity"]

[[station.device]]
id = "onewire"
model = "maxim/ds18b20-w1"
interval_s = 10
channels = ["temperature"]

[[station.device]]
id = "lora"
model = "dragino/lse01"
interval_s = 60
channels = ["soil_moisture_percent", "soil_temperature"]

[[station]]
id = "drone"
agent = "house"
path = [
  { at = 0, east_m = 0, north_m = 0, elevation_m = 560 },
  { at = 60, east_m = 0, north_m = 0, elevation_m = 620 },
  { at = 600, east_m = 2000, north_m = 0, elevation_m = 620 },
]

[[station.device]]
id = "autopilot"
model = "mavlink/position"
interval_s = 1
also = ["mavlink/attitude", "mavlink/gnss"]
carrier = "udp"

[[station.device]]
id = "air"
interval_s = 2
channels = ["pm2_5"]
place_from = "autopilot"
"""
FAULTS = """
[[fault]]
kind = "flip"                      # answers on a bus: asked for again
device = "yard/wind"
share = 0.2
at = 60
duration = 200

[[fault]]
kind = "cut"
device = "yard/soil-a"
share = 0.3
at = 60
duration = 200

[[fault]]
kind = "interleave"
device = "yard/mppt"
share = 0.3
at = 60
duration = 300

[[fault]]
kind = "duplicate"
device = "yard/pms"
share = 0.3
at = 60
duration = 300

[[fault]]
kind = "reorder"
device = "yard/sonic"
share = 0.3
at = 60
duration = 300

[[fault]]
kind = "flip"
device = "drone/autopilot"
share = 0.1
at = 60
duration = 200

[[fault]]
kind = "flip"                      # words without a checksum
device = "yard/rain"
share = 0.2
at = 60
duration = 200

[[fault]]
kind = "flip"                      # a file
device = "yard/onewire"
share = 0.2
at = 60
duration = 300

[[fault]]
kind = "dropout"
device = "yard/climate"
channel = "air_temperature"
at = 200
duration = 100

[[fault]]
kind = "dropout"
device = "yard/sds"
at = 200
duration = 100

[[fault]]
kind = "step"
device = "yard/ubx"
at = 300
size = -60

[[fault]]
kind = "killed"
process = "agent:house"
at = 380
duration = 60
"""


def test_it_is_every_model(tmp_path: Path) -> None:
    models = {device.device.model for device in placed(load(written(tmp_path, EVERYTHING)))}
    # The plain receiver model stands for the catalogue's, which prints the same sentences.
    assert models - {"lines"} == set(EMULATED) - {"nmea/gnss"}


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.parametrize("faults", ["", FAULTS], ids=["all well", "much is wrong"])
def test_what_they_say_and_answer_is_stored_once_and_as_it_was_said(
    tmp_path: Path, judged: Judged, faults: str
) -> None:
    outcome, _ = judged(written(tmp_path, EVERYTHING + faults), 30.0)
    figures = outcome.figures
    zeroes = ("lost", "duplicated", "altered", "unexpected", "reordered", "misplaced")
    assert {name: figures[name] for name in zeroes} == dict.fromkeys(zeroes, 0), outcome.examples
    assert figures["said"] == figures["stored"] + figures["unheard"]
    assert figures["stored"] > 5000
    assert figures["placed"] > 100
    assert figures["unjudged"] > 1000
    if faults:
        assert figures["unheard"] > 100
        assert {"duplicate", "interleave", "step"} <= set(outcome.scores)
