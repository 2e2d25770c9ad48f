"""A fleet at work: so many agents at so many blocks a second, with a ramp and backlogs."""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from simulators.fleet.agent import FleetAgent

_CONNECT_S: Final = 60.0
_DRAIN_S: Final = 120.0
_SLICE_S: Final = 0.01
_AT_ONCE: Final = 50


class FleetError(Exception):
    """The fleet cannot work; the message says why."""

    exit_status = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """What a fleet does.

    Attributes:
        agents: How many, by their ids.
        rate: Blocks a second of each. [1/s]
        seconds: How long they seal blocks. [s]
        ramp_s: Over which they begin, one after the other. [s]
        backlog: Blocks each holds before it connects.
        rows: A block.
        channels: A row.
        seed: Of their values and ids.
    """

    agents: Sequence[str]
    rate: float = 1.0
    seconds: float = 20.0
    ramp_s: float = 0.0
    backlog: int = 0
    rows: int = 4
    channels: int = 10
    seed: int = 1


@dataclass(slots=True)
class FleetFigures:
    """What came of it; the names are those of the JSON line.

    Attributes:
        agents: That were connected and sending.
        rate: Blocks a second asked of each. [1/s]
        sealed: Blocks made.
        stored: Of them, named by a receipt.
        readings: In the blocks made.
        pending: Blocks without a receipt at the end.
        given_up: Readings given up.
        blocks_per_s: Stored while they sealed. [1/s]
        held: Part of the blocks asked that were made in time; 1 when the process keeps up.
        latency_p50_s: From sealing to receipt, of blocks that were no backlog. [s]
        latency_p99_s: The same. [s]
        drain_s: From the last block to the last receipt. [s]
        seconds: The whole. [s]
        cpu_s: Processor time of this process. [s]
    """

    agents: int = 0
    rate: float = 0.0
    sealed: int = 0
    stored: int = 0
    readings: int = 0
    pending: int = 0
    given_up: int = 0
    blocks_per_s: float = 0.0
    held: float = 0.0
    latency_p50_s: float = 0.0
    latency_p99_s: float = 0.0
    drain_s: float = 0.0
    seconds: float = 0.0
    cpu_s: float = 0.0

    @property
    def clean(self) -> bool:
        """Whether everything made is stored."""
        return self.sealed > 0 and self.stored == self.sealed and not (self.pending or self.given_up)


@dataclass(slots=True)
class _Fleet:
    plan: FleetPlan
    agents: list[FleetAgent]
    latencies: array[float] = field(default_factory=lambda: array("d"))
    measuring: bool = False

    def settled(self, seconds: float) -> None:
        """Note a block's way."""
        if self.measuring:
            self.latencies.append(seconds)


async def run_fleet(plan: FleetPlan, broker: tuple[str, int], say: Callable[[str], None]) -> FleetFigures:
    """Let a fleet work against a broker and a collector that know its agents.

    Raises:
        FleetError: Not all of them could connect.
    """
    fleet = _Fleet(plan, [])
    shape = (plan.rows, plan.channels)
    for name in plan.agents:
        random = Random(f"{plan.seed}/{name}")  # noqa: S311 - repeatable on purpose
        fleet.agents.append(FleetAgent(name, broker, random, shape, fleet.settled))
    began, cpu = time.monotonic(), time.process_time()
    try:
        now_ns = time.time_ns()
        for agent in fleet.agents:
            for place in range(plan.backlog):
                agent.seal(now_ns - (plan.backlog - place) * 1_000_000_000)
        await _connect(fleet)
        say(f"{len(fleet.agents)} agents are connected, each with {plan.backlog} blocks to tell of")
        figures = await _work(fleet)
    finally:
        for agent in fleet.agents:
            agent.close()
        await asyncio.sleep(0)
    figures.seconds = round(time.monotonic() - began, 2)
    figures.cpu_s = round(time.process_time() - cpu, 2)
    return figures


async def _connect(fleet: _Fleet) -> None:
    for first in range(0, len(fleet.agents), _AT_ONCE):
        await asyncio.gather(*(agent.connect() for agent in fleet.agents[first : first + _AT_ONCE]))
    deadline = time.monotonic() + _CONNECT_S
    while missing := sum(not agent.connected for agent in fleet.agents):
        if time.monotonic() > deadline:
            raise FleetError(f"{missing} of {len(fleet.agents)} agents have no answer from broker and collector")
        for agent in fleet.agents:
            agent.tick()
        await asyncio.sleep(0.05)


async def _work(fleet: _Fleet) -> FleetFigures:
    plan = fleet.plan
    fleet.measuring = plan.backlog == 0
    began = time.monotonic()
    stored_before = sum(agent.stored for agent in fleet.agents)
    count = len(fleet.agents)
    # Agents take turns, so that their blocks come spread over the second as in the field.
    due = [began + plan.ramp_s * place / count + place / count / plan.rate for place in range(count)]
    asked = 0
    end = began + plan.seconds
    ticked = began
    while (now := time.monotonic()) < end:
        for place, agent in enumerate(fleet.agents):
            while due[place] <= now:
                due[place] += 1.0 / plan.rate
                agent.seal(time.time_ns())
                asked += 1
        if now - ticked > 1.0:
            ticked = now
            for agent in fleet.agents:
                agent.tick()
        await asyncio.sleep(_SLICE_S)
    worked_s = time.monotonic() - began
    stored = sum(agent.stored for agent in fleet.agents) - stored_before
    wanted = sum(max(0.0, (plan.seconds - plan.ramp_s * place / count) * plan.rate) for place in range(count))
    drain_s = await _drain(fleet)
    ways = sorted(fleet.latencies) or [0.0]
    return FleetFigures(
        agents=count,
        rate=plan.rate,
        sealed=sum(agent.sealed for agent in fleet.agents),
        stored=sum(agent.stored for agent in fleet.agents),
        readings=sum(agent.readings for agent in fleet.agents),
        pending=sum(len(agent.outbox) for agent in fleet.agents),
        given_up=sum(agent.given_up for agent in fleet.agents),
        blocks_per_s=round(stored / worked_s, 1),
        held=round(min(1.0, asked / wanted), 4) if wanted else 0.0,
        latency_p50_s=round(ways[len(ways) // 2], 4),
        latency_p99_s=round(ways[len(ways) * 99 // 100], 4),
        drain_s=round(drain_s, 2),
    )


async def _drain(fleet: _Fleet) -> float:
    began = time.monotonic()
    while any(len(agent.outbox) for agent in fleet.agents) and time.monotonic() - began < _DRAIN_S:
        for agent in fleet.agents:
            agent.tick()
        await asyncio.sleep(0.05)
    return time.monotonic() - began
