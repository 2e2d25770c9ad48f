"""``harkara agent init``: look at the ports, write ``agent.toml``."""

from __future__ import annotations

import argparse
import asyncio
import re
import socket
import sys
from pathlib import Path

from edge_agent import discover, template
from edge_agent.config import Config
from edge_agent.discover import Finding
from harkara_io import toml_config
from harkara_io.errors import ConfigError
from harkara_io.serial_ports import found_ports


def run(args: argparse.Namespace) -> int:
    """Listen and write.

    Raises:
        ConfigError: The agent id is none, or the file is there already.
    """
    agent = args.agent if args.agent is not None else template.agent_id(socket.gethostname())
    if re.fullmatch(r"[a-z0-9-]{3,40}", agent) is None:
        raise ConfigError(f"`{agent}` is no agent id", hint="3 to 40 of a-z, 0-9 and -")
    to_stdout = str(args.out) == "-"
    if not to_stdout and args.out.exists() and not args.force:
        raise ConfigError(f"{args.out} is there already", hint="name another with --out, or overwrite with --force")
    findings = asyncio.run(_look(args.port, args.seconds))
    text = template.render(findings, agent=agent, broker=args.broker, name="agent.toml" if to_stdout else str(args.out))
    known = [finding for finding in findings if finding.kind in {"nmea", "json", "csv"}]
    if known:
        # What is written must load: a fault here is ours, and better found now than at the station.
        toml_config.parse(text, Config)
    if to_stdout:
        print(text, end="")
    else:
        _write(args.out, text)
        print(f"wrote {args.out}: {len(known)} devices; look through it, then: harkara agent run --config {args.out}")
    return 0 if known else 1


async def _look(ports: list[Path] | None, seconds: float) -> list[Finding]:
    """Listen to all ports at once."""
    paths = ports if ports is not None else [port.path for port in found_ports()]
    if not paths:
        print("no serial port found; name one with --port, or plug the device in and try again", file=sys.stderr)
    findings = await asyncio.gather(*(discover.listen(path, seconds=seconds) for path in paths))
    for finding in findings:
        heard = ", ".join(finding.channels) or finding.detail
        print(f"{finding.port}: {finding.kind} at {finding.baud} baud: {heard}", file=sys.stderr)
    return list(findings)


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
