"""``harkara device add | list | disable | enable``: who may send, at the running collector or in its file."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from collector.config import CollectorConfig, load_config
from collector.registry import RegistryFile, Status, agent_fields
from harkara_io.control_socket import NotRunning, call
from harkara_io.log_files import make_directory

Row = dict[str, Any]

_EXAMPLES: Final = """examples:
  harkara device add ridge-03 --name "Ridge weather" --place "30.73, 79.07"
  harkara device list --json
  harkara device disable ridge-03

An agent that is not in the list, or disabled, is refused: its blocks stay with it and come when it is let in.
exit status: 0 done, 1 the collector does not answer, 2 wrong usage, unknown or taken id, configuration"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="let an agent in")
    add.add_argument("agent", metavar="ID", help="3 to 40 of a-z, 0-9 and -; also its MQTT user; never used again")
    add.add_argument("--name", default="", help="what people call it")
    add.add_argument("--place", default="", help="where it stands")
    listing = actions.add_parser("list", help="show who may send")
    for name, summary in (("disable", "refuse an agent; what it has stays with it"), ("enable", "let it in again")):
        actions.add_parser(name, help=summary).add_argument("agent", metavar="ID")
    for action in actions.choices.values():
        action.add_argument(
            "--config", type=Path, default=Path("collector.toml"), metavar="FILE", help="default: %(default)s"
        )
    for action in (add, listing):
        action.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for.

    Raises:
        HarkaraError: What is wrong, in a line; nothing was changed then.
    """
    config = load_config(args.config)
    match args.action:
        case "add":
            made = _either(
                config,
                lambda: call(config.socket_file, "device_add", agent=args.agent, name=args.name, place=args.place),
                lambda file: agent_fields(file.add(args.agent, name=args.name, place=args.place)),
            )
            print(json.dumps(made) if args.json else f"{made['id']} may send")
        case "list":
            rows = _either(
                config,
                lambda: call(config.socket_file, "device_list"),
                lambda file: {"agents": [agent_fields(agent) for agent in file.agents()]},
            )
            print(json.dumps(rows) if args.json else _table(rows["agents"]))
        case action:
            status = Status.DISABLED if action == "disable" else Status.ACTIVE
            changed = _either(
                config,
                lambda: call(config.socket_file, f"device_{action}", agent=args.agent),
                lambda file: agent_fields(file.set_status(args.agent, status)),
            )
            print(f"{changed['id']} is {changed['status']}")
    return 0


def _either(config: CollectorConfig, ask: Callable[[], Row], do: Callable[[RegistryFile], Row]) -> Row:
    """Through the running collector, which then knows at once; else on the file."""
    try:
        return ask()
    except NotRunning:
        make_directory(config.data)
        with RegistryFile(config.registry_file) as file:
            return do(file)


def _table(rows: list[Row]) -> str:
    if not rows:
        return "nobody may send yet; harkara device add ID lets an agent in"
    lines = [f"{'id':<24} {'status':<10} {'added':<20} name, place"]
    for row in rows:
        added = datetime.fromtimestamp(row["added_at_ns"] / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        about = ", ".join(part for part in (row["name"], row["place"]) if part)
        lines.append(f"{row['id']:<24} {row['status']:<10} {added:<20} {about}".rstrip())
    return "\n".join(lines)
