"""Fleets: many real delivery machines in one process against a real broker and collector."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device_profiles.wire.intervals import IntervalSet
from simulators.demo.broker import find_mosquitto
from simulators.fleet.load import FleetError, FleetPlan, run_fleet
from simulators.fleet.outbox import MemoryOutbox
from simulators.fleet.site import fleet_site
from tests.conftest import free_port


def test_outbox_in_memory_keeps_trims_and_counts() -> None:
    outbox = MemoryOutbox(bytes(16), 7)
    assert outbox.newest_segment() is None
    for number in range(6):
        outbox.add(bytes([number]) * 64, 10)
    assert [ref.seq for ref in outbox.after(0, 0, 3)] == [1, 2, 3]
    assert outbox.trim(IntervalSet.of((1, 2), (4, 4))) == 3
    assert [ref.seq for ref in outbox.after(1, 1, 9)] == [3, 5, 6]
    assert [ref.seq for ref in outbox.after(1, 3, 9)] == [5, 6]
    assert list(outbox.after(2, 0, 9)) == []
    assert outbox.get(7, 4) is None
    assert outbox.get(8, 3) is None
    (span,) = outbox.segments(0, 5)
    assert (span.first_kept, span.tail, span.readings_total) == (3, 6, 60)
    assert span.absent == IntervalSet.of((1, 2), (4, 4))
    assert outbox.segments(1, 5) == []


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_fleet_delivers_all_it_makes_backlogs_included(tmp_path: Path) -> None:
    names = [f"fleet-{number:03d}" for number in range(12)]
    plan = FleetPlan(agents=names, rate=4.0, seconds=3.0, ramp_s=1.0, backlog=15)
    with fleet_site(tmp_path, names) as site:
        figures = asyncio.run(run_fleet(plan, ("127.0.0.1", site.port), lambda _: None))
        collector = site.collector
    assert figures.clean
    assert figures.sealed >= 12 * 15 + 12 * 4
    assert figures.readings == figures.sealed * 40
    assert figures.pending == figures.given_up == 0
    assert not collector.running


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_agent_that_loses_its_link_comes_back_and_loses_nothing(tmp_path: Path) -> None:
    from random import Random

    from simulators.fleet.agent import FleetAgent

    async def course(port: int) -> FleetAgent:
        agent = FleetAgent("fleet-000", ("127.0.0.1", port), Random(1), (4, 10), lambda _: None)
        await agent.connect()
        for number in range(60):
            agent.seal(1_780_272_000_000_000_000 + number * 1_000_000_000)
            if number in {20, 40}:
                agent.disconnect()
            await asyncio.sleep(0.01)
        deadline = asyncio.get_running_loop().time() + 60
        while len(agent.outbox) and asyncio.get_running_loop().time() < deadline:
            agent.tick()
            await asyncio.sleep(0.05)
        agent.close()
        await asyncio.sleep(0)
        return agent

    with fleet_site(tmp_path, ["fleet-000"]) as site:
        agent = asyncio.run(course(site.port))
    assert agent.sealed == agent.stored == 60


def test_fleet_without_a_broker_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulators.fleet.load._CONNECT_S", 1.0)
    plan = FleetPlan(agents=["fleet-000"], seconds=1.0)
    with pytest.raises(FleetError, match="1 of 1 agents have no answer"):
        asyncio.run(run_fleet(plan, ("127.0.0.1", free_port()), lambda _: None))
