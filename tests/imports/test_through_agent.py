"""Importing while the agent runs: it is handed the rows, and each is stored once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_agent.imports.through_agent import QUESTION_BYTES, _fields, _questions, _row
from edge_agent.imports.vehicle_log import VehicleLog
from harkara_io.control_socket import ControlError, call
from tests.agent.harness import AgentProcess, Instrument, KeepingCollector, agent_config, lines_device
from tests.conftest import Mosquitto, wait_until
from tests.telemetry.recorded import SUBMARINE

pytestmark = pytest.mark.broker


def bring(agent: AgentProcess, *args: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harkara", "agent", "import", "--config", agent.config, "--json", *args]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)


def test_rows_survive_the_way_to_the_agent_and_questions_are_bounded(captures: Path) -> None:
    rows = list(VehicleLog(captures / SUBMARINE, prefix="sub").rows())
    questions = list(_questions(rows))
    assert max(len(json.dumps(question)) for question in questions) < 2 * QUESTION_BYTES
    back = [_row(json.loads(json.dumps(fields))) for question in questions for fields in question]
    assert [(row.device, row.profile, row.key) for row in back] == [(row.device, row.profile, row.key) for row in rows]
    for one, other in zip(rows, back, strict=True):
        there = tuple(number for number in one.sample.numbers if number.value is not None)
        assert (other.sample.observed_at_ns, other.sample.numbers) == (one.sample.observed_at_ns, there)
        assert other.sample.texts == one.sample.texts
    assert _fields(back[0]) == _fields(rows[0])


def test_a_running_agent_takes_the_rows_beside_its_own_devices(
    captures: Path, tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        hut = Instrument(tmp_path / "hut")
        stack.callback(hut.close)
        agent = agent_config(tmp_path, broker.port, lines_device("hut", tmp_path / "hut"))
        stack.callback(agent.end)
        agent.start()
        wait_until(lambda: agent.device("hut")["state"] == "up", what="the line to be open")
        hut.say('{"time": 1780000000, "t": 1.5}\n')
        table = captures / "timeseries/luftdaten_2019-05-18_bme280_22481.csv"
        said = ("--map", Path(__file__).parent / "maps/luftdaten.toml", "--device", "air")
        first = bring(agent, table, *said)
        assert first.returncode == 0, first.stderr
        summary: dict[str, Any] = json.loads(first.stdout.splitlines()[-1])
        assert (summary["rows_added"], summary["readings_added"]) == (585, 1755)
        again = json.loads(bring(agent, table, *said).stdout.splitlines()[-1])
        assert (again["rows_added"], again["rows_known"]) == (0, 585)
        hut.say('{"time": 1780000001, "t": 2.5}\n')
        wait_until(lambda: len(keeper.readings("air")) == 1755, what="the imported readings to be stored")
        wait_until(lambda: len(keeper.readings("hut")) == 2, what="those of the agent's own device")
        refused = bring(agent, table, *said[:2], "--device", "hut")
        assert refused.returncode != 0
        assert "`hut` is a device of the running agent" in refused.stderr
        with pytest.raises(ControlError, match="no rows"):
            call(tmp_path / "agent.sock", "import", rows=[[1, 2]])
        agent.kill()
        agent.start()
        known = json.loads(bring(agent, table, *said).stdout.splitlines()[-1])
        assert (known["rows_added"], known["rows_known"]) == (0, 585)
        assert agent.stop() == 0
        assert keeper.errors == []
        assert len(keeper.readings("air")) == 1755
