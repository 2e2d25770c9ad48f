"""The failure half: a steady load, the store killed for a while, then the broker killed once; who lost what.

The broker keeps its queues on its disk and writes them every few seconds, which is the kindest setting for a chain that
leans on it. Both kills are SIGKILL: nothing is flushed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.agents import SteadyAgents
from benchmarks.peers.chain import Chain, Way, running
from benchmarks.peers.messages import LINES_A_MESSAGE, ROWS_A_BLOCK
from benchmarks.peers.readings import Readings
from benchmarks.peers.sending import line_senders, send
from benchmarks.peers.timetable import Step, Timetable
from benchmarks.peers.verdict import Verdict, judge
from simulators.demo.processes import DemoError

_QUIET_S: Final = 20.0
_DRAIN_S: Final = 240.0
_BROKER_LINES: Final = ("persistence true", "autosave_interval 5")


@dataclass(frozen=True, slots=True)
class Plan:
    """When what happens, from the first message on. [s].

    Attributes:
        store_down_s: The store is killed.
        store_up_s: It is started again.
        broker_down_s: The broker is killed.
        broker_up_s: It is started again.
        end_s: The last message is due.
    """

    store_down_s: float
    store_up_s: float
    broker_down_s: float
    broker_up_s: float
    end_s: float

    @classmethod
    def of(cls, outage_s: float) -> Plan:
        """With a store that is away so long."""
        store_up = 10.0 + outage_s
        return cls(10.0, store_up, store_up + 15.0, store_up + 18.0, store_up + 30.0)


def outage(
    way: Way, readings: Readings, lines: Mapping[str, Sequence[bytes]], folder: Path, *, outage_s: float
) -> dict[str, Any]:
    """Send everything one way at a steady rate while store and broker are killed; what the store holds in the end.

    Args:
        way: Which.
        readings: What is sent.
        lines: The same as line protocol, by station.
        folder: For all files; empty.
        outage_s: How long the store is away. [s]
    """
    plan = Plan.of(outage_s)
    broker_lines = [*_BROKER_LINES, f"persistence_location {folder}/"]
    with running(way, folder, readings.names, broker_lines=broker_lines) as chain:
        kills = Timetable(_steps(chain, plan))
        if way.program == "harkara":
            agents = SteadyAgents(readings, chain.broker.port)
            kills.start()
            pending = agents.run(plan.end_s, _DRAIN_S)
            again = None
        else:
            senders = line_senders(lines, chain.broker.port)
            count = len(senders[0].packets)
            kills.start()
            send(senders, count, messages_per_s=count * len(senders) / plan.end_s)
            pending, again = 0, sum(sender.sent_again for sender in senders)
        kills.join()
        level_s = settle(chain, readings.count)
        peak_mb = chain.meter.peak_mb()
        verdict = judge(readings, chain.view.held(readings))
        rows = ROWS_A_BLOCK if way.program == "harkara" else LINES_A_MESSAGE
        return {
            **verdict.figures(),
            "twice_on_disk": max(0, chain.view.raw_count() - (verdict.sent - verdict.lost)),
            "lost_around_store_kill": _lost_until(verdict, readings, plan, rows),
            "values_per_s": round(readings.count / plan.end_s),
            "unconfirmed_messages": pending,
            "sent_again_messages": again,
            "seconds_until_level": round(level_s, 1),
            "peak_mb": peak_mb,
        }


def _steps(chain: Chain, plan: Plan) -> Iterator[Step]:
    store, broker = chain.store, chain.broker
    assert store is not None
    yield plan.store_down_s, store.kill
    yield plan.store_up_s, store.start
    yield plan.broker_down_s, broker.cut
    yield plan.broker_up_s, broker.restore


def settle(chain: Chain, wanted: int) -> float:
    """Wait until the store has been quiet for long; how long it filled after the last message. [s]."""
    began_s = changed_s = time.monotonic()
    before = -1
    while True:
        found = chain.view.count()
        now_s = time.monotonic()
        if found != before:
            before, changed_s = found, now_s
        if now_s - changed_s > _QUIET_S:
            return changed_s - began_s
        if now_s - began_s > _DRAIN_S:
            raise DemoError(f"{chain.way}: the store still changes after {_DRAIN_S:g} s, {found:,} of {wanted:,}")
        if not chain.program.running:
            raise DemoError(f"{chain.way}: the program ended: {chain.program.last_words()}")
        time.sleep(1.0)


def _lost_until(verdict: Verdict, readings: Readings, plan: Plan, rows: int) -> int:
    """Values lost of those sent until shortly before the broker was killed."""
    part = (plan.broker_down_s - 5.0) / plan.end_s
    first = int(part * (readings.minutes / rows)) * rows
    return int(verdict.lost_by_minute[:first].sum())
