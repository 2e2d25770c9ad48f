"""VictoriaMetrics: its way to be written to, its sign of life, and what it drops without a word."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from collector.stores.answers import answer_of
from collector.stores.http_store import HttpAnswer, HttpOptions, HttpStore
from collector.stores.influxdb import METRICS_MAX
from collector.stores.mapping import UNIT_NS
from collector.stores.metrics_text import Figure, figures
from collector.stores.ports import Answer, BadLines, NeedsPerson, Pulse, Unreachable
from collector.stores.probe import Probe

_BEGAN: Final = ("vm_app_start_timestamp", "process_start_time_seconds")
_GROWING: Final = ("vm_rows_inserted_total", "vm_http_requests_total", "vm_tcplistener_read_bytes_total")
"""What only grows while a process lives."""

_OURS: Final = "vmimport"
"""What its figures call the format that we send."""

_INFLUX_PATH: Final = re.compile(r"/influx/?\Z")

_IGNORED: Final = ("vm_rows_ignored_total", "vm_rows_invalid_total")
_NO_SUCH_WAY: Final = re.compile(
    r"unsupported path|cannot (?:obtain|parse) auth token|missing route|accountID", re.IGNORECASE
)
"""What it says with status 400 of an address that is none of its own: no line is to blame."""


class VictoriaMetrics:
    """A `StoreClient` for one VictoriaMetrics, single or cluster.

    Args:
        options: How the store is reached; the path of a cluster is ``/insert/0/prometheus``, and one that ends in
            ``/influx`` is understood so.
        now_s: UTC Unix time. [s]
    """

    def __init__(self, options: HttpOptions, *, now_s: Callable[[], float] = time.time) -> None:
        self._store = HttpStore(replace(options, url=_INFLUX_PATH.sub("/prometheus", options.url)))
        self._now_s = now_s
        self._began = ""
        self._again = 0
        self._counts: dict[str, float] = {}

    def write(self, body: bytes) -> Answer:
        """Send lines of its import format; stored means in its memory: for a few seconds a kill still loses them.

        A line that it cannot read it drops, says so in its log and counts it: `pulse` tells.
        """
        got = self._store.post("/api/v1/import", {}, body)
        if not isinstance(got, HttpAnswer):
            return got
        answer = answer_of(self._store, got, self._now_s)
        if isinstance(answer, BadLines) and _NO_SUCH_WAY.search(answer.words):
            return NeedsPerson(answer.words)
        return answer

    def pulse(self) -> Pulse | Unreachable | NeedsPerson:
        """When its process began, and rows it dropped since; an empty life where its figures are closed to us."""
        found = self._figures()
        if isinstance(found, (Unreachable, NeedsPerson)):
            return found
        ignored: dict[str, int] = {}
        for each in found:
            if each.name in _IGNORED and each.labels.get("type", _OURS) == _OURS:
                reason = each.labels.get("reason", "invalid")
                ignored[reason] = ignored.get(reason, 0) + round(each.number)
        return Pulse(self._life(found), {reason: count for reason, count in ignored.items() if count})

    def _life(self, found: Sequence[Figure]) -> str:
        """Its start is told in whole seconds: one that was killed and is back within the second has counted anew."""
        began = next((f"{each.number:.0f}" for name in _BEGAN for each in found if each.name == name), "")
        counts = {name: sum(each.number for each in found if each.name == name) for name in _GROWING}
        if began != self._began:
            self._began, self._again = began, 0
        elif any(counts[name] < count for name, count in self._counts.items()):
            self._again += 1
        self._counts = counts
        return f"{began}+{self._again}" if began and self._again else began

    def advice(self) -> list[str]:
        """What its settings would do to what is sent, one line each; nothing where they are closed to us."""
        found = self._figures()
        if isinstance(found, (Unreachable, NeedsPerson)):
            return []
        flags = {each.labels.get("name", ""): each.labels.get("value", "") for each in found if each.name == "flag"}
        advice = []
        if flags.get("dedup.minScrapeInterval") in {"0s", "0"}:
            advice.append(
                f"{self._store.host} shows a value twice when it was sent twice; "
                "start VictoriaMetrics with -dedup.minScrapeInterval=1ms"
            )
        if flags.get("retentionPeriod") in {"1", "1M"}:
            advice.append(
                f"{self._store.host} drops what is older than a month, as it comes by default; "
                "start VictoriaMetrics with -retentionPeriod=10y, or as long as you want to look back"
            )
        return advice

    def has(self, line: bytes) -> bool | None:
        """Whether it gives back the series of a line about its time; None where reading is closed to us."""
        probe = Probe.of(line, UNIT_NS["ms"])
        got = None if probe is None else self._store.get(probe.victoria_path())
        if not isinstance(got, HttpAnswer) or got.status != 200 or got.is_page:
            return None
        return bool(got.body.strip())

    def close(self) -> None:
        """Let its connections go."""
        self._store.close()

    def _figures(self) -> list[Figure] | Unreachable | NeedsPerson:
        got = self._store.get("/metrics", read_max=METRICS_MAX)
        if isinstance(got, (Unreachable, NeedsPerson)):
            return got
        if got.status >= 500:
            return Unreachable(self._store.words(f"failed ({got.status})"))
        if got.status != 200 or got.is_page:
            return []
        return list(figures(got.body.decode("utf-8", "replace")))
