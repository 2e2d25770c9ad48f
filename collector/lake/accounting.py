"""accepted = stored + recorded loss + pending, at any time, in one sentence.

What was accepted the agents say: each block header carries the running count of its segment. What is stored the lake
says. A loss record whose readings arrived after all is void, so loss never counts what is stored.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb


@dataclass(frozen=True, slots=True)
class Accounting:
    """The identity's four numbers, in readings.

    Attributes:
        accepted: Committed durably by agents, as they last said.
        stored: In the lake.
        recorded_loss: Given up, with a record.
        pending: Accepted and not settled yet: at the agents, on the way, or in the journal.
        unexplained: Stored or lost beyond what any agent said it accepted. Anything but 0 is a fault.
    """

    accepted: int
    stored: int
    recorded_loss: int
    pending: int
    unexplained: int = 0

    def sentence(self) -> str:
        """The identity as a sentence."""
        text = (
            f"{self.accepted:,} readings accepted = {self.stored:,} stored "
            f"+ {self.recorded_loss:,} recorded as lost + {self.pending:,} pending."
        )
        if self.unexplained:
            text += f" {self.unexplained:,} more are stored than any agent said it accepted: look into this."
        return text


@dataclass(slots=True)
class _Segment:
    accepted: int = 0
    stored: int = 0
    lost: int = 0


@dataclass(slots=True)
class _Agent:
    segments: dict[int, _Segment] = field(default_factory=dict)
    said_accepted: int = 0


class Accounts:
    """Running counts per agent and segment. Any thread may write or ask."""

    def __init__(self) -> None:
        self._agents: dict[str, _Agent] = {}
        self._lock = threading.Lock()

    def load(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Begin with what the lake holds."""
        blocks = "SELECT agent, segment, max(readings_total), sum(readings) FROM lake.block GROUP BY ALL"
        losses = "SELECT agent, segment, sum(readings) FROM lake.loss GROUP BY ALL"
        self.stored((str(a), int(s), int(total), int(n)) for a, s, total, n in cursor.execute(blocks).fetchall())
        self.lost((str(a), int(s), int(n)) for a, s, n in cursor.execute(losses).fetchall())

    def heard(self, agent: str, segment: int, readings_total: int) -> None:
        """An agent said how many readings a segment has had (block header, sync)."""
        with self._lock:
            row = self._segment(agent, segment)
            row.accepted = max(row.accepted, readings_total)

    def state(self, agent: str, accepted: int) -> None:
        """An agent said how many readings it accepted since its outbox began (state message)."""
        with self._lock:
            row = self._agents.setdefault(agent, _Agent())
            row.said_accepted = max(row.said_accepted, accepted)

    def stored(self, blocks: Iterable[tuple[str, int, int, int]]) -> None:
        """Blocks are in the lake: (agent, segment, readings_total, readings) each."""
        with self._lock:
            for agent, segment, total, readings in blocks:
                row = self._segment(agent, segment)
                row.accepted = max(row.accepted, total)
                row.stored += readings

    def lost(self, records: Iterable[tuple[str, int, int]]) -> None:
        """Loss records are in the lake: (agent, segment, readings) each; segment 0 for what never reached a block."""
        with self._lock:
            for agent, segment, readings in records:
                row = self._segment(agent, segment)
                row.lost += readings
                if segment == 0:
                    row.accepted += readings

    def of(self, agent: str) -> Accounting:
        """One agent's account; all zero for one never heard of."""
        with self._lock:
            return _settle([self._agents[agent]] if agent in self._agents else [])

    def totals(self) -> Accounting:
        """All agents' accounts together."""
        with self._lock:
            return _settle(self._agents.values())

    def agents(self) -> list[str]:
        """Agents heard of, in order."""
        with self._lock:
            return sorted(self._agents)

    def _segment(self, agent: str, segment: int) -> _Segment:
        return self._agents.setdefault(agent, _Agent()).segments.setdefault(segment, _Segment())


def _settle(agents: Iterable[_Agent]) -> Accounting:
    accepted = stored = loss = unexplained = 0
    for agent in agents:
        rows = list(agent.segments.values())
        agent_stored = sum(row.stored for row in rows)
        agent_accepted = max(agent.said_accepted, sum(max(row.accepted, row.stored) for row in rows))
        accepted += agent_accepted
        stored += agent_stored
        # What a segment is said to have lost and yet delivered is void.
        loss += sum(min(row.lost, max(max(row.accepted, row.stored) - row.stored, 0)) for row in rows)
        unexplained += sum(max(row.stored - row.accepted, 0) for row in rows)
    return Accounting(accepted, stored, loss, accepted - stored - loss, unexplained)
