"""``harkara agent run | init | status | import``."""

from __future__ import annotations

import argparse
import re
from datetime import datetime
from pathlib import Path
from typing import Final

DEFAULT_CONFIG: Final = Path("agent.toml")

_EXAMPLE = """example:
  harkara agent run --config agent.toml
  harkara agent init --port /dev/ttyUSB0
  harkara agent import flight.tlog --dry-run"""
_RUN_EXAMPLE: Final = """example:
  harkara agent run --config /etc/harkara/agent.toml

Runs in the foreground until SIGTERM or SIGINT, then seals what is open and sends what it can.
A broker that refuses or cannot be reached ends nothing: one line says why, readings wait in the outbox.
exit status: 0 stopped on request, 1 a fault, 2 configuration or another process in the way"""

_INIT_EXAMPLE: Final = """examples:
  harkara agent init                                  look at every serial port of this machine
  harkara agent init --port /dev/ttyUSB0 --out -      one port, print instead of writing
  harkara agent init --agent ridge-03 --broker mqtt.example.org

Listens to each port for a few seconds at the usual speeds for NMEA, JSON or CSV lines.
exit status: 0 written, 1 nothing was heard (a commented template is written), 2 wrong usage or the file is there"""

_STATUS_EXAMPLE: Final = """examples:
  harkara agent status --config /etc/harkara/agent.toml
  harkara agent status --json | jq .pending
  harkara agent status --follow

exit status: 0 the agent answered, 1 it is not running or does not answer, 2 configuration"""


_IMPORT_EXAMPLE: Final = """examples:
  harkara agent import flight.tlog --dry-run --json           look, write nothing
  harkara agent import flight.tlog --device survey-drone      into the outbox of agent.toml
  harkara agent import link.mav --started 2026-05-14T06:30:00+05:30

Reads MAVLink logs (tlog, or frames alone). Giving a file twice adds nothing. Stop the agent while you import.
exit status: 0 imported, 1 the outbox is full, 2 a file or the configuration cannot be used"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; nothing else is imported for it."""
    parser.epilog = _EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    raw = argparse.RawDescriptionHelpFormatter

    run_parser = actions.add_parser("run", help="run the agent", epilog=_RUN_EXAMPLE, formatter_class=raw)
    _add_config(run_parser)
    run_parser.add_argument("--check", action="store_true", help="only check the configuration; open nothing")

    init = actions.add_parser(
        "init", help="write agent.toml from what is found on the ports", epilog=_INIT_EXAMPLE, formatter_class=raw
    )
    init.add_argument("--agent", default=None, help="agent id (default: made from the host name)")
    init.add_argument("--broker", default="localhost", help="host of the MQTT broker (default: %(default)s)")
    init.add_argument(
        "--port", action="append", type=Path, default=None, help="listen to this port only; may be given again"
    )
    init.add_argument(
        "--seconds", type=_seconds, default=2.5, help="how long to listen at each speed (default: %(default)s)"
    )
    init.add_argument(
        "--out", type=Path, default=DEFAULT_CONFIG, help="file to write, - to print (default: %(default)s)"
    )
    init.add_argument("--force", action="store_true", help="overwrite the file")

    bring = actions.add_parser(
        "import", help="take recorded files into the outbox", epilog=_IMPORT_EXAMPLE, formatter_class=raw
    )
    _add_config(bring)
    bring.add_argument("file", nargs="+", type=Path, help="a log")
    bring.add_argument("--device", type=_device, default="vehicle", help="begin device ids so (default: %(default)s)")
    bring.add_argument(
        "--started",
        type=_instant,
        default=None,
        metavar="TIME",
        help="when the vehicle was switched on",
    )
    bring.add_argument("--dry-run", action="store_true", help="read and count; write nothing")
    bring.add_argument("--json", action="store_true", help="end with one JSON object")

    status = actions.add_parser("status", help="ask the running agent", epilog=_STATUS_EXAMPLE, formatter_class=raw)
    _add_config(status)
    status.add_argument("--json", action="store_true", help="one JSON object (with --follow: one per line)")
    status.add_argument("--follow", action="store_true", help="ask again every --every seconds until interrupted")
    status.add_argument("--every", type=_seconds, default=2.0, help="seconds between questions (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; exit statuses as the help of each action says."""
    if args.action == "init":
        from edge_agent import cli_init  # noqa: PLC0415 - each action loads only its own needs

        return cli_init.run(args)
    if args.action == "status":
        from edge_agent import cli_status  # noqa: PLC0415

        return cli_status.run(args)
    if args.action == "import":
        from edge_agent import cli_import  # noqa: PLC0415

        return cli_import.run(args)
    from edge_agent import cli_run  # noqa: PLC0415

    return cli_run.run(args)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="configuration (default: %(default)s)"
    )


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time, such as 2026-05-14T06:30:00+05:30") from None
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone: add Z or +05:30")
    return found


def _device(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", text):
        raise argparse.ArgumentTypeError("give 1 to 40 letters, digits, - or _")
    return text


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.05 <= value <= 3600:
        raise argparse.ArgumentTypeError("give seconds between 0.05 and 3600")
    return value
