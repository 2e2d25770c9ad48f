"""``harkara simulate chaos``: real processes under load, one thing broken after another, then the judge."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from simulators.cli_words import count, end_on_signals, run_folder, say

EXAMPLES: Final = """\
examples:
  harkara simulate chaos --cycles 50 --seed 7
  harkara simulate chaos --seed 7 --only 23                  one cycle of it alone
  harkara simulate chaos --kinds broker_killed agent_paused --cycles 10
  harkara simulate chaos --list

exit status: 0 nothing lost, doubled, altered or out of order, and everything healed by itself; 1 otherwise"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate chaos``."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--cycles", type=count, default=50, metavar="N", help="things to break (default 50)")
    parser.add_argument("--seed", type=int, default=1, help="decides what is broken, when and how (default 1)")
    parser.add_argument("--only", type=int, metavar="N", help="play just cycle N of the run with this seed")
    parser.add_argument("--kinds", nargs="+", metavar="KIND", default=[], help="only these kinds (default: all)")
    parser.add_argument("--list", action="store_true", help="say which kinds there are, and end")
    parser.add_argument("--agents", type=count, default=2, metavar="N", help="agents, a gauge each (default 2)")
    parser.add_argument(
        "--interval-ms", type=count, default=20, metavar="MS", help="between two lines of a gauge (default 20)"
    )
    parser.add_argument("--channels", type=count, default=60, metavar="N", help="channels a line (default 60)")
    parser.add_argument("--dir", type=Path, help="folder for everything, kept (default: a temporary one)")
    parser.add_argument("--broker", choices=("mosquitto", "embedded"), help="default: Mosquitto where it is installed")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")


def run(args: argparse.Namespace) -> int:
    """Play it.

    Returns:
        0 when every promise was kept, 1 when not, 2 for a wrong question.
    """
    from simulators.chaos.faults import FAULTS, NEED_MOUNT, possible  # noqa: PLC0415 - --help needs none of it

    if args.list:
        for name, fault in FAULTS.items():
            print(f"{name:40} {(fault.__doc__ or '').splitlines()[0]}")
        return 0
    unknown = [kind for kind in args.kinds if kind not in FAULTS]
    if unknown:
        print(f"harkara simulate chaos: no kind {unknown[0]!r}; --list names them", file=sys.stderr)
        return 2
    refused = next((kind for kind in args.kinds if not possible(kind)), None)
    if refused is not None:
        why = "mounts a small disk, which takes root here"
        if refused not in NEED_MOUNT:
            why = "troubles the agent's host by a small C library, and no `cc` is installed here"
        print(f"harkara simulate chaos: {refused} {why}", file=sys.stderr)
        return 2
    end_on_signals()
    with run_folder(args.dir, prefix="harkara-chaos-") as folder:
        return _play(args, folder)


def _play(args: argparse.Namespace, folder: Path) -> int:
    from simulators.chaos.course import Course, plan  # noqa: PLC0415
    from simulators.chaos.site import Load, Site  # noqa: PLC0415
    from simulators.demo.broker import choose  # noqa: PLC0415
    from simulators.demo.processes import Stage  # noqa: PLC0415

    load = Load(agents=args.agents, channels=args.channels, interval_ms=args.interval_ms)
    cycles = plan(args.cycles, args.seed, only=args.only, kinds=args.kinds)
    with Stage(folder / "logs") as stage, contextlib.ExitStack() as links:
        site = Site(stage, folder, choose(args.broker), load)
        site.start(links)
        rate = args.agents * (args.channels + 1) * 1000 // args.interval_ms
        say(f"{args.agents} agents, {rate:,} readings a second, {site.kind}; everything is in {folder}")
        course = Course(site, args.seed, say)
        figures, findings = course.play(cycles)
    for example in findings.examples:
        print(f"  {example}")
    for cycle in sorted({*course.unhealed, *(cycles[at].number for at in findings.cycles if at >= 0)}):
        print(f"  to play it alone: harkara simulate chaos --seed {args.seed} --only {cycle}")
    print(
        f"{figures.readings:,} readings stored: {figures.lost} lost, {figures.duplicated} twice, {figures.altered} "
        f"altered, {figures.reordered} out of order; {figures.unheard:,} said while nobody could hear; "
        f"{figures.fault_kinds} kinds of fault in {figures.cycles} cycles, {figures.unhealed} not healed."
    )
    if args.json:
        print(json.dumps(asdict(figures)), flush=True)
    return 0 if figures.clean else 1
