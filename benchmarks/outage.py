"""A store killed for a time under a steady load: receipts meanwhile, live again when, values lost or twice."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.blocks import SMALL
from benchmarks.load import Sender, drive
from benchmarks.rig import Rig, running
from benchmarks.store_rig import Beside, beside, kinds_here, prepare_distinct, states
from simulators.demo.processes import DemoError

SECONDS: Final = 60.0
AGENTS: Final = 8
VALUES_PER_S: Final = 100_000
_BEFORE_S: Final = 20.0
_AFTER_S: Final = 90.0
"""How long the load goes on after the store is back: a minute is allowed until it is live again. [s]"""
_LIVE_LAG_S: Final = 2.0
_SAFE_S: Final = 180.0


@dataclass(slots=True)
class _Outage:
    """Kills the store, starts it again, and notes when it is live; called once a second."""

    rig: Rig
    stores: Sequence[Beside]
    down_s: float
    began_s: float = field(default_factory=time.monotonic)
    killed_s: float | None = None
    started_s: float | None = None
    live_s: dict[str, float] = field(default_factory=dict)

    def look(self) -> None:
        """One look."""
        self.rig.sample()
        now_s = time.monotonic()
        if self.killed_s is None and now_s - self.began_s >= _BEFORE_S:
            for store in self.stores:
                store.store.kill()
            self.killed_s = now_s
        elif self.killed_s is not None and self.started_s is None and now_s - self.killed_s >= self.down_s:
            for store in self.stores:
                store.store.process.start()
            self.started_s = now_s
        elif self.started_s is not None and len(self.live_s) < len(self.stores):
            for name, state in states(self.rig).items():
                if name not in self.live_s and state["state"] == "up" and state["lag_s"] < _LIVE_LAG_S:
                    self.live_s[name] = now_s - self.started_s


def run(seconds: float = SECONDS, paths: str = "") -> dict[str, Any]:
    """Measure with the store down for ``seconds``.

    Args:
        seconds: How long it is away. [s]
        paths: Only the kind of this name; each that can be had when empty.
    """
    kinds = kinds_here(paths)
    return {
        "about": f"{VALUES_PER_S:,} values/s in blocks of 240, the store killed (SIGKILL) and away for {seconds:g} s.",
        **{kind: _outage(kind, seconds) for kind in kinds},
        "targets": {
            key: words
            for kind in kinds
            for key, words in (
                (f"{kind}.live_again_s", "<= 60"),
                (f"{kind}.lost", "0"),
                (f"{kind}.receipt_p99_ms_during", "<= 250"),
            )
        },
    }


def _outage(kind: str, seconds: float) -> dict[str, Any]:
    agents = [f"load-{number:02d}" for number in range(AGENTS)]
    blocks_per_s = VALUES_PER_S / SMALL.readings
    course_s = _BEFORE_S + seconds + _AFTER_S
    with (
        tempfile.TemporaryDirectory(prefix="harkara-outage-") as name,
        beside(kind, Path(name)) as store,
        running(agents, more=store.table) as rig,
    ):
        senders = prepare_distinct(agents, SMALL, int(blocks_per_s * course_s / AGENTS) + 8, rig.port)
        outage = _Outage(rig, [store], seconds)
        course = drive(senders, course_s, outage.look, blocks_per_s=blocks_per_s)
        state = _wait_safe(rig, kind)
        if outage.killed_s is None or outage.started_s is None:
            raise DemoError(f"the load ended after {course.seconds:.0f} s, before the store was back")
        before = _p99_ms(senders, outage.began_s, outage.killed_s)
        during = _p99_ms(senders, outage.killed_s, outage.started_s)
        after = _p99_ms(senders, outage.started_s, float("inf"))
        readings = course.blocks * SMALL.readings
        return {
            "readings": readings,
            "counted_in_store": (counted := store.count()),
            "lost": readings - counted,
            # None: not before the load ended.
            "live_again_s": None if (live_s := outage.live_s.get(kind)) is None else round(live_s, 1),
            "receipt_p99_ms_before": before,
            "receipt_p99_ms_during": during,
            "receipt_p99_ms_after": after,
            "resent_values": state["resent"],
            "collector_rss_max_mb": round(max(rig.rss_mb), 1),
        }


def _wait_safe(rig: Rig, name: str) -> dict[str, Any]:
    until_s = time.monotonic() + _SAFE_S
    while time.monotonic() < until_s:
        state = states(rig)[name]
        if state["safe_position"] == state["journal_position"]:
            return state
        time.sleep(1.0)
    raise DemoError(f"{name} is not safe after {_SAFE_S:g} s: {states(rig)[name]}")


def _p99_ms(senders: Sequence[Sender], since_s: float, until_s: float) -> float:
    waits = sorted(
        wait
        for sender in senders
        for sent_s, wait in zip(sender.sent_at_s, sender.latency_s, strict=False)
        if since_s <= sent_s < until_s
    )
    return round(waits[int(len(waits) * 0.99)] * 1e3, 1) if waits else 0.0
