"""All stores of others of one collector: made, run, asked after, told what to do."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from collector.lake.lake import Lake
from collector.lake.ports import JournalEntry, JournalSource
from collector.stores.config import StoreConfig
from collector.stores.errors import StoreRefused
from collector.stores.health import health_lines
from collector.stores.ports import SeriesFacts, Stored
from collector.stores.served import Health, Served, serve
from collector.stores.sites import Sites
from collector.stores.state import BEHIND, UP
from harkara_io.errors import nearest_hint
from harkara_io.log_files import make_directory

if TYPE_CHECKING:
    from collector.registry import Agent

_log: Final = logging.getLogger(__name__)

WATCH_S: Final = 1.0
"""How often it is looked whether a store's state is another one. [s]"""
STOP_S: Final = 10.0
"""How long the end waits for a store that is just being spoken to. [s]"""


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
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        if configs:
            make_directory(folder)
        known = _series_of(lake) if configs else []
        self._stores = {
            config.name: serve(config, folder, journal=journal, lake=lake, sites=Sites(agents), known=known)
            for config in configs
        }

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
            served.close()

    def offer(self, entries: Sequence[JournalEntry]) -> None:
        """Hand over what was just committed to the journal. Never waits."""
        for served in self._stores.values():
            served.pump.offer(entries)

    # What others ask

    def status(self) -> list[dict[str, Any]]:
        """Each store's state as JSON fields."""
        head, now_ns = self._journal.head, self._clock_ns()
        return [served.as_json(head, now_ns) for served in self._stores.values()]

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


def _series_of(lake: Lake) -> list[SeriesFacts]:
    """The lake's series in the order in which they first came."""
    with closing(lake.cursor()) as cursor:
        rows = cursor.execute(
            "SELECT agent, device, coalesce(p.profile, ''), channel, unit FROM lake.series LEFT JOIN "
            "(SELECT agent, device, max_by(profile, block_id) AS profile FROM lake.block GROUP BY agent, device) p "
            "USING (agent, device) ORDER BY series_id"
        ).fetchall()
    return [SeriesFacts(*row) for row in rows]
