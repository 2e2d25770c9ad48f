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
    "footprint": "what the agent takes of memory, start-up time and disk",
    "profiles": "frames decoded per second, time and memory of loading profiles",
    "bus": "polls of 32 Modbus devices on one bus against what it can carry; a hung port's neighbours",
    "mavlink": "frames scanned per second, what the driver adds, how near interpolated places come",
    "simulators": "a month of twenty sensors on one core, agents held by one process",
    "link": "bytes a day of a ten-channel station on the link, everything included",
}
"""Every benchmark and what it measures; each is ``benchmarks/NAME.py`` with ``run() -> dict``.

``run`` may take ``seconds``: how long to measure. The dict may hold ``about`` (one sentence) and ``targets`` (a
figure or text by dotted name), both shown in the document.
"""


def main(words: list[str] | None = None) -> int:
    """Run what the command line asks for.

    Returns:
        0, or 1 when a benchmark failed or is not there.
    """
    listing = "\n".join(f"  {name:<10} {summary}" for name, summary in NAMES.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="+", choices=[*NAMES, "all"], metavar="NAME", help="one of those below, or all")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, instead of a listing")
    parser.add_argument("--seconds", type=float, help="how long to measure, where a benchmark runs for a time")
    parser.add_argument("--write-docs", action="store_true", help="put the results into docs/benchmarks.md")
    args = parser.parse_args(words)
    # As Ctrl-C does: what a benchmark has started is stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    names = list(NAMES) if "all" in args.names else list(dict.fromkeys(args.names))
    here = machine.describe()
    failed = 0
    for name in names:
        try:
            result = _run(name, args.seconds)
        except Exception:  # noqa: BLE001 - one that fails must not keep the others from running
            traceback.print_exc()
            print(f"{name}: failed", file=sys.stderr)
            failed += 1
            continue
        if args.json:
            print(json.dumps({"name": name, **result, "machine": here}), flush=True)
        else:
            _print(name, result)
        if args.write_docs:
            document.write_result(name, result, here, seconds=args.seconds)
    return 1 if failed else 0


def _run(name: str, seconds: float | None) -> dict[str, Any]:
    module_name = f"benchmarks.{name}"
    run = importlib.import_module(module_name).run
    options = {"seconds": seconds} if seconds is not None and "seconds" in inspect.signature(run).parameters else {}
    started = time.monotonic()
    result: dict[str, Any] = run(**options)
    print(f"{name}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    return result


def _print(name: str, result: dict[str, Any]) -> None:
    print(f"{name}: {NAMES[name]}")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    sys.exit(main())
