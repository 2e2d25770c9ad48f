"""The demonstration's course: what is broken and when, what is shown meanwhile, and when it is settled."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final

from simulators.demo.accounts import PlainAccount, ask, latest_values
from simulators.demo.cast import Cast
from simulators.demo.judgement import Figures, Kill, judge_devices
from simulators.demo.processes import DemoError, Process
from simulators.demo.snapshot import Snapshot
from simulators.demo.view import View
from simulators.oracle import Verdict

SECONDS_MIN: Final = 25.0
OUTAGE_S: Final = 10.0
_CUT_SHARE: Final = 0.2
_KILL_AFTER_CUT_S: Final = 6.0
_RESTART_AFTER_S: Final = 2.0
LAST_WAY_S: Final = 8.0
"""Kept at the end for what is under way: sealing of the last block, its receipt and the lake's commit."""
_SETTLE_S: Final = 90.0
_SHOW_EVERY_S: Final = 0.5


@dataclass(slots=True)
class Script:
    """One run, from the sensors' first word to the verdict.

    Attributes:
        cast: The started processes.
        view: Where it is shown.
        seconds: How long the run takes. [s]
    """

    cast: Cast
    view: View
    seconds: float
    _plain: PlainAccount = field(init=False)
    _began_s: float = field(init=False)
    _kills: list[Kill] = field(default_factory=list)
    _outage_s: float = 0.0
    _rss_mb: float = 0.0
    _dead: tuple[Process, ...] = ()
    _agent: dict[str, Any] = field(default_factory=dict)
    _collector: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._plain = PlainAccount(self.cast.layout)
        self._began_s = time.monotonic()

    def play(self) -> tuple[Figures, Verdict]:
        """Cut the broker, kill the agent meanwhile, let all settle, judge.

        Raises:
            DemoError: Something ended by itself.
        """
        cast = self.cast
        self._until(self.seconds * _CUT_SHARE)
        cut_s = self._now_s()
        self._dead = (cast.broker.process,)
        cast.broker.cut()
        self._event(f"broker killed; for {OUTAGE_S:.0f} s there is none")

        self._until(cut_s + _KILL_AFTER_CUT_S)
        self._dead = (cast.broker.process, cast.agent, cast.publisher)
        killed_at_ns = time.time_ns()
        cast.kill_agent()
        self._event("agent killed with -9 in the middle of it, and the plain publisher with it")

        self._until(self._now_s() + _RESTART_AFTER_S)
        self._kills.append(Kill(killed_at_ns=killed_at_ns, started_at_ns=time.time_ns()))
        cast.restart_agent()
        self._dead = (cast.broker.process,)
        self._event("agent and plain publisher started again")

        self._until(cut_s + OUTAGE_S)
        cast.broker.restore()
        self._outage_s = self._now_s() - cut_s
        self._dead = ()
        self._event("broker back; it remembers nothing")

        self._until(self.seconds - LAST_WAY_S)
        cast.stop_sensors()
        self._dead = tuple(cast.sensors)
        self._event("sensors stopped; what is under way arrives")
        self._settle()
        self._event("asking the store, and comparing with the sensors' own logs")
        return self._judge()

    def _settle(self) -> None:
        """Wait until nothing is open or pending, or the time for it is over."""
        deadline_s = self._now_s() + _SETTLE_S
        while self._now_s() < deadline_s:
            self._show()
            settled = self._agent.get("open_rows") == 0 and self._agent.get("pending") == 0
            in_lake = self._collector.get("stored_readings") == self._agent.get("accepted")
            if settled and in_lake and all(each["lag_blocks"] == 0 for each in self._collector.get("stores", [])):
                return
            time.sleep(0.2)
        self._event(f"not everything arrived within {_SETTLE_S:.0f} s")

    def _judge(self) -> tuple[Figures, Verdict]:
        cast = self.cast
        # As after a kill: what a sensor says while its port is being opened may be thrown away with what came before.
        start = Kill(killed_at_ns=cast.started_at_ns, started_at_ns=cast.started_at_ns)
        verdict, places, events = judge_devices(cast.layout, cast.devices, [start, *self._kills], cast.store)
        agent = cast.agent_status()
        if agent is None:
            raise DemoError(f"the agent does not answer: {cast.agent.last_words()}")
        self._plain.update()
        figures = Figures(
            # Places and events are readings, too: nobody said them, the agent worked them out.
            emitted=verdict.emitted + places.readings + events,
            unread_while_down=verdict.unread_while_down,
            accepted=int(agent["accepted"]),
            stored=verdict.stored + places.readings + events,
            altered=verdict.altered + verdict.unexpected,
            pending=int(agent["pending"]),
            recorded_loss=int(agent["recorded_loss"]),
            duplicates=verdict.duplicates,
            lost=verdict.lost,
            bytes_per_reading=round(self._bytes_per_reading() or 0.0, 3),
            agent_rss_mb=round(self._rss_mb, 1),
            kills=len(self._kills),
            outage_s=round(self._outage_s, 1),
            broker=cast.kind,
            plain_read=self._plain.read,
            plain_lost=self._plain.lost(settled=True),
            placed=places.placed,
            without_place=places.without,
            attitudes=places.attitudes,
            events=events,
            store=cast.store_kind or "lake",
            place_error_p50_m=places.share(0.5),
            place_error_p95_m=places.share(0.95),
            place_error_max_m=places.share(1.0),
        )
        return figures, verdict

    def watch(self, view: View) -> None:
        """Show how it goes on, until somebody interrupts."""
        self.view = view
        self._dead = ()
        while True:
            self._show()
            self.cast.check_alive()
            time.sleep(_SHOW_EVERY_S)

    def _until(self, at_s: float) -> None:
        while (rest_s := at_s - self._now_s()) > 0:
            self._show()
            self.cast.check_alive(but=self._dead)
            time.sleep(min(rest_s, _SHOW_EVERY_S))

    def _now_s(self) -> float:
        return time.monotonic() - self._began_s

    def _event(self, text: str) -> None:
        self.view.event(f"{self._now_s():5.1f} s  {text}")

    def _bytes_per_reading(self) -> float | None:
        # Both of the journal: what the lake has lags behind its bytes.
        counters = self._collector.get("journal", {}).get("counters", {})
        return counters["block_bytes"] / counters["readings"] if counters.get("readings") else None

    def _show(self) -> None:
        cast = self.cast
        agent = None if cast.agent in self._dead else cast.agent_status()
        collector = cast.collector_status()
        self._agent = agent or {}
        self._collector = collector or self._collector
        self._rss_mb = max(self._rss_mb, cast.agent.resident_mb())
        self._plain.update()
        down = cast.broker.process in self._dead
        self.view.show(
            Snapshot(
                elapsed_s=self._now_s(),
                total_s=self.seconds,
                latest=latest_values(ask(cast.layout.collector_socket, "latest")),
                accepted=self._agent.get("accepted"),
                pending=self._agent.get("pending"),
                stored=self._collector.get("stored_readings"),
                recorded_loss=self._agent.get("recorded_loss", 0),
                bytes_per_reading=self._bytes_per_reading(),
                link=str(self._agent.get("link", "agent is dead" if cast.agent in self._dead else "")),
                broker=f"{cast.kind} broker {'is down' if down else 'is up'}",
                plain_lost=self._plain.lost(),
                plain_read=self._plain.read,
                page=cast.page,
            )
        )
