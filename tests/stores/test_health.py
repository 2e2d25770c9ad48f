"""What the collector says of itself to a store: from the real status, as numbers, whether a store is well or not."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.stores.health import health_lines
from collector.stores.mapping import MappingOptions
from tests.collector.harness import collector_process
from tests.conftest import Mosquitto, wait_until
from tests.stores.made import NOW_NS
from tests.stores.reader import samples
from tests.stores.servers import victoria_metrics
from tests.stores.test_dashboards import status


def test_one_line_for_each_and_only_numbers() -> None:
    told = status(3) | {"agents": [*status(3)["agents"], status(3)["agents"][0] | {"agent": "new", "alive": None}]}
    lines = health_lines(told, lambda agent: f"site of {agent}", NOW_NS, MappingOptions()).decode().splitlines()
    assert [line.split(",", 1)[0].split(" ", 1)[0] for line in lines] == [
        "harkara_collector",
        "harkara_agent",
        "harkara_agent",
        "harkara_store",
    ]
    assert "up=0.0" in lines[1]
    # An agent that said neither birth nor death is neither up nor down.
    assert "up=" not in lines[2]
    assert all(line.endswith(f" {NOW_NS}") for line in lines)
    for line in lines:
        fields = line.rsplit(" ", 2)[1]
        assert all("." in pair.split("=")[1] or "e" in pair.split("=")[1] for pair in fields.split(","))
    metrics = MappingOptions(store="victoriametrics", precision="s")
    told_again = samples((health_lines(told, lambda agent: f"site of {agent}", NOW_NS + 5 * 10**8, metrics),))
    assert {each.time_ms for each in told_again} == {NOW_NS // 10**6}
    assert Counter(dict(each.labels)["__name__"].rpartition("_up")[0] for each in told_again)["harkara_agent"] == 1
    assert len(told_again) == sum(line.rsplit(" ", 2)[1].count("=") for line in lines)


@pytest.mark.broker
def test_a_real_collector_s_figures_reach_a_real_store(tmp_path: Path, mosquitto: Callable[..., Mosquitto]) -> None:
    broker = mosquitto()
    with victoria_metrics(tmp_path / "vm", "-dedup.minScrapeInterval=1ms") as address:
        table = f'[[store]]\nname = "it"\nkind = "victoriametrics"\nurl = "{address}"\nhealth_every_s = 0.5\n'
        dead = '[[store]]\nname = "dead"\nkind = "victoriametrics"\nurl = "http://127.0.0.1:9"\nhealth_every_s = 0.5\n'

        def newest(name: str) -> dict[str, float]:
            urllib.request.urlopen(f"{address}/internal/force_flush", timeout=30).close()
            query = urllib.parse.urlencode({"query": f"last_over_time({name}[1h])"})
            with urllib.request.urlopen(f"{address}/api/v1/query?{query}", timeout=30) as answer:
                found = json.loads(answer.read())["data"]["result"]
            return {
                each["metric"].get("agent") or each["metric"].get("store", ""): float(each["value"][1])
                for each in found
            }

        with collector_process(tmp_path / "c", broker.port, "agent-1", extra=table + dead) as collector:
            collector.start()
            wait_until(lambda: newest("harkara_collector_ok"), what="figures of the collector")
            wait_until(lambda: newest("harkara_store_up").get("it") == 1.0, what="the store to be called up")
            assert newest("harkara_store_up")["dead"] == 0.0
            assert set(newest("harkara_agent_accepted")) == {each["agent"] for each in collector.status()["agents"]}
            states = {each["name"]: each for each in collector.status()["stores"]}
            wait_until(
                lambda: {each["name"]: each for each in collector.status()["stores"]}["dead"]["health_missed"] > 0,
                what="what the dead store missed to be counted",
            )
            assert states["it"]["health_missed"] == 0
