"""``harkara collector run | init | status``, and what is done with the stores of others."""

from __future__ import annotations

import argparse
import re
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

_STORES_EXAMPLE: Final = """examples:
  harkara collector stores
  harkara collector stores --json | jq '.stores[] | {name, state, lag_s}'

exit status: 0 all are served or paused, 1 one is not, or the collector is not running, 2 configuration"""

_PROJECT_EXAMPLE: Final = """examples:
  harkara collector project grafana --from beginning --wait      all that the lake has, with a progress bar
  harkara collector project grafana --from 2026-11-01T00:00Z --until 2026-11-02T00:00Z
  harkara collector project grafana --from journal               only what the journal still has

New readings go on beside it, and what is there already is stored once. Ctrl-C ends the waiting, not the work.
exit status: 0 begun, or with --wait done, 1 the collector does not answer, 2 wrong usage or no such store, 130 left"""

_PAUSE_EXAMPLE: Final = """examples:
  harkara collector pause grafana
  harkara collector resume grafana

A paused store misses nothing: what it lacks is sent when it is resumed. A pause outlives a restart.
exit status: 0 done, 1 the collector does not answer, 2 no such store"""

_QUARANTINE_EXAMPLE: Final = """examples:
  harkara collector store-quarantine grafana
  harkara collector store-quarantine grafana --json | jq -r .words | sort | uniq -c

Lines that the store refused, with its own words; the lake has their readings. Read from the files, running or not.
exit status: 0 shown, 2 no such store"""

_STORES_ACTIONS: Final = frozenset({"stores", "project", "pause", "resume", "store-quarantine"})


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

    stores = actions.add_parser("stores", help="show the stores of others", epilog=_STORES_EXAMPLE, formatter_class=raw)
    project = actions.add_parser(
        "project", help="send a store what the lake or the journal has", epilog=_PROJECT_EXAMPLE, formatter_class=raw
    )
    pause = actions.add_parser("pause", help="send a store nothing for now", epilog=_PAUSE_EXAMPLE, formatter_class=raw)
    resume = actions.add_parser("resume", help="send to it again", epilog=_PAUSE_EXAMPLE, formatter_class=raw)
    quarantine = actions.add_parser(
        "store-quarantine", help="show what a store refused", epilog=_QUARANTINE_EXAMPLE, formatter_class=raw
    )
    for action in (project, pause, resume, quarantine):
        action.add_argument("store", metavar="STORE", help="its name in the configuration")
    project.add_argument(
        "--from",
        dest="since",
        required=True,
        metavar="WHERE",
        help="beginning, journal, or an instant such as 2026-11-01T00:00Z or -2h",
    )
    project.add_argument("--until", metavar="INSTANT", help="first instant no longer meant")
    project.add_argument("--wait", action="store_true", help="show how far it is until it is done")
    for action in (stores, project, quarantine):
        action.add_argument("--json", action="store_true", help="JSON, one object a line")
    for action in (stores, project, pause, resume, quarantine):
        _add_config(action)
    # Without this "--from -1h" would be taken for an option; argparse has no other way to say so.
    project._negative_number_matcher = re.compile(r"-\d+.*")  # noqa: SLF001


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; exit statuses as the help of each action says."""
    if args.action == "init":
        from collector import cli_init  # noqa: PLC0415 - each action loads only its own needs

        return cli_init.run(args)
    if args.action == "status":
        from collector import cli_status  # noqa: PLC0415

        return cli_status.run(args)
    if args.action in _STORES_ACTIONS:
        from collector import cli_stores  # noqa: PLC0415

        return cli_stores.run(args)
    from collector import cli_run  # noqa: PLC0415

    return cli_run.run(args)


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="configuration (default: %(default)s)"
    )
