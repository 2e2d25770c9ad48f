"""``harkara query``: stored readings, from the running collector or, when it is stopped, from its files."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from collector.config import load_config
from collector.lake.answers import ask
from collector.lake.errors import QueryRefused
from collector.lake.formats import TEXT_FORMATS, write_parquet
from collector.lake.instants import parse_instant
from collector.lake.query import Query, run_query
from collector.lake.reading import open_for_reading
from harkara_io.control_socket import NotRunning

_EPILOG = """\
instants: 2026-11-23T14:00+05:30, 2026-11-23T08:30:00.250Z, 2026-11-23Z, -2h (two hours ago; s, min, h, d, w), now

examples:
  harkara query                                     everything, in time order
  harkara query weather --from -1h                  one device, the last hour
  harkara query weather -c air_temperature -c wind_speed --from -1d --format csv -o day.csv
  harkara query --limit 20 --format json | jq       the newest 20 readings

exit status: 0 answered (also with no rows), 1 the lake cannot be read, 2 the question names what is not there
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    # Without this "--from -1h" would be taken for an option; argparse knows no other way to say "starts like a number".
    parser._negative_number_matcher = re.compile(r"-\d+.*")  # noqa: SLF001
    parser.epilog = _EPILOG
    parser.add_argument("device", nargs="?", metavar="DEVICE", help="device id; all devices when left out")
    parser.add_argument("--device", dest="device_option", metavar="DEVICE", help=argparse.SUPPRESS)
    parser.add_argument("-a", "--agent", help="agent id, where two agents have a device of one name")
    parser.add_argument("-c", "--channel", action="append", default=[], help="channel id; give it again for more")
    parser.add_argument("--from", dest="since", metavar="INSTANT", help="first instant")
    parser.add_argument("--to", dest="until", metavar="INSTANT", help="first instant no longer meant")
    parser.add_argument("--limit", type=int, metavar="N", help="only the newest N readings")
    parser.add_argument("--format", choices=[*TEXT_FORMATS, "parquet"], default="table", help="default: table")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there, whole or not at all")
    parser.add_argument(
        "--config", type=Path, default=Path("collector.toml"), help="the collector's configuration (collector.toml)"
    )


def run(args: argparse.Namespace) -> int:
    """Answer the question.

    Raises:
        HarkaraError: What is wrong, in a line; nothing was written then.
    """
    if args.format == "parquet" and args.output is None and sys.stdout.isatty():
        raise QueryRefused("Parquet is not for a terminal; add -o FILE")
    if args.limit is not None and args.limit < 1:
        raise QueryRefused(f"--limit {args.limit}; give 1 or more")
    config = load_config(args.config)
    batches = _answer(config.socket_file, config.lake_folder, _query(args))
    if args.output is None:
        _print(batches, args.format)
        return 0
    partial = args.output.with_name(f".{args.output.name}.{os.getpid()}.part")
    try:
        _write(batches, args.format, partial)
        partial.replace(args.output)
    finally:
        partial.unlink(missing_ok=True)
    return 0


def _query(args: argparse.Namespace) -> Query:
    now_ns = time.time_ns()
    since = None if args.since is None else parse_instant(args.since, now_ns)
    until = None if args.until is None else parse_instant(args.until, now_ns)
    if since is not None and until is not None and since >= until:
        raise QueryRefused("--from is not before --to; swap them")
    return Query(
        device=args.device or args.device_option,
        agent=args.agent,
        channels=tuple(args.channel),
        from_ns=since,
        to_ns=until,
        limit=args.limit,
    )


def _answer(socket: Path, lake: Path, query: Query) -> Iterator[pa.RecordBatch]:
    """Batches from whoever has the lake."""
    running = ask(socket, query)
    try:
        first = next(running, None)
    except NotRunning:
        with closing(open_for_reading(lake)) as connection:
            yield from run_query(connection, query)
        return
    if first is not None:
        yield first
        yield from running


def _print(batches: Iterator[pa.RecordBatch], form: str) -> None:
    if form == "parquet":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "answer.parquet"
            write_parquet(batches, path)
            with path.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
        return
    for text in TEXT_FORMATS[form](batches):
        sys.stdout.write(text)
    sys.stdout.flush()


def _write(batches: Iterator[pa.RecordBatch], form: str, path: Path) -> None:
    if form == "parquet":
        write_parquet(batches, path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(TEXT_FORMATS[form](batches))
