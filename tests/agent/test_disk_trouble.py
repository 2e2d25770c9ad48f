"""A card that is full or fails, under a running agent: it waits, says so once, goes on, and has lost nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.agent.harness import AgentProcess, Instrument, KeepingCollector, agent_config, json_line, lines_device
from tests.conftest import Mosquitto, wait_until
from tests.durability.recorder import build_shim

pytestmark = pytest.mark.broker
Start = Callable[..., Mosquitto]
FULL, IO_ERROR = "28 growth", "5 all"


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


class Field:
    """An agent whose card can be made to fail, its station, its collector."""

    def __init__(self, folder: Path, broker: Mosquitto, shim: Path, stack: ExitStack) -> None:
        self.card = folder / "card"
        self.card.mkdir()
        self.switch = folder / "switch"
        self.keeper = KeepingCollector(broker.port)
        stack.callback(self.keeper.close)
        self.station = Instrument(folder / "station")
        stack.callback(self.station.close)
        self.agent = agent_config(
            folder,
            broker.port,
            lines_device("station", self.station.name),
            top=f'control_socket = "{folder / "agent.sock"}"',
        )
        text = self.agent.config.read_text(encoding="utf-8")
        outbox = f'[outbox]\nfile = "{self.card / "outbox.db"}"'
        self.agent.config.write_text(text.replace("[outbox]", outbox), encoding="utf-8")
        self.agent.environ = {
            "LD_PRELOAD": str(shim),
            "HARKARA_SHIM_DIR": str(self.card),
            "HARKARA_SHIM_SWITCH": str(self.switch),
        }
        stack.callback(self.agent.end)
        self.said = 0
        self.readings = 0

    def say(self, count: int, *, wide: bool = False) -> None:
        """Lines of one number, or of so many that the outbox must grow."""
        for _ in range(count):
            self.said += 1
            chance = random.Random(self.said)
            values = {f"c{number}": str(chance.random()) for number in range(150)} if wide else {}
            self.readings += 1 + len(values)
            self.station.say(json_line(self.said, **values))
            if self.said % 10 == 0:
                # A line holds a few kilobytes; the queue of the agent holds some hundred samples.
                wait_until(
                    lambda: self.agent.device("station")["samples"] > self.said - 20, what="the lines to be read"
                )

    def numbers(self) -> list[int | float]:
        return [value for _, channel, value, _ in self.keeper.readings("station") if channel == "sample"]

    def delivered_once(self) -> None:
        wait_until(lambda: len(self.numbers()) >= self.said, timeout_s=90, what="all readings at the collector")
        assert self.numbers() == list(range(1, self.said + 1))
        wait_until(lambda: self.agent.status()["pending"] == 0, timeout_s=60, what="the receipts")
        status = self.agent.status()
        assert (status["accepted"], status["stored"], status["recorded_loss"]) == (self.readings, self.readings, 0)
        assert (status["disk"], status["disk_detail"]) == ("ok", "")
        assert self.keeper.errors == []


def test_one_read_that_fails_costs_no_block(tmp_path: Path, shim: Path) -> None:
    """An error while reading says nothing about the block: what verifies moves to a new file, and is read there."""
    card, switch = tmp_path / "card", tmp_path / "switch"
    card.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.durability.one_bad_read", str(card), str(switch)],
        env={**os.environ, "LD_PRELOAD": str(shim), "HARKARA_SHIM_DIR": str(card), "HARKARA_SHIM_SWITCH": str(switch)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-2:] == ["failed", "blocks 150 pending True lost 0"], done.stdout
    assert "unreadable" not in done.stdout


def lines_with(agent: AgentProcess, text: str) -> list[str]:
    return [line for line in agent.log.splitlines() if text in line]


@pytest.mark.parametrize("error", [FULL, IO_ERROR])
def test_readings_wait_for_the_card_and_the_state_topic_says_so(
    tmp_path: Path, mosquitto: Start, stack: ExitStack, shim: Path, error: str
) -> None:
    state = "full" if error == FULL else "failing"
    field = Field(tmp_path, mosquitto(), shim, stack)
    agent = field.agent.start()
    wait_until(lambda: agent.status()["phase"] == "sending", what="the first sync")
    field.say(5)
    wait_until(lambda: len(field.numbers()) == 5, what="the readings before")
    field.switch.write_text(error, encoding="utf-8")
    # A small write still finds room in the write-ahead log that is there.
    field.say(100, wide=True)
    wait_until(lambda: agent.status()["disk"] == state, what="the trouble to be noticed")
    wait_until(lambda: field.keeper.state is not None and field.keeper.state.trouble != "", what="the state message")
    assert field.keeper.state is not None
    assert field.keeper.state.trouble.startswith(f"outbox {state}: ")
    assert "devices wait" in agent.status()["disk_detail"]
    field.say(5)
    wait_until(lambda: agent.status()["queued"] >= 5, what="the line to be read on")
    assert len(lines_with(agent, f"outbox {state}: devices wait")) == 1, agent.log
    field.switch.unlink()
    field.delivered_once()
    wait_until(lambda: field.keeper.state is not None and field.keeper.state.trouble == "", what="the all-clear")
    assert "Traceback" not in agent.log
    assert agent.stop() == 0


def test_a_decision_of_the_uplink_that_the_card_refuses_is_made_again_later(
    tmp_path: Path, mosquitto: Start, stack: ExitStack, shim: Path
) -> None:
    """The first answer of a collector makes the uplink write whose agent this is: just then the card fails."""
    field = Field(tmp_path, mosquitto(), shim, stack)
    field.keeper.silent = True
    agent = field.agent.start()
    wait_until(lambda: agent.status()["phase"] == "syncing", what="the link")
    field.say(8)
    wait_until(lambda: agent.status()["accepted"] == 8, what="the readings to be accepted")
    field.switch.write_text(IO_ERROR, encoding="utf-8")
    field.keeper.silent = False
    wait_until(lambda: agent.status()["disk"] == "failing", what="the trouble to be noticed")
    met = agent.status()["connections"]
    wait_until(lambda: agent.status()["connections"] >= met + 2, what="two more attempts")
    assert len(lines_with(agent, "outbox failing: nothing is deleted")) == 1, agent.log
    assert field.numbers() == [], "it does not know yet whose agent it is"
    field.switch.unlink()
    field.delivered_once()
    assert "Traceback" not in agent.log
    assert agent.stop() == 0


def test_a_card_that_cannot_even_be_read_gives_up_no_block(
    tmp_path: Path, mosquitto: Start, stack: ExitStack, shim: Path
) -> None:
    """An error while reading says nothing about the block, so it must not become a loss record."""
    field = Field(tmp_path, mosquitto(), shim, stack)
    field.keeper.silent = True
    agent = field.agent.start()
    wait_until(lambda: agent.status()["phase"] == "syncing", what="the link")
    # More than the page cache holds, so that the first blocks are read from the card.
    field.say(1500, wide=True)
    wait_until(lambda: agent.status()["accepted"] == field.readings, timeout_s=120, what="the readings to be accepted")
    assert agent.status()["block_bytes"] > 1.5 * (1 << 20)
    field.switch.write_text("5 reads", encoding="utf-8")
    field.keeper.silent = False
    wait_until(lambda: agent.status()["disk"] == "failing", timeout_s=60, what="the trouble to be noticed")
    met = agent.status()["connections"]
    wait_until(lambda: agent.status()["connections"] >= met + 2, timeout_s=60, what="two more attempts")
    assert agent.status()["recorded_loss"] == 0
    field.switch.unlink()
    wait_until(lambda: agent.status()["pending"] == 0, timeout_s=120, what="everything to be delivered")
    assert agent.status()["recorded_loss"] == 0
    assert field.numbers() == list(range(1, field.said + 1))
    assert "Traceback" not in agent.log
