"""``harkara simulate``: sensors to point an agent at, on real ports, without hardware."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from simulators import cli_chaos, cli_device, cli_fleet, cli_replay, cli_run
from simulators.cli_words import positive

_EXAMPLES: Final = """\
examples:
  harkara simulate run examples/scenarios/farm.toml
  harkara simulate station --port-link ./weather.tty --interval 0.5
  harkara simulate device nova/sds011 --to pty:./dust.tty
  harkara simulate replay receiver.log --to pty:./gnss.tty --loop --rebase now
  harkara simulate record /dev/ttyUSB0 -o probe.jsonl --between ./probe.tty
  harkara simulate chaos --cycles 50 --seed 7
Then point an agent at the port: harkara agent init --port ./weather.tty"""


_OTHERS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "run": cli_run.run,
    "judge": cli_run.run_judge,
    "chaos": cli_chaos.run,
    "device": cli_device.run,
    "fleet": cli_fleet.run,
    "replay": cli_replay.run,
    "record": cli_replay.run_record,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate``."""
    parser.epilog = _EXAMPLES
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    station = actions.add_parser(
        "station", help="a generated weather station that writes JSON lines to a pseudo-terminal"
    )
    _common(station, device="weather")
    station.add_argument("--seed", type=int, default=1, help="decides the values (default 1)")
    station.add_argument(
        "--interval", type=positive, default=1.0, metavar="S", help="seconds between two lines (default 1)"
    )
    station.add_argument(
        "--first-number", type=int, default=1, metavar="N", help="number of the first sample (default 1)"
    )
    station.add_argument("--lines", type=int, metavar="N", help="stop after N lines (default: never)")
    station.add_argument("--beside-link", type=Path, metavar="PATH", help="a second port that gets the same lines")

    device = actions.add_parser("device", help="a sensor of the catalogue, or several on one bus, byte by byte")
    cli_device.add_arguments(device)

    replay = actions.add_parser("replay", help="a recording, said again byte for byte")
    cli_replay.add_arguments(replay)

    record = actions.add_parser("record", help="write down what a port says, and what is asked of it")
    cli_replay.add_record_arguments(record)

    play = actions.add_parser("run", help="a scenario file: stations, links and faults from one seed, and a judge")
    cli_run.add_arguments(play)

    judge = actions.add_parser("judge", help="a lake against the truth file of a run")
    cli_run.add_judge_arguments(judge)

    fleet = actions.add_parser("fleet", help="hundreds of agents in one process, as a load")
    cli_fleet.add_arguments(fleet)

    chaos = actions.add_parser("chaos", help="real processes under load, one thing broken after another, and a judge")
    cli_chaos.add_arguments(chaos)


def _common(parser: argparse.ArgumentParser, *, device: str) -> None:
    parser.add_argument(
        "--port-link", type=Path, required=True, metavar="PATH", help="where the port appears, as a link"
    )
    parser.add_argument(
        "--truth", type=Path, metavar="FILE", help="the sensor's own log (default: PATH with .truth.jsonl)"
    )
    parser.add_argument("--device", default=device, help=f"device id in that log (default {device})")
    parser.add_argument("--wait-for-reader", action="store_true", help="say nothing before the port is opened")


def run(args: argparse.Namespace) -> int:
    """Run one simulator until it ends or is stopped.

    Returns:
        0, also when stopped by SIGTERM or Ctrl-C; of chaos, whether every promise was kept.
    """
    if args.action in _OTHERS:
        return _OTHERS[args.action](args)
    truth = args.truth or args.port_link.with_name(args.port_link.name + ".truth.jsonl")
    print(f"port {args.port_link}, own log {truth}; Ctrl-C ends it", flush=True)
    from simulators.station import StationPlan, run_station  # noqa: PLC0415 - each action loads only what it runs

    said = run_station(
        StationPlan(
            device=args.device,
            port_link=args.port_link,
            beside_link=args.beside_link,
            truth=truth,
            seed=args.seed,
            interval_s=args.interval,
            first_number=args.first_number,
            wait_for_reader=args.wait_for_reader,
            lines=args.lines,
        )
    )
    print(f"said {said} lines")
    return 0
