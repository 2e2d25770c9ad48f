"""``harkara demo``: a minute in which everything breaks once, and nothing is lost."""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Final, get_args

from rich.console import Console

from simulators.cli_words import end_on_signals
from simulators.demo.broker import choose
from simulators.demo.cast import Cast, recording_file
from simulators.demo.judgement import Figures
from simulators.demo.layout import AIR, DRONE, GNSS, WEATHER, Layout
from simulators.demo.processes import DemoError, Stage
from simulators.demo.script import LAST_WAY_S, SECONDS_MIN, Script
from simulators.demo.servers import StoreKind
from simulators.demo.view import View, make_view
from simulators.oracle import Verdict
from simulators.truth import read_truth

_FOLDER: Final = Path("harkara-demo")
DRONE_SECONDS_MIN: Final = 40.0
"""Less is no flight: up, a row out and one back, down. [s]"""
LANDED_BEFORE_S: Final = 4.0
"""The drone has landed so long before the sensors stop. [s]"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara demo``."""
    parser.epilog = (
        "examples:\n  harkara demo --seconds 45 --json\n  harkara demo --drone --seconds 45 --json\n"
        "  harkara demo --store influxdb --seconds 45 --json"
    )
    parser.add_argument(
        "--seconds", type=_seconds, default=60.0, help=f"how long it takes (default 60, at least {SECONDS_MIN:.0f})"
    )
    parser.add_argument(
        "--drone",
        action="store_true",
        help=f"a survey drone flies, too, and what it measures gets its place (at least {DRONE_SECONDS_MIN:.0f} s)",
    )
    parser.add_argument(
        "--store",
        choices=get_args(StoreKind),
        help="a real store of others is fed beside the lake, and asked in the end what it has",
    )
    parser.add_argument("--keep", action="store_true", help="afterwards leave it running until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="give the figures as one JSON object on the last line")
    parser.add_argument("--seed", type=int, default=1, help="decides the station's values (default 1)")
    parser.add_argument("--dir", type=Path, default=_FOLDER, help=f"folder for everything (default {_FOLDER})")
    parser.add_argument("--broker", choices=("mosquitto", "embedded"), help="default: Mosquitto where it is installed")


def _seconds(text: str) -> float:
    value = float(text)
    if not value >= SECONDS_MIN:
        raise argparse.ArgumentTypeError(f"needs at least {SECONDS_MIN:.0f} s for an outage of 10 s and a kill")
    return value


def run(args: argparse.Namespace) -> int:
    """Play the demonstration.

    Returns:
        0 when stored = accepted, once each, and every stored value is what the sensor wrote; 1 when not.

    Raises:
        DemoError: The time is too short for a flight, or something could not be started or ended by itself.
        KeyboardInterrupt: Stopped by Ctrl-C, SIGTERM or SIGHUP; everything started is stopped by then.
    """
    if args.drone and args.seconds < DRONE_SECONDS_MIN:
        raise DemoError(f"a flight needs time: --drone takes --seconds {DRONE_SECONDS_MIN:.0f} or more")
    if args.drone and args.store:
        raise DemoError("--drone and --store are two demonstrations; give one of them")
    end_on_signals()
    console = Console()
    layout = Layout(args.dir)
    kind = choose(args.broker)
    recording = None if args.drone else recording_file()
    flight_s = args.seconds - LAST_WAY_S - LANDED_BEFORE_S if args.drone else 0.0
    layout.reset()
    with Stage(layout.root / "logs") as stage:
        cast = Cast(stage, layout, kind, args.seed, recording, flight_s, args.store)
        with make_view(console) as view:
            script = _start(cast, view, args.seconds)
            figures, verdict = script.play()
        _report(console, cast, figures, verdict)
        if args.keep:
            _keep(console, cast, script)
    _next_steps(console, layout, kept=args.keep, drone=args.drone)
    if args.json:
        # The last line, whole, whatever the width of the terminal.
        print(json.dumps(asdict(figures)), flush=True)
    return 0 if figures.kept and verdict.clean else 1


def _start(cast: Cast, view: View, seconds: float) -> Script:
    name = "Mosquitto" if cast.kind == "mosquitto" else "embedded (amqtt); Mosquitto is not installed or not wished for"
    view.event(f"broker: {name}")
    cast.start_servers()
    if cast.store is not None:
        view.event(f"store: {cast.store_kind} at {cast.store.address}, fed beside the lake")
    view.event(f"collector: running; its page is {cast.page}")
    cast.start_field()
    also = f" and a recorded receiver ({GNSS})" if cast.recording is not None else ""
    if cast.flight_s:
        also = f", the autopilot of a survey drone ({', '.join(DRONE)}) and a sensor on board ({AIR})"
    view.event(f"agent: running; on its ports a generated weather station ({WEATHER}){also}")
    return Script(cast, view, seconds)


def _report(console: Console, cast: Cast, figures: Figures, verdict: Verdict) -> None:
    console.print()
    console.print("[bold green]Nothing lost.[/]" if figures.kept and verdict.clean else "[bold red]Not as promised.[/]")
    _say(console, figures.sentence())
    whose = f"the answers of {cast.store_kind}" if cast.store is not None else "the lake's answers"
    _say(console, f"Compared value by value, {whose} with what the sensors wrote down themselves.")
    if figures.placed:
        _say(
            console,
            f"On board: {figures.placed:,} instants have a place, 95 % within {figures.place_error_p95_m} m of where "
            f"the drone really was, all within {figures.place_error_max_m} m; {figures.without_place:,} have none and "
            f"say so. {figures.events} events tell what it did.",
        )
    _say(
        console,
        f"The plain QoS 1 publisher beside it, same station, broker and kill: {figures.plain_lost:,} of the "
        f"{figures.plain_read:,} readings it had read never arrived, and nothing told of it.",
    )
    _say(
        console,
        f"{figures.bytes_per_reading:.2f} B a reading on the way; the agent took at most "
        f"{figures.agent_rss_mb:.0f} MB; the broker ({cast.kind}) was away for {figures.outage_s:.1f} s.",
    )
    for example in verdict.examples:
        _say(console, f"  {example}")


def _keep(console: Console, cast: Cast, script: Script) -> None:
    """Let the sensors speak again, and watch until Ctrl-C."""
    said = sum(1 for _ in read_truth(cast.layout.truth(WEATHER)))
    cast.start_sensors(first_number=said + 1)
    _say(console, f"All of it goes on until Ctrl-C. The page: {cast.page}")
    with make_view(console) as view, contextlib.suppress(KeyboardInterrupt):
        script.watch(view)


def _next_steps(console: Console, layout: Layout, *, kept: bool, drone: bool) -> None:
    config = shlex.quote(str(layout.collector_config))
    _say(
        console,
        f"\nThe data is in {layout.collector}, every process's log in {layout.root / 'logs'}. What to try next:",
    )
    _say(console, f"  harkara query {WEATHER} --config {config} --limit 26")
    if drone:
        _say(
            console, f"  harkara query {DRONE[-1]} --config {config} --channel mode --channel flight --channel mission"
        )
    _say(console, f"  harkara collector run --config {config}      # and look at its page")
    if not kept:
        _say(console, "  harkara demo --keep                          # the same, left running")
    _say(console, "  harkara agent init --port /dev/ttyUSB0       # an agent for a sensor of your own")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
