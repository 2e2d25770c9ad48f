"""How agents, stores and the collector itself do, as lines for the stores: dashboards and alarms that are there see it.

Best effort: these lines are worth something only now, so what cannot be sent is counted and not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from collector.stores import naming

AGENT: Final = "harkara_agent"
COLLECTOR: Final = "harkara_collector"
STORE: Final = "harkara_store"

_AGENT_FIELDS: Final = ("accepted", "stored", "recorded_loss", "pending", "heard_s_ago")
_STORE_FIELDS: Final = ("lag_s", "lag_blocks", "values", "resent", "quarantine_lines", "series")


def health_lines(status: Mapping[str, Any], site_of: Callable[[str], str], at: int) -> bytes:
    """Lines of one instant.

    Args:
        status: As ``collector status --json`` gives it.
        site_of: The site of an agent.
        at: The instant, in the store's unit of time.
    """
    lines = [_line(COLLECTOR, {}, _of_collector(status), at)]
    for agent in status["agents"]:
        values: dict[str, float | None] = {name: agent[name] for name in _AGENT_FIELDS}
        values["up"] = None if agent["alive"] is None else float(agent["alive"])
        lines.append(_line(AGENT, {"agent": agent["agent"], "site": site_of(agent["agent"])}, values, at))
    for store in status["stores"]:
        values = {name: store[name] for name in _STORE_FIELDS}
        values["up"] = float(store["state"] in {"up", "behind"})
        values["refused"] = sum(store["refused"].values())
        values["left_out"] = sum(store["left_out"].values())
        lines.append(_line(STORE, {"store": store["name"]}, values, at))
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


def _line(measurement: str, tags: Mapping[str, str], values: Mapping[str, float | None], at: int) -> str:
    fields = ",".join(f"{name}={float(value)!r}" for name, value in values.items() if value is not None)
    return f"{naming.head(measurement, tags)} {fields} {at}\n"
