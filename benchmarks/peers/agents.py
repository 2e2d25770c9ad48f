"""Harkara's agents under a steady load: the delivery machine of real ones, fed with prepared blocks.

What they do when a receipt does not come, or the broker goes, is what agents in the field do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final

from benchmarks.peers.messages import ROWS_A_BLOCK, block_messages
from benchmarks.peers.readings import CHANNELS, Readings
from simulators.demo.processes import DemoError
from simulators.fleet.agent import FleetAgent

_CONNECT_S: Final = 60.0
_SLICE_S: Final = 0.02
_TICK_S: Final = 0.5


class SteadyAgents:
    """An agent for each station; each keeps its next block when it is due.

    Args:
        readings: What they have to tell.
        port: The broker's.
    """

    def __init__(self, readings: Readings, port: int) -> None:
        self._rows = readings.minutes
        self._agents = [
            # Not secret, repeatable.
            FleetAgent(name, ("127.0.0.1", port), Random(name), (1, 1), lambda _: None)  # noqa: S311
            for name in readings.names
        ]
        segments = {agent.name: agent.segment for agent in self._agents}
        self._blocks: Mapping[str, Sequence[bytes]] = block_messages(readings, segments=segments)

    def run(self, seconds: float, drain_s: float) -> int:
        """Keep all blocks over ``seconds``, wait for their receipts; how many blocks have none after ``drain_s``."""
        return asyncio.run(self._run(seconds, drain_s))

    async def _run(self, seconds: float, drain_s: float) -> int:
        try:
            await asyncio.gather(*(agent.connect() for agent in self._agents))
            await self._connected()
            await self._keep(seconds)
            deadline = time.monotonic() + drain_s
            while (pending := sum(len(agent.outbox) for agent in self._agents)) and time.monotonic() < deadline:
                self._tick()
                await asyncio.sleep(_SLICE_S)
            return pending
        finally:
            for agent in self._agents:
                agent.close()
            await asyncio.sleep(0)

    async def _keep(self, seconds: float) -> None:
        count = len(self._blocks[self._agents[0].name])
        kept = 0
        whole = count * len(self._agents)
        began_s = ticked_s = time.monotonic()
        while kept < whole:
            now_s = time.monotonic()
            # In turns: the first block of every station, then the second of every station.
            while kept < min(whole, (now_s - began_s) / seconds * whole):
                number, place = divmod(kept, len(self._agents))
                agent = self._agents[place]
                rows = min(ROWS_A_BLOCK, self._rows - number * ROWS_A_BLOCK)
                agent.keep(self._blocks[agent.name][number], rows * len(CHANNELS))
                kept += 1
            if now_s - ticked_s > _TICK_S:
                ticked_s = now_s
                self._tick()
            await asyncio.sleep(_SLICE_S)

    async def _connected(self) -> None:
        deadline = time.monotonic() + _CONNECT_S
        while missing := sum(not agent.connected for agent in self._agents):
            if time.monotonic() > deadline:
                raise DemoError(f"{missing} agents have no answer from broker and collector")
            self._tick()
            await asyncio.sleep(_SLICE_S)

    def _tick(self) -> None:
        for agent in self._agents:
            agent.tick()
