"""``harkara collector status``: ask the running collector, show it in a few lines."""

from __future__ import annotations

import argparse
import json
from typing import Any

from collector.cli_stores import words as store_words
from collector.config import load_config
from harkara_io.control_socket import call


def run(args: argparse.Namespace) -> int:
    """Ask and print.

    Raises:
        NotRunning: Nobody listens at the control socket.
        ConfigError: The configuration cannot be used.
    """
    status = call(load_config(args.config).socket_file, "status")
    print(json.dumps(status) if args.json else words(status))
    return 0 if status["ok"] else 1


def words(status: dict[str, Any]) -> str:
    """The status for people."""
    intake = status["intake"]
    received = " + ".join(
        f"{intake[key]:,} {name}"
        for key, name in (
            ("committed", "committed"),
            ("duplicate", "duplicate"),
            ("refused", "refused"),
            ("quarantined", "put aside"),
            ("stale", "stale"),
            ("waiting", "waiting"),
        )
    )
    journal = f"journal at {status['journal_position']:,}, lake at {status['lake_position']:,}"
    broker = "reached" if status["broker"]["connected"] else "not reached"
    lines = [
        status["accounting"]["sentence"],
        f"{journal} (durable to {status['durable_position']:,}); {_mb(status['block_bytes'])} MB of blocks",
        f"since the start {status['uptime_s']:.0f} s ago: {intake['received']:,} blocks received = {received}",
        f"memory {_mb(status['rss_bytes'])} MB; broker {broker}",
    ]
    if status["problem"]:
        lines.insert(0, f"PROBLEM: {status['problem']}")
    if status["agents"]:
        lines += ["", f"{'agent':<24} {'link':<8} {'accepted':>12} {'stored':>12} {'lost':>8} {'pending':>10}"]
        lines += [_agent(agent) for agent in status["agents"]]
    else:
        lines += ["", "no agent may send yet: harkara device add AGENT-ID"]
    if status["stores"]:
        lines += ["", *(store_words(store) for store in status["stores"])]
    return "\n".join(lines)


def _agent(agent: dict[str, Any]) -> str:
    link = {None: "unheard", True: "up", False: "down"}[agent["alive"]] if agent["enabled"] else "disabled"
    return (
        f"{agent['agent']:<24} {link:<8} {agent['accepted']:>12,} {agent['stored']:>12,} "
        f"{agent['recorded_loss']:>8,} {agent['pending']:>10,}"
    )


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f}"
