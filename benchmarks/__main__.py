"""One harness for every figure: ``python -m benchmarks NAME --json``, or ``all``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks import document, machine

NAMES: Final[dict[str, str]] = {
    "wire": "bytes per reading of blocks on real recordings",
    "codec": "readings per second encoded without numpy, decoded with it",
    "outbox": "readings accepted per second, start with a large backlog",
    "ingest": "readings per second from Mosquitto to receipt and lake",
    "lines": "readings per second as lines, encoded alone and until VictoriaMetrics and InfluxDB have them",
    "latency": "time from publication to receipt at a tenth of that load",
    "stores": "values per second from the journal into stores of others",
    "outage": "a store down for a time under load: receipts meanwhile, how soon it is live again, values lost",
    "dead_store": "memory of a collector with three stores, one of them dead for an hour",
    "upkeep": "memory of commits and merges of the lake, hours of a small network in minutes",
    "kills": "store and collector killed again and again under load: every value in the store compared",
    "footprint": "what the agent takes of memory, start-up time and disk",
    "profiles": "frames decoded per second, time and memory of loading profiles",
    "bus": "polls of 32 Modbus devices on one bus against what it can carry; a hung port's neighbours",
    "mavlink": "frames scanned per second, what the driver adds, how near interpolated places come",
    "simulators": "a month of twenty sensors on one core, agents held by one process",
    "peers": "Harkara, Telegraf and a point writer beside each other, into VictoriaMetrics and InfluxDB",
    "link": "bytes a day of a ten-channel station on the link, everything included",
}
"""Every benchmark and what it measures; each is ``benchmarks/NAME.py`` with ``run() -> dict``.

``run`` may take options of the command line by their names, such as ``seconds``: how long to measure. The dict may hold
``about`` (one sentence) and ``targets`` (a figure or text by dotted name), both shown in the document. The module may
have ``sections(result)``, lines of Markdown by heading in place of the usual table, and ``draw(result, folder)``, which
makes plots and gives their paths.
"""
WHEN_NAMED: Final = frozenset({"peers", "dead_store", "upkeep"})
"""Not among ``all``: they take from ten minutes to an hour."""
PLOTS: Final = document.DOCUMENT.parent / "benchmarks"
"""Where plots of the document are."""

_OURS: Final = frozenset({"names", "json", "write_docs", "plots"})
"""Words of the command line that are not handed on."""


def main(words: list[str] | None = None) -> int:
    """Run what the command line asks for.

    Returns:
        0, or 1 when a benchmark failed or is not there.
    """
    listing = "\n".join(f"  {name:<11} {summary}" for name, summary in NAMES.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=[*NAMES, "all"], metavar="NAME", help="one of those below, or all")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, instead of a listing")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/benchmarks.md")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="plots of the results, as SVG, where there are any")
    parser.add_argument("--seconds", type=float, help="how long to measure, where a benchmark runs for a time")
    parser.add_argument("--kills", type=int, metavar="N", help="how often each is killed, for kills (20)")
    peers = parser.add_argument_group("peers")
    peers.add_argument("--stations", type=int, metavar="N", help="weather stations (200)")
    peers.add_argument("--minutes", type=int, metavar="N", help="rows of each in a course, one a minute (2880)")
    peers.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help="courses of each path, 0 for the failures alone (3); for upkeep, quarters of an hour (24)",
    )
    peers.add_argument(
        "--paths",
        metavar="WORDS",
        help="only paths with one of these in their name: harkara,lake; for outage the kind of store",
    )
    peers.add_argument("--outage-s", type=float, metavar="S", help="how long the store is away (30)")
    peers.add_argument("--skip-failures", action="store_true", default=None, help="leave out the failure half")
    args = parser.parse_args(words)
    # As Ctrl-C does: what a benchmark has started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    everything = [name for name in NAMES if name not in WHEN_NAMED]
    names = list(dict.fromkeys(name for word in args.names for name in (everything if word == "all" else [word])))
    options = {name: value for name, value in vars(args).items() if name not in _OURS and value is not None}
    here = machine.describe()
    failed = 0
    for name in names:
        try:
            module = importlib.import_module(f"benchmarks.{name}")
            taken = {key: options[key] for key in inspect.signature(module.run).parameters if key in options}
            result = _run(name, module.run, taken)
            if args.json:
                print(json.dumps({"name": name, **result, "machine": here}), flush=True)
            else:
                _print(name, result)
            folders = [args.plots] if args.plots else []
            if args.write_docs:
                sections = module.sections(result) if hasattr(module, "sections") else {name: None}
                for section, tables in sections.items():
                    document.write_result(name, result, here, options=taken, section=section, tables=tables)
                folders.append(PLOTS)
            for folder in folders if hasattr(module, "draw") else []:
                for path in module.draw(result, folder):
                    print(f"{name}: drew {path}", file=sys.stderr)
        except Exception:  # noqa: BLE001 - one that fails must not keep the others from running
            traceback.print_exc()
            print(f"{name}: failed", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


def _run(name: str, run: Callable[..., dict[str, Any]], options: Mapping[str, Any]) -> dict[str, Any]:
    started = time.monotonic()
    result = run(**options)
    print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    return result


def _print(name: str, result: dict[str, Any]) -> None:
    print(f"{name}: {NAMES[name]}")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    sys.exit(main())
