"""Values per second from the journal into each store of others, store and collector on the same cores.

Eight agents' blocks are journalled while the stores are paused; then one after the other is resumed and timed until it
has answered for everything. At the end the store counts its values. After that all go at once with one of them dead.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.blocks import LARGE
from benchmarks.load import drive
from benchmarks.rig import Rig, running
from benchmarks.store_rig import Beside, beside, dead_table, kinds_here, order, prepare_distinct, states, wait_sent

SECONDS: Final = 20.0
AGENTS: Final = 8
_VALUES_PER_S: Final = 1_000_000
"""Readings prepared for each second of the time given."""
_WAIT_S: Final = 600.0
_AT_LEAST: Final = {"victoriametrics": 2_000_000, "influxdb": 1_300_000}


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure with about a million readings for each second."""
    agents = [f"load-{number:02d}" for number in range(AGENTS)]
    kinds = kinds_here()
    with tempfile.TemporaryDirectory(prefix="harkara-stores-") as name, ExitStack() as stack:
        stores = [stack.enter_context(beside(kind, Path(name))) for kind in kinds]
        rig = stack.enter_context(running(agents, more=dead_table() + "".join(store.table for store in stores)))
        for store in stores:
            order(rig, "pause", store.name)
        blocks = int(_VALUES_PER_S * seconds / LARGE.readings / AGENTS)
        senders = prepare_distinct(agents, LARGE, blocks, rig.port)
        course = drive(senders, 10 * seconds + 60, rig.sample)
        rig.wait_in_lake(_WAIT_S)
        readings = course.blocks * LARGE.readings
        measured = {store.name: _one(rig, store, readings) for store in stores}
        return {
            "about": f"{AGENTS} agents, {readings:,} readings in blocks of 2,048, one store at a time.",
            **measured,
            "collector_rss_max_mb": round(max(rig.rss_mb), 1),
            "stores_beside": len(stores) + 1,
            "targets": {
                **{f"{kind}.values_per_s": f">= {_AT_LEAST[kind]:,}" for kind in kinds},
                "collector_rss_max_mb": "<= 600",
            },
        }


def _one(rig: Rig, store: Beside, readings: int) -> dict[str, Any]:
    head = states(rig)[store.name]["journal_position"]
    before = (*rig.cpu_s(), store.cpu_s())
    order(rig, "resume", store.name)
    took_s = wait_sent(rig, store.name, head, _WAIT_S)
    collector_s, _, store_s = (
        after - start for after, start in zip((*rig.cpu_s(), store.cpu_s()), before, strict=True)
    )
    counted = store.count()
    state = states(rig)[store.name]
    if counted != readings or state["values"] != readings:
        raise AssertionError(f"{readings} readings journalled, {store.name} has {counted}: {state}")
    return {
        "values_per_s": round(readings / took_s),
        "seconds": round(took_s, 2),
        "values_counted_in_store": counted,
        "collector_cpu_s_per_million": round(collector_s / readings * 1e6, 3),
        "store_cpu_s_per_million": round(store_s / readings * 1e6, 3),
    }
