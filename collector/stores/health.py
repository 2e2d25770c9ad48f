"""How agents, stores and the collector itself do, as lines for the stores: dashboards and alarms that are there see it.

Best effort: these lines are worth something only now, so what cannot be sent is counted and not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from collector.stores import naming
from collector.stores.mapping import MappingOptions

AGENT: Final = "harkara_agent"
COLLECTOR: Final = "harkara_collector"
STORE: Final = "harkara_store"

_MS: Final = 1_000_000
"""Nanoseconds in a millisecond."""

_AGENT_FIELDS: Final = ("accepted", "stored", "recorded_loss", "pending", "heard_s_ago")
_STORE_FIELDS: Final = ("lag_s", "lag_blocks", "values", "resent", "quarantine_lines", "series")


def health_lines(
    status: Mapping[str, Any], site_of: Callable[[str], str], now_ns: int, options: MappingOptions
) -> bytes:
    """Lines of one instant, in the form that the store takes.

    Args:
        status: As ``collector status --json`` gives it.
        site_of: The site of an agent.
        now_ns: The instant, UTC. [ns]
        options: Of the store.
    """
    at = now_ns // options.unit_ns
    line = partial(_line, at=at) if options.store == "influxdb" else partial(_series, at_ms=at * options.unit_ns // _MS)
    lines = [line(COLLECTOR, {}, _of_collector(status))]
    for agent in status["agents"]:
        values: dict[str, float | None] = {name: agent[name] for name in _AGENT_FIELDS}
        values["up"] = None if agent["alive"] is None else float(agent["alive"])
        lines.append(line(AGENT, {"agent": agent["agent"], "site": site_of(agent["agent"])}, values))
    for store in status["stores"]:
        values = {name: store[name] for name in _STORE_FIELDS}
        values["up"] = float(store["state"] in {"up", "behind"})
        values["refused"] = sum(store["refused"].values())
        values["left_out"] = sum(store["left_out"].values())
        lines.append(line(STORE, {"store": store["name"]}, values))
    return "".join(lines).encode()


def _of_collector(status: Mapping[str, Any]) -> dict[str, float | None]:
    accounting, behind = status["accounting"], status["journal_position"] - status["lake_position"]
    return {
        "ok": float(status["ok"]),
        "rss_bytes": status["rss_bytes"],
        "uptime_s": status["uptime_s"],
        "connected": float(status["broker"]["connected"]),
        "accepted": accounting["accepted"],
        "stored": accounting["stored"],
        "recorded_loss": accounting["recorded_loss"],
        "pending": accounting["pending"],
        "blocks": status["blocks"],
        "block_bytes": status["block_bytes"],
        "duplicates": status["duplicates"],
        "quarantined": status["quarantined"],
        "lake_lag_blocks": behind,
    }


def _line(measurement: str, tags: Mapping[str, str], values: Mapping[str, float | None], *, at: int) -> str:
    fields = ",".join(f"{name}={float(value)!r}" for name, value in values.items() if value is not None)
    return f"{naming.head(measurement, tags)} {fields} {at}\n"


def _series(measurement: str, tags: Mapping[str, str], values: Mapping[str, float | None], *, at_ms: int) -> str:
    return "".join(
        f'{{"metric":{naming.metric(measurement, name, tags)},"values":[{float(value)!r}],"timestamps":[{at_ms}]}}\n'
        for name, value in values.items()
        if value is not None
    )
