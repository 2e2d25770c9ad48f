"""How long a month of twenty sensors takes to simulate on one core, and how many agents a process holds."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from harkara_io.toml_config import parse
from simulators.fleet.load import FleetPlan, run_fleet
from simulators.fleet.site import fleet_site
from simulators.scenario.course import course
from simulators.scenario.model import Scenario
from simulators.scenario.truth_file import TruthFile

_MONTH: Final = """\
title = "twenty sensors for a month"
seed = 1
start = 2026-06-01T00:00:00Z
duration = "30d"
[[station]]
id = "station"
count = 20
spread_m = 20000
[[station.device]]
id = "weather"
interval_s = 60
channels = ["air_temperature", "relative_humidity", "air_pressure"]
noise = { air_temperature = 0.05 }
[[fault]]
kind = "stuck"
device = "station-03/weather"
channel = "air_temperature"
at = "5d"
duration = "6h"
every = "7d"
[[fault]]
kind = "flip"
device = "station-07/weather"
at = "2d"
share = 0.01
"""
_AGENTS: Final = 500


def run(seconds: float = 20.0) -> dict[str, Any]:
    """Measure both.

    Args:
        seconds: How long the fleet works. [s]
    """
    return {
        "about": "A measurement a minute of three quantities each, every byte and the truth file written; then a fleet "
        "that seals one block of 40 readings a second each, against Mosquitto and a collector on this machine.",
        "month": _month(),
        "fleet": _fleet(seconds),
        "targets": {"month.cpu_s": "<= 60", "fleet.agents": ">= 500", "fleet.held": ">= 0.99"},
    }


def _month() -> dict[str, Any]:
    scenario = parse(_MONTH, Scenario)
    with tempfile.TemporaryDirectory(prefix="harkara-bench-") as folder:
        path = Path(folder) / "truth.jsonl"
        began, cpu = time.monotonic(), time.process_time()
        with TruthFile(scenario, path) as truth:
            for said in course(scenario):
                truth.add(said)
        took, cpu_s = time.monotonic() - began, time.process_time() - cpu
        digest = hashlib.blake2b(repr(truth.streams.hashes()).encode(), digest_size=8).hexdigest()
        return {
            "sensors": len(truth.streams.bytes),
            "measurements": truth.streams.measurements,
            "seconds": round(took, 1),
            "cpu_s": round(cpu_s, 1),
            "measurements_per_s": round(truth.streams.measurements / took),
            "truth_mb": round(path.stat().st_size / 1e6, 1),
            "streams": digest,
        }


def _fleet(seconds: float) -> dict[str, Any]:
    names = [f"fleet-{number:05d}" for number in range(_AGENTS)]
    with tempfile.TemporaryDirectory(prefix="harkara-bench-") as folder, fleet_site(Path(folder), names) as site:
        plan = FleetPlan(agents=names, seconds=seconds)
        figures = asyncio.run(run_fleet(plan, ("127.0.0.1", site.port), lambda _: None))
    return {
        "agents": figures.agents,
        "held": figures.held,
        "blocks_per_s": figures.blocks_per_s,
        "stored": figures.stored,
        "pending": figures.pending,
        "latency_p99_s": figures.latency_p99_s,
        "cpu_share": round(figures.cpu_s / figures.seconds, 2),
    }
