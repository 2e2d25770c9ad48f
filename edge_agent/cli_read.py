"""``harkara agent read``: one reading of a device now, with the bytes that brought it."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import Any

from edge_agent import config as configuration
from harkara_io import control_socket
from harkara_io.control_socket import NotRunning


def run(args: argparse.Namespace) -> int:
    """Ask the running agent, or open the line where none runs.

    Raises:
        ConfigError: The configuration cannot be used, or has no such device.
        ControlError: The agent refused.
    """
    config = configuration.load(args.config)
    device = configuration.device_named(config, args.device, args.config)
    try:
        found = control_socket.call(
            config.socket_used, "read", timeout_s=args.seconds + 10, device=device.id, patience_s=args.seconds
        )
    except NotRunning:
        from edge_agent.looking import look_alone  # noqa: PLC0415 - only where no agent has the line

        found = asyncio.run(look_alone(device, args.seconds, config.power))
    print(json.dumps(found) if args.json else as_lines(found))
    return 0 if any("numbers" in read for read in found["reads"]) else 1


def as_lines(found: dict[str, Any]) -> str:
    """For people: the numbers, or why there are none; then the bytes in their order."""
    lines = []
    for read in found["reads"]:
        if "rejected" in read:
            lines.append(f"rejected: {read['rejected']}: {read['detail']}")
            continue
        for number in read["numbers"]:
            value = number["value"] if number["value"] is not None else f"missing ({number['reason']})"
            lines.append(f"{number['channel']:<32} {value:>16} {number['unit']}".rstrip())
        lines += [f"{channel:<32} {text}" for channel, text in read["texts"].items()]
    if not lines:
        why = found["detail"] or "it said nothing; --seconds gives it more time"
        lines.append(f"{found['device']} at {found['source']} is {found['state']}: {why}")
    for each in found["bytes"]:
        arrow = "->" if each["sent"] else "<-"
        data = bytes.fromhex(each["hex"])
        lines.append(f"{each['after_s']:9.3f} s {arrow} {data.hex(' ')}  {_printable(data)}".rstrip())
    return "\n".join(lines)


def _printable(data: bytes) -> str:
    text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in data)
    return text if sum(character != "." for character in text) * 2 > len(text) else ""
