"""``harkara simulate run`` and ``judge``: a scenario file, played and judged."""

from __future__ import annotations

import argparse
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulators.cli_words import end_on_signals, not_negative, run_folder, say

if TYPE_CHECKING:
    from simulators.scenario.claims import Claim
    from simulators.scenario.model import Scenario
    from simulators.scenario.play import Outcome

EXAMPLES: Final = """\
examples:
  harkara simulate run examples/scenarios/farm.toml
  harkara simulate run examples/scenarios/farm.toml --dry-run --truth truth.jsonl --json
  harkara simulate run my.toml --speed 60 --dir run          keeps logs, outboxes and the lake in ./run

A scenario with agents gets a broker, a collector and these agents as real processes, and ends with the judge comparing
the truth with what a query gives back. One without gives its bytes to the carriers its devices name.

exit status: 0 every assertion holds, 1 one does not (or holds that was expected to fail), 2 no such scenario"""

JUDGE_EXAMPLES: Final = """\
examples:
  harkara simulate run farm.toml --dir run --truth run/truth.jsonl
  harkara simulate judge run/truth.jsonl --config run/collector/collector.toml

It needs nothing of the run but these two: every value the truth calls sensed is looked for under the time its device
showed. Readings that nobody could hear count as missing; the run itself, which knows when that was, excuses them.

exit status: 0 nothing missing, doubled, altered or unexpected, 1 something is, 2 no truth file"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate run``."""
    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("scenario", type=Path, metavar="SCENARIO", help="the scenario file")
    parser.add_argument(
        "--speed",
        type=not_negative,
        metavar="X",
        help="devices' time by real time; 0 as fast as can be (default: the file's)",
    )
    parser.add_argument("--truth", type=Path, metavar="FILE", help="write every value, frame and fault there")
    parser.add_argument("--dir", type=Path, help="folder for everything, kept (default: a temporary one)")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="start and open nothing: only bytes, hashes and truth")
    how.add_argument(
        "--full-stack",
        action="store_true",
        help="insist on broker, collector and agents; a scenario without is refused",
    )


def add_judge_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after ``harkara simulate judge``."""
    parser.epilog = JUDGE_EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("truth", type=Path, metavar="TRUTH", help="what `harkara simulate run --truth` wrote")
    parser.add_argument("--config", type=Path, required=True, help="the collector's configuration (collector.toml)")
    parser.add_argument("--json", action="store_true", help="the last line is JSON")


def run(args: argparse.Namespace) -> int:
    """Play a scenario.

    Returns:
        0 when every assertion holds, 1 when not.

    Raises:
        ConfigError: It is no scenario.
        CarrierError: A port is in use.
    """
    from harkara_io.errors import ConfigError  # noqa: PLC0415 - --help loads none of it
    from simulators.scenario.claims import check  # noqa: PLC0415
    from simulators.scenario.load import load  # noqa: PLC0415
    from simulators.scenario.play import Manner, play  # noqa: PLC0415

    scenario = load(args.scenario)
    if args.full_stack and not scenario.agent:
        raise ConfigError("has no [[agent]]", file=args.scenario, hint="leave --full-stack out, or add one")
    end_on_signals()
    stack = bool(scenario.agent) and not args.dry_run
    speed = 0.0 if args.dry_run else scenario.speed if args.speed is None else args.speed
    pace = f"{speed:g} times" if speed else "full speed"
    say(f"{scenario.title or args.scenario.stem}: {scenario.duration:,.0f} s at {pace}, seed {scenario.seed}")
    with run_folder(args.dir, prefix="harkara-run-") if stack else contextlib.nullcontext() as folder:
        manner = Manner(speed=speed, truth=args.truth, folder=folder, stack=stack, carriers=not args.dry_run)
        outcome = play(scenario, manner, say)
        claims = check(scenario, outcome.figures)
        _report(scenario, outcome, claims)
    if args.json:
        print(json.dumps(_as_json(outcome, claims)), flush=True)
    return 0 if all(claim.good for claim in claims) else 1


def run_judge(args: argparse.Namespace) -> int:
    """Judge a lake by a truth file.

    Raises:
        ConfigError: It is no truth file.
    """
    from harkara_io.errors import ConfigError  # noqa: PLC0415 - --help loads none of it
    from simulators.scenario.after import judge_after  # noqa: PLC0415

    try:
        with tempfile.TemporaryDirectory(prefix="harkara-judge-") as folder:
            found = judge_after(args.truth, args.config, Path(folder))
    except OSError as exc:
        raise ConfigError(f"cannot be read: {exc.strerror}", file=args.truth) from exc
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    for example in found.examples:
        print(f"  {example}")
    print(
        f"{found.sensed:,} readings sensed: {found.once:,} stored once, {found.missing:,} missing, "
        f"{found.duplicated:,} twice, {found.altered:,} altered; {found.unexpected:,} stored that no device sensed."
    )
    if args.json:
        print(json.dumps(found.as_json()), flush=True)
    return 0 if found.clean else 1


def _report(scenario: Scenario, outcome: Outcome, claims: list[Claim]) -> None:
    for example in outcome.examples:
        print(f"  {example}")
    for claim in claims:
        print(f"  {claim.state:8}  {claim.text}")
    figures = outcome.figures
    print(
        f"{figures['measurements']:,.0f} measurements of {len(outcome.hashes)} devices in {figures['frames']:,.0f} "
        f"frames, {figures['bytes']:,.0f} bytes; {len(scenario.fault)} faults"
    )
    if "said" in figures:
        words = ("said", "stored", "unheard", "lost", "duplicated", "altered", "unexpected", "reordered", "late")
        print("readings: " + ", ".join(f"{figures[word]:,.0f} {word}" for word in words))


def _as_json(outcome: Outcome, claims: list[Claim]) -> dict[str, object]:
    states = [claim.state for claim in claims]
    return {
        **outcome.figures,
        "assertions": {state: states.count(state) for state in sorted(set(states))},
        "streams": outcome.hashes,
        "seconds": outcome.seconds,
    }
