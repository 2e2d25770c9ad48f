"""What the collector knows at this moment: for the page and for ``status``; and the projector's new blocks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.intake import Intake
from collector.journal import Journal, JournalEntry
from collector.journal_desk import JournalDesk
from collector.lake.accounting import Accounts
from collector.lake.latest import LatestValues
from collector.lake.projector import Projector
from collector.registry import Registry, Status
from collector.sources.ports import MessageSource
from collector.web.ports import Health, Link, StoreLine
from device_profiles.wire.delivery import collector_io as io
from device_profiles.wire.messages import State

if TYPE_CHECKING:
    from collector.stores.desk import StoreDesk

AGENTS_MAX: Final = 100_000
"""Agents whose links are remembered. Only those in the registry count; a stranger's state is not kept."""


@dataclass(slots=True)
class Heard:
    """What an agent last said of itself.

    Attributes:
        alive: Up by its birth, down by its will; None when only blocks or syncs were heard.
        since_ns: When ``alive`` last changed, UTC. [ns]
        last_ns: When anything was last heard, UTC. [ns]
        connection: The connection the state is about; a will of an earlier one says nothing.
        version: Version of the agent.
        pending: Readings it waited to deliver when it said so.
        devices: Its devices.
    """

    alive: bool | None = None
    since_ns: int | None = None
    last_ns: int = 0
    connection: int = 0
    version: str = ""
    pending: int = 0
    devices: tuple[str, ...] = ()


class Overview:
    """Hears what the intake has committed; answers the page and the control socket.

    Args:
        registry: Who may send.
        journal: Where blocks are.
        projector: Carries them on.
        latest: Newest values.
        accounts: Readings, counted.
        clock_ns: UTC. [ns]
    """

    def __init__(
        self,
        *,
        registry: Registry,
        journal: Journal,
        projector: Projector,
        latest: LatestValues,
        accounts: Accounts,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.latest = latest
        self.accounts = accounts
        self._registry = registry
        self._journal = journal
        self._projector = projector
        self._clock_ns = clock_ns
        self._heard: dict[str, Heard] = {}
        self._started_ns = clock_ns()

    def watch(
        self, *, intake: Intake, desk: JournalDesk, source: MessageSource, stores: StoreDesk | None = None
    ) -> None:
        """Name those that are made after this."""
        self._intake, self._desk, self._source, self._stores = intake, desk, source, stores

    # What the intake tells

    def committed(self, blocks: Sequence[io.StoreBlock], positions: Sequence[int], data: Sequence[bytes]) -> None:
        """Hand the blocks on in memory, so that the projector need not read them back."""
        if not blocks:
            return
        now_ns = self._clock_ns()
        offered = [
            JournalEntry(position, f.agent, f.segment, f.ordinal, f.seq, f.readings, now_ns, f.digest, payload)
            for position, (_, f), payload in zip(positions, blocks, data, strict=True)
        ]
        self._projector.offer(offered)
        if self._stores is not None:
            self._stores.offer(offered)
        for agent in {facts.agent for _, facts in blocks}:
            self._hear(agent, now_ns)

    def state(self, agent: str, state: State) -> None:
        """Note a birth or a will."""
        if self._registry.refusal(agent) is not None:
            return
        now_ns = self._clock_ns()
        heard = self._heard.setdefault(agent, Heard())
        if not state.alive and state.connection < heard.connection:
            return  # The will of a connection that has been replaced meanwhile.
        if heard.alive is not state.alive:
            heard.alive, heard.since_ns = state.alive, state.sent_at_ns or now_ns
        heard.connection = state.connection
        if state.alive:
            heard.last_ns = now_ns
            heard.version, heard.pending = state.agent_version, state.pending
            heard.devices = tuple(device.device for device in state.devices)
            self.accounts.state(agent, state.accepted)

    def sync(self, agent: str, came: io.SyncCame) -> None:
        """Note how many readings an agent has accepted, sent or not."""
        if self._registry.refusal(agent) is not None:
            return
        self._hear(agent, self._clock_ns())
        for extent in came.sync.segments:
            self.accounts.heard(agent, extent.segment, extent.readings_total)

    def _hear(self, agent: str, now_ns: int) -> None:
        if agent in self._heard or len(self._heard) < AGENTS_MAX:
            self._heard.setdefault(agent, Heard()).last_ns = now_ns

    # What others ask

    def links(self) -> Sequence[Link]:
        """One entry per agent of the registry, by id."""
        return [
            Link(
                agent=agent.id,
                alive=(heard := self._heard.get(agent.id, Heard())).alive,
                since_ns=heard.since_ns,
                name=agent.name,
                enabled=agent.status is Status.ACTIVE,
            )
            for agent in self._registry.agents
        ]

    def store_lines(self) -> Sequence[StoreLine]:
        """Stores of others for the page."""
        return [
            StoreLine(
                name=store["name"],
                state=store["state"],
                good=store["state"] == "up",
                why=store["why"],
                lag_blocks=store["lag_blocks"],
                values=store["values"],
            )
            for store in self.stores()
        ]

    def health(self) -> Health:
        """Whether anything needs a person."""
        if self._desk.trouble:
            problem = f"the journal takes nothing: {self._desk.trouble}"
        elif not self._intake.counters.connected:
            problem = "the broker is not reached"
        else:
            problem = next(iter(self._stores.problems()), "") if self._stores is not None else ""
        return Health(
            ok=not problem,
            problem=problem,
            journal_position=self._journal.head,
            lake_position=self._projector.stats().position,
        )

    def stores(self) -> Sequence[dict[str, Any]]:
        """Stores of others and how each does."""
        return [] if self._stores is None else self._stores.status()

    def status(self) -> dict[str, Any]:
        """Everything ``harkara collector status`` shows, as JSON."""
        counters, health, account = self._intake.counters, self.health(), self.accounts.totals()
        stats, projected, journal = asdict(counters), self._projector.stats(), self._journal.stats()
        now_ns = self._clock_ns()
        return {
            "ok": health.ok,
            "problem": health.problem,
            "pid": os.getpid(),
            "rss_bytes": _resident_bytes(),
            "uptime_s": round((now_ns - self._started_ns) / 1e9, 1),
            "broker": {"connected": counters.connected, "generation": self._source.generation},
            "accounting": {**asdict(account), "sentence": account.sentence()},
            "stored_readings": account.stored,
            "blocks": journal.counters.blocks,
            "block_bytes": journal.counters.block_bytes,
            "quarantined": journal.counters.aside,
            "duplicates": counters.duplicate,
            "journal_position": health.journal_position,
            "lake_position": health.lake_position,
            "durable_position": projected.durable,
            "intake": stats,
            "source": asdict(self._source.counters),
            "journal": {**asdict(journal), "trimmed_blocks": self._desk.trimmed},
            "lake": asdict(projected),
            "alarms": dict(self._intake.alarms.totals),
            "stores": self.stores(),
            "agents": [self._agent_status(link, now_ns) for link in self.links()],
        }

    def _agent_status(self, link: Link, now_ns: int) -> dict[str, Any]:
        heard, account = self._heard.get(link.agent, Heard()), self.accounts.of(link.agent)
        return {
            "agent": link.agent,
            "name": link.name,
            "enabled": link.enabled,
            "alive": link.alive,
            "since_ns": link.since_ns,
            "heard_s_ago": round((now_ns - heard.last_ns) / 1e9, 1) if heard.last_ns else None,
            "version": heard.version,
            "devices": list(heard.devices),
            "accepted": account.accepted,
            "stored": account.stored,
            "recorded_loss": account.recorded_loss,
            "pending": account.pending,
        }


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
