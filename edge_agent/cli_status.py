"""``harkara agent status``: what the running agent says of itself."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from edge_agent import config as configuration
from harkara_io import control_socket


def run(args: argparse.Namespace) -> int:
    """Ask once, or again and again.

    Raises:
        ConfigError: The configuration cannot be used.
        ControlError: The agent is not running or refused (exit status 1).
    """
    socket = configuration.load(args.config).socket_used
    while True:
        status = control_socket.call(socket, "status")
        print(json.dumps(status) if args.json else as_lines(status), flush=True)
        if not args.follow:
            return 0
        if not args.json:
            print(flush=True)
        time.sleep(args.every)


def as_lines(status: dict[str, Any]) -> str:
    """For people: the sum first, then link and outbox, then the devices with their latest values."""
    lines = [
        (
            f"{status['agent']}  accepted {status['accepted']} = stored {status['stored']}"
            f" + loss {status['recorded_loss']} + pending {status['pending']}  (readings)"
        ),
        f"link {status['link']} ({status['phase']})"
        + (f": {status['link_detail']}" if status["link_detail"] else "")
        + f"; {status['blocks_published']} blocks, {status['bytes_published']} bytes published",
        (
            f"outbox {status['disk']}, {_mib(status['outbox_bytes'])} of {_mib(status['outbox_bytes_max'])},"
            f" {status['open_rows']} open rows; memory {_mib(status['rss_bytes'])}; clock {status['clock']}"
        ),
    ]
    if status["disk_detail"]:
        lines.append(f"trouble: {status['disk_detail']}")
    lines += [f"alarm {kind}: {detail}" for kind, detail in status["alarms"].items()]
    lines += [f"incident {text}" for text in status["incidents"]]
    for device in status["devices"]:
        rejected = sum(device["rejected"].values())
        heard = device["heard_s_ago"]
        lines.append(
            f"{device['id']}  {device['driver']} {device['source']}  {device['state']}"
            + (f": {device['detail']}" if device["detail"] else "")
            + f"  {device['readings']} readings, {rejected} rejected"
            + (f", last {_age(heard)} ago" if heard is not None else "")
        )
        if rejected:
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(device["rejected"].items()))
            lines.append(f"    rejected: {reasons}; last: {device['last_reject']}")
        if device["missing"]:
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(device["missing"].items()))
            lines.append(f"    missing: {reasons}")
        lines += [
            f"    {name:<28} {last['value']:>14} {last['unit']:<8} {_age(last['age_s'])} old"
            for name, last in device["channels"].items()
        ]
        lines += [f"    {name:<28} {text}" for name, text in device["texts"].items()]
    return "\n".join(lines)


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 1024 / 1024:.1f} MiB"


def _age(seconds: float) -> str:
    if abs(seconds) < 120:
        return f"{seconds:.1f} s"
    if abs(seconds) < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
