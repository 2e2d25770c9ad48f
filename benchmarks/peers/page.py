"""The section of the document: tables, and in words who wins what and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from benchmarks.document import number

_PROGRAM: Final = {"telegraf": "Telegraf", "harkara": "Harkara", "points": "point writer"}
_STORE: Final = {"victoriametrics": "VictoriaMetrics", "influxdb": "InfluxDB 2", "lake": "its own lake"}

_READ: Final = """\
How to read it: all processes and the load share the cores, so a path is as fast as everything on it together is cheap.
Harkara's collector does more than the others on the same readings: it journals every block durably before it answers
the station, writes its lake as well, and only then feeds the store, from the journal.

Measurement, tag and fields are called alike on all paths (`measurement = "{device}"`, `tags = ["site"]`,
`unit_suffix = false` for Harkara): longer names cost a store more. Names with units, as Harkara gives by default, cost
InfluxDB an eighth more on the same readings.

- **Telegraf at its best**: version 1.37 built with only the plug-ins it needs, `metric_batch_size` 20,000,
  `flush_interval` 100 ms, 10,000 undelivered messages with as many in flight at the broker, a buffer that those cannot
  fill, a persistent session, no compression.
- **The point writer** is the script that people write: paho takes JSON, `influxdb-client` makes points of it and writes
  batches of 1,000. It acknowledges messages before they are stored.
- *Disk of the store* is what its folder takes right after it was stopped; InfluxDB then still has a part in its
  write-ahead log.
"""
_FAILURES: Final = """\
The same readings at a steady rate, 100,000 values a second or less. After ten seconds the store is killed with SIGKILL
and stays away; a while after it is back the broker is killed with SIGKILL for three seconds. The broker writes its
sessions and queues to disk every five seconds. Line protocol is published with QoS 1, again after a lost connection;
Harkara's stations run the delivery machine of its agents. Every value in the store is compared with the one sent.
VictoriaMetrics runs with `-dedup.minScrapeInterval=1ms`: what was written twice is once in its answers, and on its disk
until it merges.
"""


def pages(result: Mapping[str, Any]) -> dict[str, list[str]]:
    """Lines of Markdown by heading, of what was measured."""
    found = {}
    if result.get("paths"):
        found["peers"] = list(_courses(result))
    if result.get("failures"):
        found["peers, with store and broker killed"] = list(_failures(result))
    return found


def _courses(result: Mapping[str, Any]) -> Iterator[str]:
    yield result["about"]
    yield ""
    paths: Mapping[str, Mapping[str, Any]] = result["paths"]
    yield from _table(
        [
            "path",
            "values/s until stored",
            "of each round",
            "payload B/value",
            "MQTT both ways B/value",
            "store disk B/value",
        ],
        (
            [
                title(name),
                number(path["values_per_s"]),
                number(path["values_per_s_of_each"]),
                number(path["payload_bytes_per_value"]),
                number(path["wire_bytes_per_value"]),
                number(path["store_disk_bytes_per_value"]),
            ]
            for name, path in paths.items()
        ),
    )
    yield "CPU-seconds per million values, and peak memory [MB], of each process:"
    yield ""
    yield from _table(
        ["path", "program", "store", "broker", "load", "program MB", "store MB", "broker MB"],
        (
            [
                title(name),
                *(number(path["cpu_s_per_million"].get(word, "")) for word in ("program", "store", "broker", "load")),
                *(number(path["peak_mb"].get(word, "")) for word in ("program", "store", "broker")),
            ]
            for name, path in paths.items()
        ),
    )
    yield from _targets(result)
    yield from _bullets("Where the peer wins:", winners(result))
    yield (
        f"Before the run {number(result['load_before'])} processes of others wanted a processor (load average of a "
        "minute): they take from all paths alike, but not evenly in time."
    )
    yield ""
    yield from _READ.splitlines()
    for plot in ("throughput", "cpu", "wire"):
        yield ""
        yield f"![{plot}](benchmarks/peers-{plot}.svg)"


def title(path: str) -> str:
    """A path for people."""
    program, _, store = path.partition("-")
    return f"{_PROGRAM[program]} → {_STORE[store]}"


def winners(result: Mapping[str, Any]) -> list[str]:
    """What the peer does better than Harkara in this result, each in a sentence with its reason."""
    found = []
    for store in ("victoriametrics", "influxdb"):
        ours, theirs = (result["paths"].get(f"{program}-{store}") for program in ("harkara", "telegraf"))
        if ours is None or theirs is None:
            continue
        if theirs["values_per_s"] > ours["values_per_s"]:
            found.append(
                f"Telegraf is faster into {_STORE[store]}: it copies text that is already what the store wants, where "
                "Harkara decodes blocks, journals them, writes its lake, and makes the text anew."
            )
        if theirs["cpu_s_per_million"]["program"] < ours["cpu_s_per_million"]["program"]:
            found.append(
                f"Telegraf takes less processor time per value into {_STORE[store]}: Harkara's figure has the journal "
                "and the lake in it, which keep every reading whatever becomes of the store."
            )
        if theirs["peak_mb"]["program"] < ours["peak_mb"]["program"]:
            found.append(
                f"Telegraf takes less memory into {_STORE[store]}: a Python process with DuckDB and polars loaded "
                "starts at some 250 MB."
            )
    return found


def _targets(result: Mapping[str, Any]) -> Iterator[str]:
    rows = []
    for name, limit in result["targets"].items():
        if name.startswith("failures."):
            continue
        value: Any = result
        rest = name
        while isinstance(value, Mapping) and rest:
            # Names of figures have dots only between levels.
            word, _, rest = rest.partition(".")
            value = value.get(word, "")
        rows.append([name, number(value), limit])
    yield from _table(["what", "measured", "asked"], rows)


def _failures(result: Mapping[str, Any]) -> Iterator[str]:
    failures: Mapping[str, Mapping[str, Any]] = result["failures"]
    yield from _FAILURES.splitlines()
    yield ""
    words = ("sent", "lost", "lost_around_store_kill", "twice", "twice_on_disk", "altered", "seconds_until_level")
    heads = ["path", "values sent", "lost", "around the store's kill", "twice in answers", "twice on disk", "altered"]
    yield from _table(
        [*heads, "level after [s]"],
        (
            [title(name), *(number(found[word]) for word in words)]
            if "lost" in found
            else [title(name), found["failed"]]
            for name, found in failures.items()
        ),
    )
    yield from _bullets("Where the peer does as well, or better:", as_good(failures))
    yield "![loss](benchmarks/peers-loss.svg)"


def as_good(failures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """In what the peer keeps up with Harkara when things fail, each in a sentence with its reason."""
    found = []
    for store, name in _STORE.items():
        ours, theirs = (failures.get(f"{program}-{store}", {}) for program in ("harkara", "telegraf"))
        if "lost" not in ours or "lost" not in theirs:
            continue
        if theirs["lost"] <= ours["lost"] and theirs["twice"] <= ours["twice"]:
            found.append(
                f"Telegraf lost no more than Harkara into {name}: that store acknowledges what is in its log on disk, "
                "and the broker keeps what Telegraf has not acknowledged, in memory and every five seconds on disk."
            )
        if theirs["seconds_until_level"] < ours["seconds_until_level"]:
            sooner_s = ours["seconds_until_level"] - theirs["seconds_until_level"]
            found.append(
                f"Telegraf was level with {name} {sooner_s:.1f} s sooner after the last message: it passes lines on as "
                "they come, where Harkara's readings go through its journal first."
            )
    return found


def _bullets(head: str, sentences: list[str]) -> Iterator[str]:
    yield head
    yield ""
    yield from (f"- {sentence}" for sentence in sentences or ["nowhere in this run."])
    yield ""


def _table(heads: list[str], rows: Any) -> Iterator[str]:  # noqa: ANN401
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""
