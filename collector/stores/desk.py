"""All stores of others of one collector: made, run, asked after, told what to do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.lake.lake import Lake
from collector.lake.ports import JournalEntry, JournalSource
from collector.stores.config import StoreConfig
from collector.stores.connect import PULSE_S_MAX, Client, connect
from collector.stores.delivery import Delivery
from collector.stores.encoder import Encoder
from collector.stores.errors import StoreRefused
from collector.stores.health import health_lines
from collector.stores.lane import LANES, Lane
from collector.stores.offset import Job, OffsetFile
from collector.stores.options import PumpOptions
from collector.stores.ports import SeriesFacts, Stored
from collector.stores.pump import Pump
from collector.stores.quarantine import Quarantine
from collector.stores.sites import Sites
from collector.stores.state import BEHIND, UP, Herald, State, state_of
from harkara_io.errors import nearest_hint
from harkara_io.log_files import make_directory

if TYPE_CHECKING:
    from collector.registry import Agent

_log: Final = logging.getLogger(__name__)

WATCH_S: Final = 1.0
"""How often it is looked whether a store's state is another one. [s]"""
STOP_S: Final = 10.0
"""How long the end waits for a store that is just being spoken to. [s]"""


@dataclass(slots=True)
class Health:
    """Lines about ourselves, which go to a store beside the readings.

    Attributes:
        client: Their way.
        due_s: When the next are sent, monotonic. [s]
        missed: Rounds that the store did not take, or was not well enough to be asked.
    """

    client: Client
    due_s: float = 0.0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """One store and what serves it."""

    config: StoreConfig
    pump: Pump
    delivery: Delivery
    quarantine: Quarantine
    encoder: Encoder
    pulses: Client
    herald: Herald
    sites: Sites
    health: Health

    def state(self, journal_head: int, now_ns: int) -> State:
        """How it does."""
        paused = "by collector.toml" if self.config.paused else "by a person" if self.pump.is_paused else ""
        return state_of(
            paused=paused,
            trouble=self.pump.trouble,
            forgets=self.pump.forgets,
            lag_s=self.pump.lag_s(now_ns),
            lag_blocks=journal_head - self.pump.sent,
        )


class StoreDesk:
    """The stores. Made before they run; `status` and the commands may be called from any thread.

    Args:
        configs: From the configuration.
        folder: Of offsets and quarantines.
        journal: Where new blocks come from.
        lake: Where the past comes from.
        agents: Everybody in the registry.
        clock_ns: UTC. [ns]

    Raises:
        ConfigError: A token's or an authority's file cannot be used.
    """

    def __init__(
        self,
        configs: Sequence[StoreConfig],
        folder: Path,
        *,
        journal: JournalSource,
        lake: Lake,
        agents: Callable[[], Iterable[Agent]],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._journal, self._clock_ns = journal, clock_ns
        self._folder = folder
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        if configs:
            make_directory(folder)
        known = _series_of(lake) if configs else []
        self._stores = {config.name: self._serve(config, lake, Sites(agents), known) for config in configs}

    def _serve(self, config: StoreConfig, lake: Lake, sites: Sites, known: Sequence[SeriesFacts]) -> Served:
        encoder = Encoder(config.mapping(), sites.of)
        # Always in one order, so that of two series with one name the same one keeps it after every start.
        for facts in known:
            encoder.names.of_table([facts])
        writes, pulses = connect(config), connect(config, timeout_s=PULSE_S_MAX)
        quarantine = Quarantine(self._folder / f"{config.name}.quarantine", keep_mb=config.quarantine_mb)
        beside = [Lane(config.name, connect(config)) for _ in range(LANES - 1)]
        delivery = Delivery(writes, quarantine, beside=beside)
        pump = Pump(
            config.name,
            journal=self._journal,
            lake=lake,
            encode=encoder.encode,
            delivers=delivery,
            pulses=pulses,
            file=OffsetFile(self._folder, config.name),
            options=PumpOptions(
                durable_after_s=config.seen_alive_s,
                since=config.since_ns(),
                paused=config.paused,
                unit_ns=encoder.options.unit_ns,
                pulse_every_s=1.0 if config.seen_alive_s else 10.0,
            ),
        )
        health = Health(connect(config, timeout_s=PULSE_S_MAX))
        return Served(config, pump, delivery, quarantine, encoder, pulses, Herald(), sites, health)

    def __bool__(self) -> bool:
        return bool(self._stores)

    def start(self, status: Callable[[], Mapping[str, Any]]) -> None:
        """Begin to send.

        Args:
            status: How the collector does, for dashboards; any thread may ask.
        """
        for served in self._stores.values():
            self._begin(f"pump-{served.config.name}", lambda pump=served.pump: pump.run(self._stop))  # type: ignore[misc]
        if self._stores:
            self._begin("stores-watch", lambda: self._now_and_then("the stores' states", self._watch))
            self._begin("stores-health", lambda: self._now_and_then("figures", lambda: self._tell_health(status)))

    def stop(self) -> None:
        """End; what is not sent yet is sent after the next start. The journal and the lake may be closed then."""
        self._stop.set()
        for served in self._stores.values():
            served.pump.wake()
        until_s = time.monotonic() + STOP_S
        for thread in self._threads:
            thread.join(max(0.0, until_s - time.monotonic()))
        for served in self._stores.values():
            served.delivery.close()
            served.pulses.close()
            served.health.client.close()

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Hand over what was just committed to the journal. Never waits."""
        for served in self._stores.values():
            served.pump.offer(entries)

    # What others ask

    def status(self) -> list[dict[str, Any]]:
        """Each store's state as JSON fields."""
        return [self._fields(served) for served in self._stores.values()]

    def problems(self) -> list[str]:
        """Stores that need a person, a line each."""
        found = []
        for name, served in self._stores.items():
            state = served.state(self._journal.head, self._clock_ns())
            if state.word in {"needs a person", "forgets"}:
                found.append(f"store {name}: {state.why}")
        return found

    def pause(self, name: str) -> Future[None]:
        """Send nothing to a store until it is resumed.

        Raises:
            StoreRefused: There is none of that name.
        """
        pump = self._named(name).pump
        return pump.ask(pump.pause)

    def resume(self, name: str) -> Future[None]:
        """Send to it again, at once.

        Raises:
            StoreRefused: There is none of that name, or the configuration has paused it.
        """
        served = self._named(name)
        if served.config.paused:
            raise StoreRefused(f"store {name} is paused in the configuration; take `paused` out there and start again")
        return served.pump.ask(served.pump.resume)

    def replay(self, name: str) -> Future[None]:
        """Send again what the journal still has.

        Raises:
            StoreRefused: There is none of that name.
        """
        pump = self._named(name).pump
        return pump.ask(pump.replay)

    def fill(self, name: str, *, from_ns: int | None, until_ns: int | None) -> Future[int]:
        """Bring what the lake has of a time. The answer is the back-fill's number.

        Raises:
            StoreRefused: There is none of that name.
        """
        pump = self._named(name).pump
        return pump.ask(lambda: pump.fill("asked for", from_ns=from_ns, until_ns=until_ns))

    def _named(self, name: str) -> Served:
        if name not in self._stores:
            hint = nearest_hint(name, self._stores) or "the configuration has none; add a [[store]] and start again"
            raise StoreRefused(f"no store {name!r}; {hint}")
        return self._stores[name]

    def _fields(self, served: Served) -> dict[str, Any]:
        pump, delivery, now_ns = served.pump, served.delivery, self._clock_ns()
        state, head, tally = served.state(self._journal.head, now_ns), self._journal.head, pump.tally
        return {
            "name": served.config.name,
            "kind": served.config.kind,
            "url": served.config.url,
            "state": state.word,
            "why": state.why,
            "position": pump.sent,
            "safe_position": pump.safe,
            "journal_position": head,
            "lag_blocks": max(0, head - pump.sent),
            "lag_s": round(pump.lag_s(now_ns), 1),
            "held_bytes": pump.held_bytes,
            "blocks": tally.blocks,
            "values": tally.values,
            "left_out": dict(tally.left_out),
            "inexact": served.encoder.inexact,
            "flags_left_out": served.encoder.flags_left_out,
            "refused": dict(delivery.refused),
            "refused_fields": list(delivery.refused_fields),
            "quarantine_lines": served.quarantine.lines,
            "quarantine_evicted": served.quarantine.evicted,
            "quarantine_unkept": served.quarantine.unkept,
            "ignored": dict(pump.watch.ignored),
            "resent": pump.resent,
            "series": len(served.encoder.names),
            "told_apart": list(served.encoder.names.told_apart),
            "jobs": [_job_fields(job) for job in pump.jobs],
            "advice": list(pump.watch.advice),
            "offset_trouble": pump.written_trouble,
            "health_missed": served.health.missed,
        }

    def _now_and_then(self, what: str, look: Callable[[], None]) -> None:
        """Do it every `WATCH_S` until the end; one round that fails does not end the others, and is said once."""
        trouble = ""
        while not self._stop.wait(WATCH_S):
            try:
                look()
            except Exception as exc:  # noqa: BLE001 - logged
                if (words := f"{type(exc).__name__}: {exc}") != trouble:
                    _log.exception("%s: not now, it is tried again", what)
                trouble = words
            else:
                trouble = ""

    def _watch(self) -> None:
        for name, served in self._stores.items():
            state = served.state(self._journal.head, self._clock_ns())
            if (line := served.herald.news(state, time.monotonic())) is not None:
                _log.warning("store %s %s", name, line)

    def _tell_health(self, status: Callable[[], Mapping[str, Any]]) -> None:
        due = [each for each in self._stores.values() if each.config.health_every_s > 0 and self._is_due(each.health)]
        if not due:
            return
        told = status()
        for served in due:
            served.health.due_s = time.monotonic() + served.config.health_every_s
            self._tell(served, told)

    def _tell(self, served: Served, status: Mapping[str, Any]) -> None:
        now_ns, health = self._clock_ns(), served.health
        is_well = served.state(self._journal.head, now_ns).word in {UP, BEHIND}
        lines = health_lines(status, served.sites.of, now_ns, served.encoder.options)
        if not is_well or not isinstance(health.client.write(lines), Stored):
            health.missed += 1

    @staticmethod
    def _is_due(health: Health) -> bool:
        return time.monotonic() >= health.due_s

    def _begin(self, name: str, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()


def _job_fields(job: Job) -> dict[str, Any]:
    return {"number": job.number, "why": job.why, "readings": job.readings, "total": job.total}


def _series_of(lake: Lake) -> list[SeriesFacts]:
    """The lake's series in the order in which they first came."""
    with closing(lake.cursor()) as cursor:
        rows = cursor.execute(
            "SELECT agent, device, coalesce(p.profile, ''), channel, unit FROM lake.series LEFT JOIN "
            "(SELECT agent, device, max_by(profile, block_id) AS profile FROM lake.block GROUP BY agent, device) p "
            "USING (agent, device) ORDER BY series_id"
        ).fetchall()
    return [SeriesFacts(*row) for row in rows]
