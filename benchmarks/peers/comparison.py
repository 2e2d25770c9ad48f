"""All paths beside each other: rounds in which they take turns, medians, ratios; then the failures."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.peers.chain import WAYS, Way
from benchmarks.peers.failures import Plan, outage
from benchmarks.peers.messages import LINES_A_MESSAGE, ROWS_A_BLOCK, block_messages, json_messages, line_messages
from benchmarks.peers.readings import CHANNELS, Readings
from benchmarks.peers.throughput import Messages, course
from benchmarks.recordings import midc
from simulators.demo.broker import find_mosquitto
from simulators.demo.processes import DemoError
from simulators.demo.servers import find_server

_SERVERS: Final[Mapping[str, str]] = {
    "telegraf": "telegraf",
    "victoriametrics": "victoria-metrics",
    "influxdb": "influxd",
}
STEADY_PER_S: Final = 100_000
"""Values a second of the failure half, at most."""
_RATIO_LIMITS: Final = {
    "harkara_to_telegraf.victoriametrics": ">= 1.2",
    "harkara_to_telegraf.influxdb": ">= 1.2",
    "harkara_to_points.victoriametrics": ">= 3",
    "harkara_to_points.influxdb": ">= 3",
    "lake_to_best_telegraf": ">= 3",
    "wire_bytes_telegraf_to_harkara": ">= 15",
}


def compare(*, stations: int, minutes: int, rounds: int, paths: str, outage_s: float, failures: bool) -> dict[str, Any]:
    """Measure what can be had here; what cannot is told in one line and left out."""
    folder = os.environ.get("HARKARA_CAPTURES")
    if not folder:
        return {"skipped": "HARKARA_CAPTURES is not set: the recording to replay is not part of the project"}
    ways, missing = _possible(paths)
    if not ways:
        return {"skipped": f"nothing to measure: {'; '.join(missing) or f'no path has a name with {paths}'}"}
    readings = Readings(midc(Path(folder) / "timeseries"), stations, minutes)
    began_s, load_before = time.monotonic(), os.getloadavg()[0]
    _say(f"{readings.count:,} values of {stations} stations, {rounds} rounds of {len(ways)} paths: {', '.join(ways)}")
    for reason in missing:
        _say(reason)
    courses = _rounds(list(ways.values()), readings, rounds)
    figures = {name: summarised(found) for name, found in courses.items()}
    result: dict[str, Any] = {
        "about": (
            f"{stations} stations send the day of a recorded weather station, fifteen values a row, laid end to end: "
            f"{readings.count:,} values a course, {rounds} courses of each path in turns, medians. Broker, program, "
            f"store and load share the cores; a tenth of each course warms up and is not counted. Line protocol and "
            f"JSON {LINES_A_MESSAGE} rows a message, blocks of {ROWS_A_BLOCK} rows as an agent seals them when full. "
            "The clock stops when the store's own query counts every value."
        ),
        "paths": figures,
        "ratios": ratios(figures),
        "left_out": missing,
        "load_before": round(load_before, 1),
    }
    if failures:
        result["failures"] = _failures(list(ways.values()), readings, outage_s)
    result["targets"] = _targets(result)
    result["took_s"] = round(time.monotonic() - began_s)
    return result


def summarised(courses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Medians of several courses, figure by figure; and each course's rate, so that the spread can be seen."""
    summary: dict[str, Any] = {}
    for key, first in courses[0].items():
        if isinstance(first, Mapping):
            summary[key] = summarised([course[key] for course in courses])
        else:
            middle = median(course[key] for course in courses)
            summary[key] = round(middle) if isinstance(first, int) else round(middle, 3)
    if "values_per_s" in summary:
        summary["values_per_s_of_each"] = [course["values_per_s"] for course in courses]
    return summary


def ratios(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How the paths compare within this run; only those of which both sides were measured."""
    rate = {name: figure["values_per_s"] for name, figure in figures.items()}
    found: dict[str, Any] = {}
    for peer in ("telegraf", "points"):
        for store in ("victoriametrics", "influxdb"):
            ours, theirs = rate.get(f"harkara-{store}"), rate.get(f"{peer}-{store}")
            if ours and theirs:
                found.setdefault(f"harkara_to_{peer}", {})[store] = round(ours / theirs, 2)
    telegraf = [value for name, value in rate.items() if name.startswith("telegraf")]
    if telegraf and "harkara-lake" in rate:
        found["lake_to_best_telegraf"] = round(rate["harkara-lake"] / max(telegraf), 2)
    wire = {name.partition("-")[0]: figure["payload_bytes_per_value"] for name, figure in figures.items()}
    if {"telegraf", "harkara"} <= wire.keys():
        found["wire_bytes_telegraf_to_harkara"] = round(wire["telegraf"] / wire["harkara"], 2)
    return found


def _possible(paths: str) -> tuple[dict[str, Way], list[str]]:
    words = [word for word in paths.split(",") if word]
    ways = {str(way): way for way in WAYS if not words or any(word in str(way) for word in words)}
    missing = [] if find_mosquitto() else ["mosquitto is not installed; mend: apt install mosquitto"]
    if missing:
        return {}, missing
    for word, server in _SERVERS.items():
        needing = [name for name in ways if word in name]
        if needing and find_server(server) is None:
            mend = f"mend: deploy/scripts/servers.sh {server}"
            missing.append(f"{server} is not here, {len(needing)} paths are left out; {mend}")
            ways = {name: way for name, way in ways.items() if word not in name}
    return ways, missing


def _rounds(ways: Sequence[Way], readings: Readings, rounds: int) -> dict[str, list[dict[str, Any]]]:
    makers = {"telegraf": line_messages, "points": json_messages, "harkara": block_messages}
    made: dict[str, Messages] = {}
    for program in dict.fromkeys(way.program for way in ways):
        made[program] = makers[program](readings)
        _say(f"messages for {program} are made")
    courses: dict[str, list[dict[str, Any]]] = {str(way): [] for way in ways}
    for number in range(rounds):
        # Every other round backwards: who comes after whom differs.
        for way in ways if number % 2 == 0 else reversed(ways):
            rows = ROWS_A_BLOCK if way.program == "harkara" else LINES_A_MESSAGE
            with tempfile.TemporaryDirectory(prefix="harkara-peers-") as folder:
                found = course(way, readings, made[way.program], rows, Path(folder))
            courses[str(way)].append(found)
            cpu = ", ".join(f"{word} {value:g}" for word, value in found["cpu_s_per_million"].items())
            _say(f"round {number + 1}: {way}: {found['values_per_s']:,} values/s; s per million: {cpu}")
    return courses


def _failures(ways: Sequence[Way], readings: Readings, outage_s: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    # No more than a steady load of this many values a second, whatever a course has.
    minutes = int(STEADY_PER_S * Plan.of(outage_s).end_s / readings.stations / len(CHANNELS))
    readings = replace(readings, minutes=min(readings.minutes, minutes))
    lines = line_messages(readings)
    for way in ways:
        if way.program == "points" or way.store == "lake":
            continue
        _say(f"failures: {way}: the store is killed for {outage_s:g} s, then the broker once")
        try:
            with tempfile.TemporaryDirectory(prefix="harkara-peers-") as folder:
                found[str(way)] = outage(way, readings, lines, Path(folder), outage_s=outage_s)
        except DemoError as error:
            found[str(way)] = {"failed": str(error)}
        _say(f"failures: {way}: {found[str(way)]}")
    return found


def _targets(result: Mapping[str, Any]) -> dict[str, str]:
    ratio_names = result["ratios"].keys()
    targets = {
        f"ratios.{name}": limit for name, limit in _RATIO_LIMITS.items() if name.partition(".")[0] in ratio_names
    }
    rates = {"harkara-victoriametrics": ">= 2,000,000", "harkara-influxdb": ">= 1,300,000"}
    targets |= {f"paths.{name}.values_per_s": limit for name, limit in rates.items() if name in result["paths"]}
    for name in result.get("failures", {}):
        if name.startswith("harkara"):
            targets |= {f"failures.{name}.{what}": "0" for what in ("lost", "twice", "altered", "strange")}
    return targets


def _say(text: str) -> None:
    print(f"peers: {text}", file=sys.stderr, flush=True)
