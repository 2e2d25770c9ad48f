"""``harkara simulate fleet``: hundreds of agents in one process, as a load on a real broker and collector."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from simulators.cli_words import count, count_or_none, end_on_signals, not_negative, positive, say

EXAMPLES: Final = """\
examples:
  harkara simulate fleet --agents 500 --rate 1 --seconds 30
  harkara simulate fleet --agents 100 --backlog 200 --seconds 10      after an outage: everybody comes with a backlog
  harkara simulate fleet --agents 500 --ramp 20 --seconds 40 --json

Each agent runs the delivery machine and the encoder of a real one, over a connection of its own; its outbox is memory.

exit status: 0 every block made is stored, 1 not"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate fleet``."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--agents", type=count, default=100, metavar="N", help="how many (default 100)")
    parser.add_argument("--rate", type=positive, default=1.0, metavar="R", help="blocks a second of each (default 1)")
    parser.add_argument("--seconds", type=positive, default=20.0, metavar="S", help="how long (default 20)")
    parser.add_argument("--ramp", type=not_negative, default=0.0, metavar="S", help="seconds over which they begin (0)")
    parser.add_argument("--backlog", type=count_or_none, default=0, metavar="N", help="blocks each holds at first (0)")
    parser.add_argument("--rows", type=count, default=4, metavar="N", help="a block (default 4)")
    parser.add_argument("--channels", type=count, default=10, metavar="N", help="a row (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="decides values and ids (default 1)")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")


def run(args: argparse.Namespace) -> int:
    """Run a fleet.

    Returns:
        0 when every block made is stored, 1 when not.

    Raises:
        DemoError: Broker or collector did not start.
        FleetError: Not every agent could connect.
    """
    from simulators.fleet.load import FleetPlan, run_fleet  # noqa: PLC0415 - --help loads none of it
    from simulators.fleet.site import fleet_site  # noqa: PLC0415

    end_on_signals()
    names = [f"fleet-{number:05d}" for number in range(args.agents)]
    plan = FleetPlan(
        agents=names,
        rate=args.rate,
        seconds=args.seconds,
        ramp_s=args.ramp,
        backlog=args.backlog,
        rows=args.rows,
        channels=args.channels,
        seed=args.seed,
    )
    with tempfile.TemporaryDirectory(prefix="harkara-fleet-") as folder, fleet_site(Path(folder), names) as site:
        say(f"broker and collector run; {len(names)} agents are enrolled")
        figures = asyncio.run(run_fleet(plan, ("127.0.0.1", site.port), say))
    print(
        f"{figures.agents} agents made {figures.sealed:,} blocks, {figures.readings:,} readings in {args.seconds:g} s, "
        f"{figures.held:.1%} of what was asked; {figures.stored:,} are stored, {figures.pending:,} pending. "
        f"From sealing to receipt {figures.latency_p50_s * 1000:.0f} ms, at most {figures.latency_p99_s * 1000:.0f} ms"
        f" for 99 of 100; {figures.cpu_s:.1f} s of processor time."
    )
    if args.json:
        print(json.dumps(asdict(figures)), flush=True)
    return 0 if figures.clean else 1
