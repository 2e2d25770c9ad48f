"""Memory of a collector with three stores, one of which is dead all the while."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.blocks import SMALL
from benchmarks.load import drive
from benchmarks.rig import running
from benchmarks.store_rig import beside, dead_table, kinds_here, prepare_distinct, states, wait_sent

SECONDS: Final = 3600.0
AGENTS: Final = 8
VALUES_PER_S: Final = 1_200
_WAIT_S: Final = 120.0


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure for ``seconds``."""
    kinds = kinds_here()
    agents = [f"load-{number:02d}" for number in range(AGENTS)]
    blocks_per_s = VALUES_PER_S / SMALL.readings
    with tempfile.TemporaryDirectory(prefix="harkara-dead-") as name, ExitStack() as stack:
        stores = [stack.enter_context(beside(kind, Path(name))) for kind in kinds]
        rig = stack.enter_context(running(agents, more=dead_table() + "".join(store.table for store in stores)))
        senders = prepare_distinct(agents, SMALL, int(blocks_per_s * seconds / AGENTS) + 8, rig.port)
        course = drive(senders, seconds, rig.sample, blocks_per_s=blocks_per_s)
        readings = course.blocks * SMALL.readings
        for store in stores:
            wait_sent(rig, store.name, states(rig)[store.name]["journal_position"], _WAIT_S)
            if (counted := store.count()) != readings:
                raise AssertionError(f"{readings} readings journalled, {store.name} has {counted}")
        waits = states(rig)["dead"]
        part = max(1, len(rig.rss_mb) // 12)
        return {
            "about": (
                f"{AGENTS} agents, {VALUES_PER_S:,} values/s for {seconds:g} s into {', '.join(kinds)} and a third "
                "store that nobody answers for."
            ),
            "readings": readings,
            "dead_store_lacks_blocks": waits["lag_blocks"],
            "dead_store_is": waits["state"],
            "dead_store_holds_bytes": waits["held_bytes"],
            "collector_rss_max_mb": round(max(rig.rss_mb), 1),
            "collector_rss_by_twelfths_mb": ", ".join(
                f"{max(rig.rss_mb[first : first + part]):.0f}" for first in range(0, len(rig.rss_mb), part)
            ),
            "targets": {"collector_rss_max_mb": "<= 600"},
        }
