"""``harkara agent detect``: which models answer on the ports of this machine, as tables for ``agent.toml``."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from edge_agent.drivers.ports import LinkDown
from edge_agent.finding import detect
from edge_agent.finding.candidates import Found
from edge_agent.finding.detect import Search
from harkara_io.serial_ports import found_ports


def run(args: argparse.Namespace) -> int:
    """Search, say what was found; ports one after another, since some adapters share a bus."""
    search = Search(
        seconds=args.seconds,
        bauds=tuple(args.baud or ()),
        addresses=tuple(args.addresses or ()),
        passive=args.passive,
        progress=_Progress(),
    )
    found, closed = asyncio.run(_search(args, search))
    search.progress("")
    for place, why in closed.items():
        print(f"{place}: {why}", file=sys.stderr)
    if args.json:
        print(json.dumps({"found": [as_json(each) for each in found], "closed": closed}))
    else:
        print("\n\n".join(as_table(each, number) for number, each in enumerate(found, 1)) or "nothing was found")
    return 0 if found else 1


async def _search(args: argparse.Namespace, search: Search) -> tuple[list[Found], dict[str, str]]:
    found: list[Found] = []
    closed: dict[str, str] = {}
    if args.tcp is not None:
        places: Sequence[Any] = [args.tcp]
    else:
        places = args.port if args.port is not None else [port.path for port in found_ports()]
    if not places:
        closed["serial ports"] = "none found; name one with --port, or plug the device in and try again"
    for place in places:
        try:
            if isinstance(place, tuple):
                found += await detect.at_gateway(place[0], place[1], search)
            else:
                found += await detect.on_port(place, search)
        except LinkDown as exc:
            closed[":".join(map(str, place)) if isinstance(place, tuple) else str(place)] = str(exc)
    return found, closed


class _Progress:
    """One line on a terminal that is written over again and again; nothing elsewhere."""

    def __init__(self) -> None:
        self._width = 0

    def __call__(self, words: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{words:<{self._width}}" + ("" if words else "\r"))
            sys.stderr.flush()
            self._width = len(words)


def as_json(found: Found) -> dict[str, Any]:
    """For programs."""
    return {
        "driver": found.driver,
        "settings": dict(found.settings),
        "says": found.says,
        "profiles": [
            {"profile": fit.profile, "told": fit.told, "share": round(fit.share, 3), "values": dict(fit.values)}
            for fit in found.fits
        ],
    }


def as_table(found: Found, number: int) -> str:
    """A ``[[device]]`` table to copy, with what speaks for it."""
    lines = [f"# {found.says}"]
    for fit in found.fits:
        how = "the device says so" if fit.told else f"{fit.share:.0%} of its values are believable"
        values = ", ".join(f"{name} {value}" for name, value in list(fit.values.items())[:4])
        lines.append(f"# {fit.profile}: {how}{': ' if values else ''}{values}")
    if not found.fits and found.driver not in {"nmea", "lines"}:
        lines.append("# no profile of the catalogue fits; harkara profile new writes one")
    lines += ["[[device]]", f'id = "device-{number}"', f'driver = "{found.driver}"']
    if found.fits:
        lines.append(f'profile = "{found.fits[0].profile}"')
    lines += [f"{key} = {_toml(value)}" for key, value in found.settings.items()]
    return "\n".join(lines)


def _toml(value: str | int) -> str:
    return str(value) if isinstance(value, int) else json.dumps(value)
