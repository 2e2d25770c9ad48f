"""A broker that loses, repeats, delays, garbles and forgets."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from device_profiles.wire.delivery.agent_io import OF_SYNC
from device_profiles.wire.delivery.collector_io import Token
from tests.simulation.blocks import SimBlock
from tests.simulation.clock import Timeline

if TYPE_CHECKING:
    from tests.simulation.agent import AgentNode
    from tests.simulation.collector import CollectorNode
    from tests.simulation.oracle import Oracle


@dataclass(slots=True)
class Weather:
    """How bad the network is. All zero when the faults are over."""

    loss: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    garble: float = 0.0
    misroute: float = 0.0


@dataclass(frozen=True, slots=True)
class UpMessage:
    """Something for the collector: a `SimBlock` or a `Sync`; with QoS 0 unless it is to be acknowledged."""

    agent: str
    payload: Any
    acknowledged: bool = True


class Broker:
    """One broker. Agents come with clean start; the collector's session outlives its connections, not the broker."""

    def __init__(self, time: Timeline, oracle: Oracle, *, tells_no_subscribers: bool) -> None:
        self.time = time
        self.oracle = oracle
        self.tells_no_subscribers = tells_no_subscribers
        self.weather = Weather()
        self.up = True
        self.life = 0
        self.sessions: dict[str, tuple[AgentNode, int]] = {}
        self.collector: tuple[CollectorNode, int] | None = None
        self.subscribed = False
        self.queue: deque[UpMessage] = deque()
        self.inflight: dict[int, UpMessage] = {}

    def latency(self) -> float:
        return self.time.rng.uniform(0.01, 0.15)

    # ---- connections ------------------------------------------------------------------------------------------

    def accept_agent(self, node: AgentNode) -> int | None:
        """Connect an agent; a second one of the same name takes the place of the first."""
        if not self.up:
            return None
        old = self.sessions.get(node.name)
        node.connections += 1
        self.sessions[node.name] = (node, node.connections)
        if old is not None:
            old[0].lost_connection(old[1])
        return node.connections

    def drop_agent(self, node: AgentNode) -> None:
        session = self.sessions.get(node.name)
        if session is not None and session[0] is node:
            del self.sessions[node.name]
            node.lost_connection(session[1])

    def accept_collector(self, node: CollectorNode) -> int | None:
        if not self.up:
            return None
        self.drop_collector()
        node.connections += 1
        self.collector = (node, node.connections)
        self.subscribed = True
        self.time.after(0, self.pump)
        return node.connections

    def drop_collector(self) -> None:
        """The connection ends; what it had not acknowledged is sent again on the next, QoS 0 is gone."""
        if self.collector is None:
            return
        node, connection = self.collector
        self.collector = None
        self.queue = deque(message for message in self.queue if message.acknowledged)
        self.queue.extendleft(reversed(list(self.inflight.values())))
        self.inflight.clear()
        node.lost_connection(connection)

    def kill(self) -> None:
        """Everything it knew is gone."""
        self.time.note("broker", "killed")
        self.up = False
        self.life += 1
        self.queue.clear()
        self.inflight.clear()
        self.subscribed = False
        for node, connection in list(self.sessions.values()):
            node.lost_connection(connection)
        self.sessions.clear()
        if self.collector is not None:
            node_, connection = self.collector
            self.collector = None
            node_.lost_connection(connection)

    def start(self) -> None:
        self.time.note("broker", "up")
        self.up = True

    # ---- up ---------------------------------------------------------------------------------------------------

    def publish_up(self, node: AgentNode, connection: int, payload: Any, *, acknowledged: bool = True) -> None:
        life = self.life
        message = UpMessage(node.name, payload, acknowledged)
        self.time.after(self.latency(), lambda: self._from_agent(node, connection, message, life))

    def _from_agent(self, node: AgentNode, connection: int, message: UpMessage, life: int) -> None:
        if life != self.life or self.sessions.get(node.name) != (node, connection):
            return
        payload = message.payload
        is_block = isinstance(payload, SimBlock)
        lost = self.time.chance(self.weather.loss)
        if lost and self.time.chance(0.5):
            return
        delivered = self.subscribed or not self.tells_no_subscribers
        if message.acknowledged:
            segment, seq = (payload.segment, payload.seq) if is_block else (OF_SYNC, 0)
            self.time.after(self.latency(), lambda: node.puback(connection, segment, seq, delivered=delivered))
        if lost or not self.subscribed:
            return
        name = node.name
        if is_block and self.time.chance(self.weather.garble):
            payload = garbled(payload, self.time)
        if is_block and self.time.chance(self.weather.misroute):
            name = "other-agent"
        copies = 2 if self.time.chance(self.weather.repeat) else 1
        for _ in range(copies):
            late = self.time.rng.uniform(1, 150) if self.time.chance(self.weather.delay) else 0.0
            self._enqueue(UpMessage(name, payload, message.acknowledged), late, life)

    def _enqueue(self, message: UpMessage, late_s: float, life: int) -> None:
        def arrive() -> None:
            kept = message.acknowledged or self.collector is not None
            if life == self.life and self.subscribed and kept:
                self.queue.append(message)
                self.pump()

        if late_s:
            self.time.after(late_s, arrive)
        else:
            arrive()

    def pump(self) -> None:
        """Hand on as much as the collector reads.

        The lowest free packet identifier is taken, as some brokers do: a stale acknowledgement hits another message.
        """
        while self.queue and self.collector is not None and len(self.inflight) < 40 and not self.collector[0].paused:
            node, connection = self.collector
            message = self.queue.popleft()
            mid = 0
            if message.acknowledged:
                mid = next(number for number in itertools.count(1) if number not in self.inflight)
                self.inflight[mid] = message
            self.time.after(self.latency(), partial(node.deliver, connection, mid, message))

    def acknowledge(self, node: CollectorNode, tokens: tuple[Token, ...]) -> None:
        """PUBACKs written to the collector's present socket. The wire carries the identifier, nothing else."""
        connection = self.collector[1] if self.collector is not None and self.collector[0] is node else None

        def arrive() -> None:
            if self.collector is None or self.collector != (node, connection):
                return
            for token in tokens:
                message = self.inflight.pop(token.mid, None)
                if message is not None:
                    self.oracle.acknowledged(node, message.agent, message.payload)
            self.pump()

        self.time.after(self.latency(), arrive)

    # ---- down -------------------------------------------------------------------------------------------------

    def publish_down(self, agent: str, payload: Any) -> None:
        if not self.up:
            return
        life = self.life
        if self.time.chance(self.weather.loss):
            return
        for _ in range(2 if self.time.chance(self.weather.repeat) else 1):
            late = self.time.rng.uniform(5, 200) if self.time.chance(self.weather.delay) else 0.0
            self.time.after(self.latency() + late, lambda: self._to_agent(agent, payload, life))

    def _to_agent(self, agent: str, payload: Any, life: int) -> None:
        session = self.sessions.get(agent)
        if life == self.life and session is not None:
            session[0].receive(session[1], payload)


def garbled(block: SimBlock, time: Timeline) -> SimBlock:
    """The block with something changed on the way and its old digest."""
    if block.readings and time.chance(0.7):
        at = time.rng.randrange(len(block.readings))
        reading = block.readings[at]
        changed = reading._replace(value=reading.value ^ (1 << time.rng.randrange(12)))
        return block._replace(readings=(*block.readings[:at], changed, *block.readings[at + 1 :]))
    return block._replace(seq=block.seq + time.rng.randint(1, 3))
