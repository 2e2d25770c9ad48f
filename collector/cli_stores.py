"""``harkara collector stores | project | pause | resume | store-quarantine``: the stores of others."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from collector.config import CollectorConfig, load_config
from collector.lake.instants import iso_text, parse_instant
from collector.stores.errors import StoreRefused
from harkara_io.control_socket import call
from harkara_io.errors import nearest_hint

Row = dict[str, Any]

ASK_S: Final = 40.0
"""How long an order may take to be taken. [s]"""
LOOK_EVERY_S: Final = 0.5
_BAR: Final = 30

_GOOD: Final = frozenset({"up", "paused"})


def run(args: argparse.Namespace) -> int:
    """Do what was asked for.

    Raises:
        HarkaraError: What is wrong, in a line.
    """
    config = load_config(args.config)
    if args.action == "stores":
        return _show(config, args)
    _check_name(config, args.store)
    match args.action:
        case "project":
            return _project(config, args)
        case "store-quarantine":
            return _quarantine(config, args)
        case action:
            call(config.socket_file, f"store_{action}", store=args.store, timeout_s=ASK_S)
            print(f"{args.store} is {'paused' if action == 'pause' else 'served again'}")
            return 0


def words(store: Row) -> str:
    """One store for people: a line, and what needs a look below it."""
    lag = f"{store['lag_blocks']:,} blocks, {store['lag_s']:.0f} s behind" if store["lag_blocks"] else "nothing waits"
    place = f"at {store['position']:,} of {store['journal_position']:,}"
    lines = [f"{store['name']:<20} {store['state']:<15} {place}; {lag}; {store['values']:,} values"]
    if store["why"]:
        lines.append(f"  {store['why']}")
    lines += [f"  bringing {_progress(job)} ({job['why']})" for job in store["jobs"]]
    for title, counts in (
        ("left out", store["left_out"]),
        ("beside that", _beside(store)),
        ("refused", store["refused"]),
        ("ignored by the store itself", store["ignored"]),
    ):
        if counts:
            lines.append(f"  {title}: " + ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items())))
    if store["resent"]:
        lines.append(f"  sent again after it was killed: {store['resent']:,} values")
    if store["quarantine_lines"]:
        lines.append(f"  in quarantine: {store['quarantine_lines']:,} lines")
    if store["offset_trouble"]:
        lines.append(f"  its offset cannot be written: {store['offset_trouble']}")
    lines += [f"  {text}" for text in (*store["advice"], *store["refused_fields"], *store["told_apart"])]
    return "\n".join(lines)


def _beside(store: Row) -> dict[str, int]:
    """What is neither stored exactly nor left out."""
    counts = {
        "readings stored with fewer digits": store["inexact"],
        "flags beyond the limit of series": store["flags_left_out"],
        "refused lines gone from the quarantine": store["quarantine_evicted"],
        "refused lines that the disk did not take": store["quarantine_unkept"],
    }
    return {what: count for what, count in counts.items() if count}


def _show(config: CollectorConfig, args: argparse.Namespace) -> int:
    answer = call(config.socket_file, "stores")
    stores: list[Row] = answer["stores"]
    if args.json:
        print(json.dumps(answer))
    elif stores:
        print("\n".join(words(store) for store in stores))
    else:
        print("no store but the lake; a [[store]] in the configuration adds one")
    return 0 if all(store["state"] in _GOOD for store in stores) else 1


def _project(config: CollectorConfig, args: argparse.Namespace) -> int:
    fields = _meant(args, time.time_ns())
    started = call(config.socket_file, "store_project", store=args.store, timeout_s=ASK_S, **fields)
    if not args.wait:
        print(
            json.dumps(started) if args.json else f"{args.store}: begun; `harkara collector stores` shows how far it is"
        )
        return 0
    try:
        for row in _course(config, args.store, started):
            _show_course(row, as_json=args.json)
    except KeyboardInterrupt:
        print(f"\n{args.store}: goes on; `harkara collector stores` shows how far it is", file=sys.stderr)
        return 130
    if not args.json:
        print(f"{args.store}: done")
    return 0


def _meant(args: argparse.Namespace, now_ns: int) -> dict[str, str]:
    """From where and until when, with instants that are the same for whoever reads them later."""
    if args.since == "journal" and args.until is not None:
        raise StoreRefused("--until goes with a time, not with the journal; leave it out")
    fields = {"from": args.since, **({} if args.until is None else {"until": args.until})}
    return {
        key: text if text in {"beginning", "journal"} else iso_text(parse_instant(text, now_ns))
        for key, text in fields.items()
    }


def _show_course(row: Row, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(row), flush=True)
    elif sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{row['store']}: {_bar(row)}" + ("\n" if row["done"] else ""))
        sys.stderr.flush()


def _course(config: CollectorConfig, name: str, started: Row) -> Iterator[Row]:
    """How far it is, until it is done: the last one says so."""
    while True:
        store = next(row for row in call(config.socket_file, "stores")["stores"] if row["name"] == name)
        if started["job"] is None:
            done = store["position"] >= started["journal_position"]
            part, total = store["position"], started["journal_position"]
        else:
            jobs = {job["number"]: job for job in store["jobs"]}
            done = started["job"] not in jobs
            part, total = (1, 1) if done else (jobs[started["job"]]["readings"], jobs[started["job"]]["total"])
        yield {"store": name, "done": done, "part": part, "total": total, "state": store["state"], "why": store["why"]}
        if done:
            return
        time.sleep(LOOK_EVERY_S)


def _quarantine(config: CollectorConfig, args: argparse.Namespace) -> int:
    from collector.stores.quarantine import Quarantine  # noqa: PLC0415 - nobody else here needs it

    found = Quarantine(config.stores_folder / f"{args.store}.quarantine").entries()
    if args.json:
        for entry in found:
            print(json.dumps({"at_ns": entry.at_ns, "words": entry.words, "lines": entry.lines}))
        return 0
    count = 0
    for entry in found:
        count += len(entry.lines)
        print(f"{iso_text(entry.at_ns)}  {entry.words}")
        print("\n".join(f"    {line.rstrip()}" for line in entry.lines))
    if not count:
        print(f"{args.store} has refused nothing that is kept")
    return 0


def _check_name(config: CollectorConfig, name: str) -> None:
    names = {store.name for store in config.store}
    if name not in names:
        raise StoreRefused(f"no store {name!r}; {nearest_hint(name, names) or 'the configuration has none'}")


def _progress(job: Row) -> str:
    return f"{job['readings']:,} of {job['total']:,} readings" if job["total"] else "readings, being counted"


def _bar(row: Row) -> str:
    share = min(1.0, row["part"] / row["total"]) if row["total"] else 0.0
    filled = round(share * _BAR)
    why = f"  {row['state']}: {row['why']}" if row["why"] else ""
    return f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}{why}"
