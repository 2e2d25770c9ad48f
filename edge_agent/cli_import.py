"""``harkara agent import``: recorded files into the outbox, each row once."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge_agent import config as configuration
from edge_agent.clock import SystemClock
from edge_agent.config_series import SeriesMap
from edge_agent.fingerprint import fingerprint
from edge_agent.imports.into_outbox import IntoOutbox
from edge_agent.imports.model import Counts, ImportedRow, Importer, ImportRefused
from edge_agent.imports.open_log import Options, open_log
from edge_agent.imports.through_agent import ThroughAgent
from edge_agent.outbox import Outbox
from harkara_io import toml_config
from harkara_io.control_socket import NotRunning, call
from harkara_io.log_errors import LogError, LogLocked


def run(args: argparse.Namespace) -> int:
    """Import files one after another.

    Raises:
        ConfigError: The configuration cannot be used.
        ImportRefused: A file cannot be read, or the agent runs.
    """
    options = _options(args)
    logs = [open_log(path, options) for path in args.file]
    if args.dry_run:
        for log in logs:
            for _ in log.rows():
                pass
        _report(args, [log.counts for log in logs], taken=None)
        return 0
    config = configuration.load(args.config)
    try:
        outbox = Outbox.open(
            config.outbox.file, agent=config.agent, fingerprint=fingerprint(), bytes_max=config.outbox.max_bytes
        )
    except LogLocked as exc:
        through = _through_agent(config.socket_used)
        if through is None:
            raise ImportRefused(
                f"{config.outbox.file} is in use, but no agent answers at {config.socket_used}: another import?"
            ) from exc
        _take(logs, args, through)
        return 0
    except LogError as exc:
        raise ImportRefused(str(exc)) from exc
    clean = False
    try:
        _take(logs, args, IntoOutbox(outbox, config.agent, SystemClock()))
        clean = True
    finally:
        outbox.close(clean=clean)
    return 0


def _through_agent(socket: Path) -> ThroughAgent | None:
    """The agent that has the outbox; None when nobody answers."""
    try:
        call(socket, "ping")
    except NotRunning:
        return None
    return ThroughAgent(socket)


def _take(logs: list[Importer], args: argparse.Namespace, into: IntoOutbox | ThroughAgent) -> None:
    for log in logs:
        into.take(_shown(log, args), lambda log=log: _progress(log.path, into))  # type: ignore[misc]
    _report(args, [log.counts for log in logs], taken=into)


def _options(args: argparse.Namespace) -> Options:
    started_ns = None
    if args.started is not None:
        started_ns = int(args.started.timestamp() * 1_000_000) * 1_000
    layout = configuration.plain(toml_config.load(args.map, SeriesMap)) if args.map is not None else None
    return Options(
        format=args.format,
        device=args.device,
        started_ns=started_ns,
        layout=layout,
        columns=args.columns,
        zone=args.zone,
        stamp=args.stamp,
        interval_s=args.interval,
        year_min=args.first_year,
    )


def _shown(log: Importer, args: argparse.Namespace) -> Iterator[ImportedRow]:
    yield from log.rows()
    if args.json:
        return
    counts = log.counts
    if counts.notes.get("year_not_believed"):
        print(
            f"{log.path}: {counts.notes['year_not_believed']} epochs say a year in which receivers are not believed:"
            " if the recording is that old, give --first-year",
            file=sys.stderr,
        )
    elif counts.rejects.get("time_unknown"):
        print(
            f"{log.path}: {counts.rejects['time_unknown']} frames have no time, it was never said:"
            " if it is a vehicle's, give --started when it was switched on",
            file=sys.stderr,
        )
    if counts.notes.get("columns_with_unknown_unit"):
        print(f"{log.path}: name the units of its columns that are not known here with --map", file=sys.stderr)


_shown_at_s = 0.0


def _progress(path: Path, into: IntoOutbox | ThroughAgent) -> None:
    global _shown_at_s  # noqa: PLW0603 - one line of one terminal
    if sys.stderr.isatty() and time.monotonic() - _shown_at_s > 0.5:
        _shown_at_s = time.monotonic()
        print(f"\r{path.name}: {into.taken} rows, {into.known} known", end="", file=sys.stderr, flush=True)


def _report(args: argparse.Namespace, counts: list[Counts], *, taken: IntoOutbox | ThroughAgent | None) -> None:
    missing: Counter[str] = Counter()
    rejects: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    for each in counts:
        missing += each.missing
        rejects += each.rejects
        notes += each.notes
    summary: dict[str, Any] = {
        "frames": sum(each.frames for each in counts),
        "kept": sum(each.kept for each in counts),
        "copies": sum(each.copies for each in counts),
        "readings": sum(each.readings for each in counts),
        "flights": sum(each.flights for each in counts),
        "arm_windows": sum(each.arm_windows for each in counts),
        "events": sum(each.events for each in counts),
        "missing": dict(sorted(missing.items())),
        "rejects": dict(sorted(rejects.items())),
        "notes": dict(sorted(notes.items())),
        "dry_run": taken is None,
        "rows_added": taken.taken if taken else 0,
        "readings_added": taken.readings if taken else 0,
        "rows_known": taken.known if taken else 0,
    }
    if args.json:
        print(json.dumps(summary))
        return
    print(
        f"{summary['frames']} frames, {summary['kept']} kept, {summary['copies']} copies,"
        f" {summary['readings']} readings; {summary['flights']} flights, armed {summary['arm_windows']} times,"
        f" {summary['events']} events"
    )
    for name in ("missing", "rejects", "notes"):
        if summary[name]:
            print(f"{name}: " + ", ".join(f"{reason} {number}" for reason, number in summary[name].items()))
    if taken is None:
        print("dry run: nothing was written")
    else:
        print(f"added {taken.taken} rows with {taken.readings} readings; {taken.known} rows were here already")
