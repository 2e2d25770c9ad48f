"""``harkara collector run | init | status``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

DEFAULT_CONFIG: Final = Path("collector.toml")

_EXAMPLE = """example:
  harkara collector run --config collector.toml
  harkara collector status --config collector.toml --json"""
_RUN_EXAMPLE: Final = """example:
  harkara collector run --config /etc/harkara/collector.toml

Runs in the foreground until SIGTERM or SIGINT; then commits, acknowledges and projects what has come.
exit status: 0 stopped on request, 1 a fault, 2 configuration, password, or another process in the way"""

_INIT_EXAMPLE: Final = """examples:
  harkara collector init                                    write ./collector.toml, every line explained
  harkara collector init --broker mqtt.example.org --out /etc/harkara/collector.toml

exit status: 0 written, 2 wrong usage or the file is there"""

_STATUS_EXAMPLE: Final = """examples:
  harkara collector status --config /etc/harkara/collector.toml
  harkara collector status --json | jq .accounting

exit status: 0 all is well, 1 it is not running or something needs a person, 2 configuration"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; nothing else is imported for it."""
    parser.epilog = _EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    raw = argparse.RawDescriptionHelpFormatter

    run_parser = actions.add_parser("run", help="run the collector", epilog=_RUN_EXAMPLE, formatter_class=raw)
    _add_config(run_parser)
    run_parser.add_argument("--check", action="store_true", help="only check the configuration and the files it names")

    init = actions.add_parser(
        "init", help="write a commented collector.toml", epilog=_INIT_EXAMPLE, formatter_class=raw
    )
    init.add_argument("--broker", default="127.0.0.1", metavar="HOST", help="the MQTT broker (default: %(default)s)")
    init.add_argument(
        "--out", type=Path, default=DEFAULT_CONFIG, help="file to write, - to print (default: %(default)s)"
    )
    init.add_argument("--force", action="store_true", help="overwrite the file")

    status = actions.add_parser("status", help="ask the running collector", epilog=_STATUS_EXAMPLE, formatter_class=raw)
    _add_config(status)
    status.add_argument("--json", action="store_true", help="everything it knows, as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; exit statuses as the help of each action says."""
    if args.action == "init":
        from collector import cli_init  # noqa: PLC0415 - each action loads only its own needs

        return cli_init.run(args)
    if args.action == "status":
        from collector import cli_status  # noqa: PLC0415

        return cli_status.run(args)
    from collector import cli_run  # noqa: PLC0415

    return cli_run.run(args)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="configuration (default: %(default)s)"
    )
