"""A store and the collector killed with SIGKILL again and again under load; every value in the store is compared.

The moments are drawn anew for each kill and are the same for each run. The stations run the delivery machine of real
agents; what they send is a recorded day, laid end to end.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

from benchmarks.peers.agents import SteadyAgents
from benchmarks.peers.chain import WAYS, Chain, Way, running
from benchmarks.peers.failures import settle
from benchmarks.peers.readings import CHANNELS, Readings
from benchmarks.peers.timetable import Step, Timetable
from benchmarks.peers.verdict import judge
from benchmarks.recordings import midc
from benchmarks.store_rig import kinds_here

KILLS: Final = 20
STATIONS: Final = 50
VALUES_PER_S: Final = 50_000
_BEFORE_S: Final = 5.0
_EVERY_S: Final = 6.0
"""Between two kills of the store; the collector's lies somewhere between them."""
_AFTER_S: Final = 10.0
_DRAIN_S: Final = 240.0


def run(kills: int = KILLS) -> dict[str, Any]:
    """Measure with each store that can be had.

    Args:
        kills: How often the store is killed, and how often the collector.
    """
    folder = os.environ.get("HARKARA_CAPTURES")
    if not folder:
        return {"skipped": "HARKARA_CAPTURES is not set: the recording to replay is not part of the project"}
    here = kinds_here()
    ways = [way for way in WAYS if way.program == "harkara" and way.store in here]
    seconds = _BEFORE_S + kills * _EVERY_S + _AFTER_S
    minutes = int(VALUES_PER_S * seconds / STATIONS / len(CHANNELS))
    readings = Readings(midc(Path(folder) / "timeseries"), STATIONS, minutes)
    return {
        "about": (
            f"{readings.count:,} values at {VALUES_PER_S:,} a second; meanwhile the store is killed {kills} times and "
            f"the collector {kills} times, both with SIGKILL, at moments of chance."
        ),
        **{way.store: _killed(way, readings, kills, seconds) for way in ways},
        "targets": {f"{way.store}.{word}": "0" for way in ways for word in ("lost", "twice", "altered", "strange")},
    }


def _killed(way: Way, readings: Readings, kills: int, seconds: float) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="harkara-kills-") as name,
        running(way, Path(name), readings.names) as chain,
    ):
        agents = SteadyAgents(readings, chain.broker.port)
        timetable = Timetable(_steps(chain, kills))
        timetable.start()
        pending = agents.run(seconds, _DRAIN_S)
        timetable.join()
        level_s = settle(chain, readings.count)
        (state,) = chain.status()["stores"]
        return {
            **judge(readings, chain.view.held(readings)).figures(),
            "sent_again_by_the_last_collector": state["resent"],
            "left_out": sum(state["left_out"].values()),
            "blocks_without_receipt": pending,
            "seconds_until_level": round(level_s, 1),
        }


def _steps(chain: Chain, kills: int) -> Iterator[Step]:
    """Kills and starts; a store is away for up to three seconds, a collector as long as its start takes."""
    random = Random(7)  # noqa: S311 - not secret, repeatable
    store = chain.store
    assert store is not None
    for number in range(kills):
        at_s = _BEFORE_S + number * _EVERY_S
        first_s, second_s, third_s = sorted(at_s + random.uniform(0.0, 0.5 * _EVERY_S) for _ in range(3))
        # One time in two the collector is killed while the store is away.
        store_first = random.random() < 0.5
        back_s, collector_s = (second_s, third_s) if store_first else (third_s, second_s)
        collector = ((collector_s, chain.program.kill), (collector_s, chain.program.start))
        yield first_s, store.kill
        yield from sorted([(back_s, store.start), *collector], key=lambda step: step[0])
