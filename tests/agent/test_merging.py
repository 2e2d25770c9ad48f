"""While no block may leave, rows gather: an outage ends in full blocks, whoever is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge_agent.blocks import ROWS_MAX
from tests.agent.harness import Instrument, KeepingCollector, agent_config, json_line, lines_device
from tests.conftest import Mosquitto, wait_until

pytestmark = pytest.mark.broker
Start = Callable[..., Mosquitto]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


@pytest.mark.parametrize("away", ["broker", "collector"])
def test_an_outage_ends_in_full_blocks(tmp_path: Path, mosquitto: Start, stack: ExitStack, away: str) -> None:
    broker = mosquitto()
    keeper = KeepingCollector(broker.port)
    stack.callback(keeper.close)
    station = Instrument(tmp_path / "station")
    stack.callback(station.close)
    agent = agent_config(tmp_path, broker.port, lines_device("station", station.name))
    stack.callback(agent.end)
    agent.start()
    wait_until(lambda: agent.status()["phase"] == "sending", what="the first sync")
    station.say(json_line(1))
    wait_until(lambda: len(keeper.blocks) == 1, what="the block before")
    if away == "broker":
        broker.kill()
        wait_until(lambda: agent.status()["link"] == "down", what="the link to be lost")
    else:
        keeper.silent = True
        station.say(json_line(2))
        wait_until(lambda: agent.status()["phase"] == "syncing", what="the missing receipt to be noticed")
    rows = ROWS_MAX + 20
    for number in range(3, 3 + rows):
        station.say(json_line(number))
        if number % 20 == 0:
            # Several times the age at which a block would be sealed.
            wait_until(lambda count=number: agent.status()["accepted"] >= count - 2, what="the rows")  # type: ignore[misc]
    if away == "broker":
        broker.start()
    else:
        keeper.silent = False
    wait_until(
        lambda: sum(block.readings for block in keeper.blocks.values()) == rows + 1 + (away == "collector"),
        timeout_s=60,
        what="all rows",
    )
    sizes = [block.readings for block in keeper.blocks.values()]
    before = [1] if away == "broker" else [1, 1]
    assert sizes == [*before, ROWS_MAX, 20]
