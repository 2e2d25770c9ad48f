"""Every question of every panel, asked of a real store that a scenario has filled: the answers are what is true."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from collector.stores.encoder import Encoder
from collector.stores.health import health_lines
from collector.stores.http_store import HttpOptions
from collector.stores.influxdb import InfluxDB
from collector.stores.mapping import MappingOptions
from collector.stores.ports import Readings, SeriesFacts, StoreClient, Stored
from collector.stores.unit_suffix import unit_suffix
from collector.stores.victoria import VictoriaMetrics
from deploy.grafana.generator.__main__ import main as generate
from deploy.grafana.generator.specs import DASHBOARDS, PanelSpec, Store
from device_profiles.quantities import QUANTITIES
from simulators.scenario.course import course
from simulators.scenario.load import load
from tests.conftest import wait_until
from tests.stores.servers import influxdb, victoria_metrics

ROOT: Final = Path(__file__).parents[2]
STEP_S: Final = 60
MINUTES: Final = 30
AGENT: Final = "valley-1"
SITE: Final = "North field"
FLAGGED: Final = 3


@dataclass
class Truth:
    """What was measured, by the tests' own reckoning.

    Attributes:
        begin_s: First instant, UTC Unix time. [s]
        values: By device and field: time [ms] and value, in order.
        flagged: Readings with a flag, by device.
        health: Our own figures, by instant [s].
    """

    begin_s: int = 0
    values: dict[tuple[str, str], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    flagged: Counter[str] = field(default_factory=Counter)
    health: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def end_s(self) -> int:
        return self.begin_s + 60 * MINUTES


def status(minute: int) -> dict[str, Any]:
    """As the collector gives it; `test_health` holds the two together."""
    stored = 6000 * minute
    return {
        "ok": True,
        "rss_bytes": 90_000_000 + minute,
        "uptime_s": 60.0 * minute,
        "broker": {"connected": True},
        "accounting": {"accepted": stored + 40, "stored": stored, "recorded_loss": 3, "pending": 37},
        "blocks": 10 * minute,
        "block_bytes": 7200 * minute,
        "duplicates": 0,
        "quarantined": 2,
        "journal_position": 10 * minute,
        "lake_position": 10 * minute - 4,
        "agents": [
            {
                "agent": AGENT,
                "alive": minute % 2 == 0,
                "accepted": stored + 40,
                "stored": stored,
                "recorded_loss": 3,
                "pending": 37,
                "heard_s_ago": 0.5,
            }
        ],
        "stores": [
            {
                "name": "main",
                "state": "up",
                "lag_s": 1.5,
                "lag_blocks": 2,
                "values": 6000 * minute,
                "resent": 0,
                "quarantine_lines": 0,
                "series": 12,
                "refused": {"field type": 5},
                "left_out": {},
            }
        ],
    }


def measured() -> tuple[Readings, Truth]:
    """The first half hour of the farm, as columns; readings that a fault struck are flagged."""
    scenario = load(ROOT / "examples" / "scenarios" / "farm.toml")
    truth = Truth(begin_s=scenario.start_ns // 10**9)
    table: dict[tuple[str, str], int] = {}
    rows: list[tuple[int, int, float, int]] = []
    for said in course(scenario):
        if said.at_ns >= scenario.start_ns + MINUTES * 60 * 10**9:
            break
        device = said.device.name.replace("/", "-")
        for channel, value in said.sensed.items():
            series = table.setdefault((device, channel), len(table))
            flag = FLAGGED if said.faults else 2
            rows.append((series, said.at_ns, value, flag))
            name = f"{channel}_{unit_suffix(unit_of(channel))}".removesuffix("_")
            truth.values[device, name][said.at_ns // 1_000_000] = value
            truth.flagged[device] += flag != 2
    facts = [SeriesFacts(AGENT, device, "", channel, unit_of(channel)) for device, channel in table]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    readings = Readings(
        facts,
        columns[0].astype(np.int32),
        columns[1].astype(np.int64),
        columns[2].astype(np.float64),
        columns[3].astype(np.uint8),
    )
    return readings, truth


def unit_of(channel: str) -> str:
    return QUANTITIES[channel].unit if channel in QUANTITIES else "1"


Ask = Callable[[PanelSpec, dict[str, str]], list[tuple[dict[str, str], list[tuple[int, float]]]]]
"""Gives labels, and times [ms] with values, of each series or row."""


def fill(client: StoreClient, store: Store) -> Truth:
    readings, truth = measured()
    encoder = Encoder(MappingOptions(store=store), lambda _agent: SITE)
    with closing(client):
        for piece in encoder.encode(readings).lines.pieces:
            assert client.write(piece) == Stored()
        for minute in range(1, MINUTES):
            at_s = truth.begin_s + 60 * minute
            truth.health[at_s] = status(minute)
            lines = health_lines(status(minute), lambda _agent: SITE, at_s * 10**9, encoder.options)
            assert client.write(lines) == Stored()
    return truth


@contextmanager
def filled_victoria(folder: Path) -> Iterator[tuple[Truth, Ask]]:
    with victoria_metrics(folder, "-dedup.minScrapeInterval=1ms") as address:
        truth = fill(VictoriaMetrics(HttpOptions(address)), "victoriametrics")
        _get(f"{address}/internal/force_flush", {})

        def ask(panel: PanelSpec, words: dict[str, str]) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
            expr = _with(panel.metrics_ql, words | {"__interval": f"{STEP_S}s", "__rate_interval": "4m"})
            expr = expr.replace("$__range", f"{60 * MINUTES}s")
            if panel.kind == "timeseries":
                span = {"start": truth.begin_s, "end": truth.end_s - STEP_S, "step": STEP_S}
                answer = _get(f"{address}/api/v1/query_range", {"query": expr, **span})
                return [(each["metric"], _points(each["values"])) for each in answer["data"]["result"]]
            answer = _get(f"{address}/api/v1/query", {"query": expr, "time": truth.end_s})
            return [(each["metric"], _points([each["value"]])) for each in answer["data"]["result"]]

        wait_until(lambda: ask(DASHBOARDS[3].panels[3], {}), what="what was written to be found")
        yield truth, ask


@contextmanager
def filled_influx(folder: Path) -> Iterator[tuple[Truth, Ask]]:
    with influxdb(folder) as server:
        options = HttpOptions(server.address, authorization=f"Token {server.token}")
        truth = fill(InfluxDB(options, org=server.org, bucket=server.bucket), "influxdb")

        def ask(panel: PanelSpec, words: dict[str, str]) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
            span = f"time >= {truth.begin_s}s AND time < {truth.end_s}s"
            query = _with(panel.influx_ql, words | {"__interval": f"{STEP_S}s", "timeFilter": f"({span})"})
            answer = _get(
                f"{server.address}/query", {"db": server.bucket, "q": query, "epoch": "ms"}, token=server.token
            )
            found = []
            for each in answer["results"][0].get("series", []):
                for column, name in enumerate(each["columns"][1:], 1):
                    points = [(row[0], float(row[column])) for row in each["values"] if row[column] is not None]
                    if points:
                        found.append(({**each.get("tags", {}), "__name__": name}, points))
            return found

        yield truth, ask


def _with(query: str, words: dict[str, str]) -> str:
    for name in sorted(words, key=len, reverse=True):
        query = query.replace(f"${name}", words[name])
    return query


def _points(values: list[list[Any]]) -> list[tuple[int, float]]:
    return [(round(float(at) * 1000), float(value)) for at, value in values]


def _get(url: str, query: dict[str, Any], *, token: str = "") -> Any:
    headers = {"Authorization": f"Token {token}"} if token else {}
    request = urllib.request.Request(f"{url}?{urllib.parse.urlencode(query)}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        body = answer.read()
    return json.loads(body) if body.strip() else {}


def check_courses(truth: Truth, store: Store, ask: Ask) -> None:
    """Figures of ours: at each minute what the collector said then."""
    for board in DASHBOARDS:
        for panel in board.panels:
            if panel.kind != "timeseries" or board.name == "station":
                continue
            answer = ask(panel, {"agent": ".*" if store == "victoriametrics" else ".+"})
            assert len(answer) == 1, f"{board.name}: {panel.title}"
            points = answer[0][1]
            assert len(points) >= MINUTES - 6, f"{board.name}: {panel.title}"
            wanted = EXPECTED[board.name, panel.title]
            for at_ms, value in points:
                minute = (at_ms // 1000 - truth.begin_s) // 60
                assert value == pytest.approx(wanted(minute)), f"{board.name}: {panel.title} at minute {minute}"


EXPECTED: Final[dict[tuple[str, str], Callable[[int], float]]] = {
    ("network", "Readings stored"): lambda _: 100.0,
    ("network", "Readings on their way"): lambda _: 37.0,
    ("agents", "Link"): lambda minute: float(minute % 2 == 0),
    ("agents", "Last heard"): lambda _: 0.5,
    ("agents", "Waiting at the agent"): lambda _: 37.0,
    ("agents", "Accepted"): lambda minute: 6000 * minute + 40.0,
    ("agents", "Stored"): lambda minute: 6000.0 * minute,
    ("agents", "Given up"): lambda _: 3.0,
    ("collector", "Blocks"): lambda _: 10 / 60,
    ("collector", "Bytes"): lambda _: 120.0,
    ("collector", "Behind in the lake"): lambda _: 4.0,
    ("collector", "Memory"): lambda minute: 90_000_000.0 + minute,
    ("collector", "Behind in stores"): lambda _: 1.5,
    ("collector", "Values into stores"): lambda _: 100.0,
    ("collector", "Refused lines"): lambda _: 5.0,
}
"""What stands in each panel of figures at a minute."""


def check_tables(truth: Truth, store: Store, ask: Ask) -> None:
    by_title = {panel.title: panel for board in DASHBOARDS for panel in board.panels}
    assert len(by_title) == sum(len(board.panels) for board in DASHBOARDS)
    stations = {_plain(labels["__name__"]): points[-1][1] for labels, points in ask(by_title["Stations"], {})}
    assert stations == {"up": 0.0, "heard_s_ago": 0.5, "pending": 37.0, "recorded_loss": 3.0}
    assert [points[-1][1] for _, points in ask(by_title["Quarantine and duplicates"], {})] == [2.0]

    newest = {
        (labels["device"], _plain(labels["__name__"])): points[-1][1]
        for labels, points in ask(by_title["Newest values"], {"site": ".*"})
    }
    assert newest == {key: pytest.approx(values[max(values)]) for key, values in truth.values.items()}

    flagged: Counter[str] = Counter()
    for labels, points in ask(by_title["Flagged readings"], {"site": ".*"}):
        flagged[labels["device"]] += int(points[-1][1])
    assert flagged == +truth.flagged
    assert sum(flagged.values()) > 0


def check_station(truth: Truth, store: Store, ask: Ask) -> None:
    """Each quantity of each device: the mean of each minute."""
    panel = DASHBOARDS[1].panels[0]
    names = sorted({name for _, name in truth.values})
    compared = 0
    for name in names:
        wanted_field = f"reading_{name}" if store == "victoriametrics" else name
        for labels, points in ask(panel, {"site": ".*", "device": ".*", "field": wanted_field}):
            values = truth.values[labels["device"], name]
            for at_ms, mean in points:
                # VictoriaMetrics looks back from each instant, InfluxDB forward.
                first, last = (at_ms - 60_000, at_ms) if store == "victoriametrics" else (at_ms - 1, at_ms + 59_999)
                there = [value for moment, value in values.items() if first < moment <= last]
                assert mean == pytest.approx(float(np.mean(there))), f"{labels} {name} at {at_ms}"
                compared += 1
    assert compared >= (MINUTES - 2) * len(truth.values) / 4


def _plain(name: str) -> str:
    """A field's name, without measurement and function."""
    for beginning in ("reading_", "harkara_agent_", "last_"):
        name = name.removeprefix(beginning)
    return name


@pytest.mark.parametrize(("store", "filled"), [("victoriametrics", filled_victoria), ("influxdb", filled_influx)])
def test_every_panel_says_what_is_true(tmp_path: Path, store: Store, filled: Callable[[Path], Any]) -> None:
    with filled(tmp_path / "data") as (truth, ask):
        check_courses(truth, store, ask)
        check_tables(truth, store, ask)
        check_station(truth, store, ask)


def test_the_committed_dashboards_are_those_of_the_generator() -> None:
    assert generate(["--check"]) == 0
