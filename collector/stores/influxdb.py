"""InfluxDB 2: its way to be written to, and its sign of life."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from collector.stores.answers import answer_of
from collector.stores.http_store import HttpAnswer, HttpOptions, HttpStore
from collector.stores.mapping import UNIT_NS, PrecisionName
from collector.stores.metrics_text import figures
from collector.stores.ports import Answer, NeedsPerson, Pulse, Unreachable
from collector.stores.probe import Probe

METRICS_MAX: Final = 8 * 1024 * 1024
"""Of a store's figures. [byte]"""

_SAME_LIFE_S: Final = 2.0
"""A start that comes out nearer than this to the one before is the same. [s]"""


class InfluxDB:
    """A `StoreClient` for one bucket.

    Args:
        options: How the store is reached; its authorization is ``Token …``.
        org: Organisation.
        bucket: Bucket.
        precision: Of the times in the lines.
        now_s: UTC Unix time. [s]
    """

    def __init__(
        self,
        options: HttpOptions,
        *,
        org: str,
        bucket: str,
        precision: PrecisionName = "ns",
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._store = HttpStore(options)
        self._query = {"org": org, "bucket": bucket, "precision": precision}
        self._unit_ns = UNIT_NS[precision]
        self._now_s = now_s
        self._began_s = self._up_s = 0.0

    def write(self, body: bytes) -> Answer:
        """Send lines; stored means in InfluxDB's write-ahead log, fsynced."""
        got = self._store.post("/api/v2/write", self._query, body)
        return answer_of(self._store, got, self._now_s) if isinstance(got, HttpAnswer) else got

    def pulse(self) -> Pulse | Unreachable | NeedsPerson:
        """When its process began; an empty life where its figures are closed to us."""
        got = self._store.get("/metrics", read_max=METRICS_MAX)
        if isinstance(got, (Unreachable, NeedsPerson)):
            return got
        if got.status >= 500:
            return Unreachable(self._store.words(f"failed ({got.status})"))
        if got.status != 200 or got.is_page:
            return Pulse("")
        text = got.body.decode("utf-8", "replace")
        if "\nvm_app_version{" in text:
            # It would take our lines, but what its answer promises is less.
            return NeedsPerson(self._store.words('this is a VictoriaMetrics; say kind = "victoriametrics"'))
        up = next((each for each in figures(text) if each.name == "influxdb_uptime_seconds"), None)
        return Pulse("" if up is None else self._life(up.number))

    def _life(self, up_s: float) -> str:
        """It says how long it is up, so when it began comes out a little different each time."""
        began_s = self._now_s() - up_s
        if up_s < self._up_s or abs(began_s - self._began_s) > _SAME_LIFE_S:
            self._began_s = began_s
        self._up_s = up_s
        return f"{self._began_s:.3f}"

    def advice(self) -> list[str]:
        """What its settings would do to what is sent: nothing that it shows."""
        return []

    def has(self, line: bytes) -> bool | None:
        """Whether it gives back the first value of a line; None where the token may not read."""
        probe = Probe.of(line, self._unit_ns)
        if probe is None:
            return None
        question = json.dumps({"query": probe.flux(self._query["bucket"], self._unit_ns), "type": "flux"}).encode()
        got = self._store.post("/api/v2/query", {"org": self._query["org"]}, question)
        if not isinstance(got, HttpAnswer) or got.status != 200 or got.is_page:
            return None
        return bool(got.body.strip())

    def close(self) -> None:
        """Let its connections go."""
        self._store.close()
