"""The one command: ``harkara PART ACTION``. Each part lives in its package and is imported only when asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__version__: Final = "0.1.0"


@dataclass(frozen=True, slots=True)
class Part:
    """One first word of the command.

    Attributes:
        module: Module with ``add_arguments(parser)`` and ``run(args) -> int``.
        summary: One line for ``harkara --help``.
        extra: The extra that installs what it needs; empty for what every install has.
    """

    module: str
    summary: str
    extra: str = ""


PARTS: Final[dict[str, Part]] = {
    "agent": Part("edge_agent.cli", "run and look after the agent of a field device"),
    "collector": Part("collector.cli", "run the collector", "collector"),
    "profile": Part("device_profiles.cli", "look at, check and write device profiles"),
    "device": Part("collector.cli_device", "add, list and disable agents", "collector"),
    "query": Part("collector.cli_query", "read stored readings back", "collector"),
    "simulate": Part("simulators.cli", "simulate sensors, links and faults", "simulators"),
    "demo": Part("simulators.cli_demo", "see the whole way of a reading on this machine", "all"),
    "doctor": Part("harkara_io.cli_doctor", "check this machine and say how to mend what is wrong"),
}
"""Every first word, in the order of ``--help``."""

OWN_PACKAGES: Final = frozenset({"device_profiles", "edge_agent", "collector", "simulators", "harkara_io"})


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Words after ``harkara``; the process's own when None.

    Returns:
        Exit status: 0 done, 1 the work found a fault, 2 wrong usage or configuration, 130 stopped by the user.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = _top_parser()
    if not words or words[0] in {"-h", "--help", "--version"} or words[0] not in PARTS:
        parser.parse_args(words)
        parser.print_help()
        return 2
    name = words[0]
    try:
        module = importlib.import_module(PARTS[name].module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.split(".")[0] in OWN_PACKAGES:
            raise
        extra = PARTS[name].extra or "all"
        mend = f"pip install 'harkara[{extra}]'"
        print(f"harkara {name}: {exc.name} is not installed here; mend: {mend}", file=sys.stderr)
        return 2
    sub = argparse.ArgumentParser(
        prog=f"harkara {name}", description=PARTS[name].summary, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
    module.add_arguments(sub)
    args = sub.parse_args(words[1:])
    try:
        return int(module.run(args))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output left (`harkara query | head`): not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as exc:
        if args.debug:
            raise
        print(f"harkara {name}: {exc or type(exc).__name__}", file=sys.stderr)
        return int(getattr(exc, "exit_status", 1))


def _top_parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:<10} {part.summary}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="harkara",
        description="Readings from field sensors to a time-series store, over bad links, none lost without a record.",
        epilog=f"parts:\n{lines}\n\nexample:\n  harkara demo --seconds 45\n  harkara agent init --help",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"harkara {__version__}")
    parser.add_argument("part", choices=list(PARTS), metavar="PART", help="one of the parts below")
    return parser


if __name__ == "__main__":
    sys.exit(main())
