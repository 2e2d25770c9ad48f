"""What a live block costs on the link: a PUBLISH and its receipt, and nothing that says the same again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.agent.harness import Instrument, KeepingCollector, agent_config, json_line, lines_device
from tests.conftest import Mosquitto, wait_until

pytestmark = pytest.mark.broker
Start = Callable[..., Mosquitto]
_FROM_AGENT = re.compile(r"(?:Received|Sending) (\w+) (?:from|to) test-agent(?: \(d\d, q(\d), .*/(\w+)')?")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def packets(broker: Mosquitto) -> list[tuple[str, str, str]]:
    """(packet, QoS, kind of topic) of everything between broker and agent."""
    text = (broker.folder / "mosquitto.log").read_text(encoding="utf-8")
    return _FROM_AGENT.findall(text)


def test_a_live_block_goes_without_puback_and_keeps_the_link_awake(
    tmp_path: Path, mosquitto: Start, stack: ExitStack
) -> None:
    broker = mosquitto("log_type all")
    keeper = KeepingCollector(broker.port)
    stack.callback(keeper.close)
    station = Instrument(tmp_path / "station")
    stack.callback(station.close)
    config = agent_config(tmp_path, broker.port, lines_device("station", station.name), broker="keepalive_s = 5")
    stack.callback(config.end)
    agent = config.start()
    wait_until(lambda: agent.device("station")["state"] == "up", what="the line")
    wait_until(lambda: agent.status()["phase"] == "sending", what="the first sync")
    # Seal after 0.5 s: eleven blocks last longer than a keep-alive of 5 s.
    for number in range(1, 12):
        station.say(json_line(number))
        wait_until(lambda count=number: len(keeper.blocks) == count, what=f"block {number}")  # type: ignore[misc]
        wait_until(lambda: agent.status()["in_flight_bytes"] == 0, what=f"receipt {number}")
    seen = packets(broker)
    assert seen.count(("PUBLISH", "0", "block")) == 11
    assert ("PUBLISH", "1", "block") not in seen
    assert seen.count(("PUBLISH", "0", "receipt")) == 11
    acknowledged = sum(name == "PUBACK" for name, _, _ in seen)
    assert acknowledged == sum((name, qos) == ("PUBLISH", "1") for name, qos, _ in seen), "syncs and state only"
    assert "PINGREQ" not in {name for name, _, _ in seen}


def test_a_live_block_that_nobody_took_is_found_by_a_sync_and_sent_with_a_puback(
    tmp_path: Path, mosquitto: Start, stack: ExitStack
) -> None:
    broker = mosquitto("log_type all")
    keeper = KeepingCollector(broker.port)
    stack.callback(keeper.close)
    station = Instrument(tmp_path / "station")
    stack.callback(station.close)
    config = agent_config(tmp_path, broker.port, lines_device("station", station.name))
    stack.callback(config.end)
    agent = config.start()
    wait_until(lambda: agent.device("station")["state"] == "up", what="the line")
    wait_until(lambda: agent.status()["phase"] == "sending", what="the first sync")
    keeper.silent = True
    station.say(json_line(1))
    wait_until(lambda: agent.status()["phase"] == "syncing", what="the missing receipt to be noticed")
    assert agent.status()["pending"] == 1
    keeper.silent = False
    wait_until(lambda: agent.status()["pending"] == 0, timeout_s=60, what="the block to be delivered")
    sent = [qos for name, qos, kind in packets(broker) if (name, kind) == ("PUBLISH", "block")]
    assert sent == ["0", "1"]
    assert keeper.repeats == 0
    assert agent.status()["stored"] == 1
