"""What a store holds, by its own word: a count while it fills, and every value at the end."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import polars as pl

from benchmarks.peers.readings import CHANNELS, Readings
from benchmarks.peers.verdict import SeriesHeld
from simulators.demo.processes import DemoError
from simulators.demo.servers import InfluxDB, Store

_ANSWER_S: Final = 120.0
# The recording is of 2018 and is laid end to end for years at most; a store looks at nothing beyond now.
_FROM: Final = "2018-01-01T00:00:00Z"
_UNTIL: Final = "2022-01-01T00:00:00Z"
_FROM_S: Final = 1_514_764_800
_UNTIL_S: Final = 1_640_995_200
_ALL_TIMES: Final = f"|> range(start: {_FROM}, stop: {_UNTIL})"
_VALUES: Final = '{__name__!~".*_flag"}'
_RFC3339: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
_PAUSE_S: Final = 0.02
_PAUSE_S_MAX: Final = 0.1


class StoreView(Protocol):
    """One store as the harness looks at it."""

    def calibrate(self, values: int) -> None:
        """So many values are in it, and nothing comes in: learn what it counts instead of values."""
        ...

    def accepted(self) -> int:
        """Values it says to have taken since it began, repetitions with them; cheap."""
        ...

    def count(self) -> int:
        """Values it holds, by a query over everything."""
        ...

    def final_count(self) -> int:
        """The same, once the program before it has ended."""
        ...

    def held(self, readings: Readings) -> Iterator[SeriesHeld]:
        """What it holds of each series, as its queries see it."""
        ...

    def raw_count(self) -> int:
        """Values on its disk: where it keeps what was written twice, that is more than its queries see."""
        ...


@dataclass(slots=True)
class VictoriaMetricsView:
    """VictoriaMetrics. It keeps what was written twice; queries see it once where the store was told to dedupe."""

    store: Store

    def calibrate(self, values: int) -> None:
        """It counts values."""

    def accepted(self) -> int:
        """From its own metrics."""
        return sum(map(int, _metric(self._get("/metrics").decode(), "vm_rows_inserted_total")))

    def count(self) -> int:
        """After a flush, so that what it has taken can be seen."""
        self._get("/internal/force_flush")
        words = {
            "query": f"sum(count_over_time({_VALUES}[{_UNTIL_S - _FROM_S}s]))",
            "time": str(_UNTIL_S),
            "nocache": "1",
        }
        found = json.loads(self._get(f"/api/v1/query?{urllib.parse.urlencode(words)}"))["data"]["result"]
        return int(found[0]["value"][1]) if found else 0

    def final_count(self) -> int:
        """The same query."""
        return self.count()

    def held(self, readings: Readings) -> Iterator[SeriesHeld]:
        """From its export, one station after the other, with the store's deduplication."""
        for station in readings.names:
            # Telegraf's lines have the station as we named the tag; Harkara's have it as the site.
            chosen = [f'{{{tag}="{station}",__name__!~".*_flag"}}' for tag in ("station", "site")]
            for series in self._export(chosen):
                yield SeriesHeld(
                    station,
                    channel_of(series["metric"]["__name__"].partition("_")[2]),
                    np.array(series["timestamps"], dtype=np.int64),
                    np.array(series["values"], dtype=np.float64),
                )

    def raw_count(self) -> int:
        """By its raw export, in which a value that was written twice is twice."""
        return sum(len(series["timestamps"]) for series in self._export([_VALUES], ("reduce_mem_usage", "1")))

    def _export(self, chosen: Sequence[str], *more: tuple[str, str]) -> Iterator[dict[str, Any]]:
        self._get("/internal/force_flush")
        words = [("start", str(_FROM_S)), ("end", str(_UNTIL_S)), *more, *(("match[]", each) for each in chosen)]
        for line in self._get(f"/api/v1/export?{urllib.parse.urlencode(words)}").splitlines():
            yield json.loads(line)

    def _get(self, path: str) -> bytes:
        return _answer(urllib.request.Request(f"{self.store.address}{path}"))  # noqa: S310 - our own server


@dataclass(slots=True)
class InfluxView:
    """InfluxDB 2. A value written twice is one value: what is repeated can only be told from what it accepted.

    Attributes:
        store: The server.
        values_a_point: It counts points, and a point has as many values as the writer likes.
    """

    store: InfluxDB
    values_a_point: float = 1.0

    def calibrate(self, values: int) -> None:
        """So many values came in so many points."""
        self.values_a_point = values / max(1.0, self._points())

    def accepted(self) -> int:
        """From its own metrics."""
        return round(self._points() * self.values_a_point)

    def count(self) -> int:
        """A count of all series, which its storage does without reading them out."""
        tables = self._flux("|> count() |> group()")
        return int(pl.read_csv(io.BytesIO(tables))["_value"].sum()) if tables else 0

    def final_count(self) -> int:
        """The same query."""
        return self.count()

    def held(self, readings: Readings) -> Iterator[SeriesHeld]:
        """Every value, one station after the other."""
        for station in readings.names:
            chosen = f'|> filter(fn: (r) => r.station == "{station}" or r.site == "{station}")'
            body = self._flux(f'{chosen} |> keep(columns: ["_time", "_value", "_field"]) |> group()')
            if not body:
                continue
            table = pl.read_csv(io.BytesIO(body), columns=["_time", "_value", "_field"])
            table = table.with_columns(pl.col("_time").str.to_datetime(_RFC3339, time_unit="ms").dt.timestamp("ms"))
            for (name,), part in table.group_by("_field"):
                times_ms, values = part["_time"].to_numpy(), part["_value"].cast(pl.Float64).to_numpy()
                yield SeriesHeld(station, channel_of(str(name)), times_ms, values)

    def raw_count(self) -> int:
        """What was written twice is once in it, at the latest when it is read."""
        return self.count()

    def _points(self) -> float:
        page = _answer(urllib.request.Request(f"{self.store.address}/metrics")).decode()  # noqa: S310 - our own server
        return sum(_metric(page, "storage_writer_ok_points_sum"))

    def _flux(self, steps: str) -> bytes:
        script = f'from(bucket: "{self.store.bucket}") {_ALL_TIMES} |> filter(fn: (r) => r._field !~ /_flag$/) {steps}'
        body = json.dumps({"query": script, "dialect": {"annotations": [], "header": True}}).encode()
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.store.address}/api/v2/query?org={self.store.org}",
            data=body,
            headers={"Authorization": f"Token {self.store.token}", "Content-Type": "application/json"},
            method="POST",
        )
        return _answer(request).replace(b"\r\n", b"\n").strip()


def channel_of(name: str) -> str:
    """Which of our channels a field is: its name, with the unit behind it or not.

    Raises:
        DemoError: None of them.
    """
    for channel in CHANNELS:
        if name == channel or (name.startswith(f"{channel}_") and name not in CHANNELS):
            return channel
    raise DemoError(f"the store holds a field that nobody sent: {name}")


def wait_count(view: StoreView, wanted: int, *, timeout_s: float, idle: Callable[[], None] = lambda: None) -> float:
    """Wait until a store holds so many values; when that was. [s, monotonic].

    What it says to have accepted is asked for often, since it costs little; a query then says whether it is true.

    Raises:
        DemoError: It does not within the time.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _PAUSE_S
    while True:
        found = view.accepted()
        seen_s = time.monotonic()
        if found >= wanted and (found := view.count()) >= wanted:
            return seen_s
        if time.monotonic() > deadline:
            raise DemoError(f"the store holds {found:,} values of {wanted:,} after {timeout_s:g} s")
        idle()
        time.sleep(pause_s)
        pause_s = min(_PAUSE_S_MAX, pause_s * 1.2)


def _metric(page: str, name: str) -> Iterator[float]:
    for line in page.splitlines():
        if line.startswith((f"{name}{{", f"{name} ")):
            yield float(line.rpartition(" ")[2])


def _answer(request: urllib.request.Request) -> bytes:
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310 - our own server
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise DemoError(f"{request.full_url}: {error.code} {error.read(300).decode(errors='replace')}") from error
