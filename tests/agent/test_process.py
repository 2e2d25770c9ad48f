"""The agent as a process: real ptys, a real broker, kill -9, and the accounting afterwards."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.agent.certificates import Authority
from tests.agent.harness import (
    AgentProcess,
    Instrument,
    KeepingCollector,
    agent_config,
    json_line,
    lines_device,
    nmea_device,
    stamp_ns,
)
from tests.conftest import Mosquitto, free_port, wait_until

pytestmark = pytest.mark.broker
Start = Callable[..., Mosquitto]
RSS_BYTES_MAX = 45_000_000


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def instrument(stack: ExitStack, folder: Path, name: str) -> Instrument:
    made = Instrument(folder / name)
    stack.callback(made.close)
    return made


def collector(stack: ExitStack, port: int) -> KeepingCollector:
    made = KeepingCollector(port)
    stack.callback(made.close)
    return made


def running(stack: ExitStack, agent: AgentProcess) -> AgentProcess:
    stack.callback(agent.end)
    return agent.start()


def has_read(agent: AgentProcess, samples: int) -> bool:
    return bool(agent.device("station")["samples"] == samples)


def has_accepted(agent: AgentProcess, readings: int) -> bool:
    return bool(agent.status()["accepted"] >= readings)


def rmc(second: int) -> str:
    time = f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}.00"
    body = f"GNRMC,{time},A,4404.14{second % 1000:03d},N,12118.85478,W,0.117,,010126,,,A"
    value = 0
    for char in body.encode():
        value ^= char
    return f"${body}*{value:02X}\r\n"


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_two_drivers_deliver_every_digit_within_the_memory_and_say_goodbye(
    tmp_path: Path, mosquitto: Start, stack: ExitStack, protocol: str
) -> None:
    broker = mosquitto()
    keeper = collector(stack, broker.port)
    station, gnss = instrument(stack, tmp_path, "station"), instrument(stack, tmp_path, "gnss")
    devices = lines_device("station", station.name) + nmea_device("gnss", gnss.name)
    agent = running(stack, agent_config(tmp_path, broker.port, devices, broker=f'protocol = "{protocol}"'))
    wait_until(lambda: all(each["state"] == "up" for each in agent.status()["devices"]), what="both lines")
    for number in range(1, 301):
        station.say(json_line(number, air_temperature=f"{number % 40}.{number % 100:02d}", rain="0.0"))
        gnss.say(rmc(number))
        if number % 50 == 0:
            station.say("garbage\n{half a line\n")
            gnss.say("$GPGGA,broken*00\r\nnoise\r\n")
            wait_until(partial(has_read, agent, number), what="the lines to be read")
    wait_until(
        lambda: agent.status()["pending"] == 0 and agent.status()["accepted"] >= 300 * 3 + 299 * 3, what="receipts"
    )
    rss_bytes = int(agent.status()["rss_bytes"])
    print(f"rss {rss_bytes / 1024 / 1024:.1f} MiB")
    assert rss_bytes <= RSS_BYTES_MAX
    status = agent.status()
    assert status["accepted"] == status["stored"] + status["recorded_loss"] + status["pending"]
    assert status["recorded_loss"] == 0
    assert agent.device("station")["rejected"] == {"shape": 12}
    assert agent.device("gnss")["rejected"] == {"checksum": 6, "noise": 6}
    assert keeper.state is not None
    assert keeper.state.alive
    assert [each.device for each in keeper.state.devices] == ["station", "gnss"]
    assert agent.stop() == 0, agent.log
    expected = []
    for number in range(1, 301):
        at = stamp_ns(number)
        expected += [
            (at, "air_temperature", (number % 40) * 100 + number % 100, -2),
            (at, "rain", 0, -1),
            (at, "sample", number, 0),
        ]
    assert keeper.readings("station") == expected
    lats = [(at, value) for at, channel, value, _ in keeper.readings("gnss") if channel == "latitude"]
    base = 1_767_225_600
    assert lats == [((base + n) * 10**9, (44 * 60 + 4) * 100_000 + 14000 + n % 1000) for n in range(1, 301)]
    wait_until(lambda: keeper.state is not None and not keeper.state.alive, what="the last words")
    assert keeper.errors == []
    assert keeper.state.pending == 0


def test_kill_9_loses_nothing_that_was_accepted_and_sends_nothing_twice(
    tmp_path: Path, mosquitto: Start, stack: ExitStack
) -> None:
    broker = mosquitto()
    broker.kill()
    station = instrument(stack, tmp_path, "station")
    agent = running(stack, agent_config(tmp_path, broker.port, lines_device("station", station.name)))
    sent = 0
    accepted = 0
    for _ in range(3):
        wait_until(lambda: agent.device("station")["state"] == "up", what="the line")
        before = accepted
        for _ in range(400):
            sent += 1
            station.say(json_line(sent, x=f"{sent}.5"))
        wait_until(partial(has_accepted, agent, before + 512), what="acceptance")
        accepted = int(agent.status()["accepted"])
        agent.kill()
        agent.start()
        assert agent.status()["accepted"] >= accepted, "accepted is accepted, kill or not"
    accepted = int(agent.status()["accepted"])
    assert agent.status()["open_rows"] == 0, "what was open was sealed by the next life"
    broker.start()
    keeper = collector(stack, broker.port)
    wait_until(lambda: agent.status()["pending"] == 0, what="the backlog to drain")
    readings = keeper.readings("station")
    assert len(readings) == accepted
    keys = [(at, channel) for at, channel, _, _ in readings]
    assert len(set(keys)) == len(keys)
    assert len({segment for segment, _ in keeper.blocks}) >= 3, "every crash ends a segment"
    for at, channel, value, exponent in readings:
        number = (at - 250_000_000) // 10**9 - 1_767_225_600
        assert (value, exponent) == ((number, 0) if channel == "sample" else (number * 10 + 5, -1))
    assert agent.stop() == 0
    assert keeper.errors == []


def test_a_full_outbox_gives_up_the_oldest_with_a_record_and_stays_within_its_cap(
    tmp_path: Path, mosquitto: Start, stack: ExitStack
) -> None:
    broker = mosquitto()
    broker.kill()
    script = tmp_path / "flood.py"
    script.write_text(
        "import json, os, random, time\n"
        "agent = os.getppid()\n"
        "for n in range(20_000):\n"
        "    print(json.dumps({'time': 1767225600 + n, **{f'c{k}': random.random() for k in range(12)}}))\n"
        "print(end='', flush=True)\n"
        # An agent that is killed takes nobody along.
        "while os.getppid() == agent != 1:\n"
        "    time.sleep(0.1)\n",
        encoding="utf-8",
    )
    device = (
        f'[[device]]\nid = "flood"\ndriver = "lines"\ncommand = ["{sys.executable}", "{script}"]\nseal_after_s = 0.5\n'
    )
    agent = agent_config(tmp_path, broker.port, device)
    text = agent.config.read_text(encoding="utf-8").replace("[outbox]", "[outbox]\nmax_bytes = 1_048_576")
    agent.config.write_text(text, encoding="utf-8")
    running(stack, agent)
    wait_until(lambda: agent.status()["accepted"] == 240_000, timeout_s=120, what="the flood to be accepted")
    status = agent.status()
    assert status["recorded_loss"] > 0
    assert status["disk"] == "ok"
    assert status["outbox_bytes"] <= status["outbox_bytes_max"] == 1_048_576
    assert status["accepted"] == status["stored"] + status["recorded_loss"] + status["pending"]
    assert int(status["rss_bytes"]) <= RSS_BYTES_MAX
    assert "shed" in status["alarms"]
    broker.start()
    keeper = collector(stack, broker.port)
    wait_until(lambda: agent.status()["pending"] == 0, timeout_s=120, what="what is left to be delivered")
    status = agent.status()
    kept = keeper.readings("flood")
    assert len(kept) == status["stored"] == status["accepted"] - status["recorded_loss"]
    assert max(at for at, *_ in kept) == (1_767_225_600 + 19_999) * 10**9, "the newest survive"
    told = sum(loss.readings for block in keeper.blocks.values() for loss in block.losses)
    assert 0 < told <= status["recorded_loss"]


def test_a_clean_stop_begins_a_segment_and_a_broker_restart_costs_nothing(
    tmp_path: Path, mosquitto: Start, stack: ExitStack
) -> None:
    broker = mosquitto()
    keeper = collector(stack, broker.port)
    station = instrument(stack, tmp_path, "station")
    agent = running(stack, agent_config(tmp_path, broker.port, lines_device("station", station.name)))
    sent = 0

    def send(count: int) -> None:
        nonlocal sent
        wait_until(lambda: agent.device("station")["state"] == "up", what="the line")
        before = agent.device("station")["samples"]
        for _ in range(count):
            sent += 1
            station.say(json_line(sent))
        wait_until(lambda: agent.device("station")["samples"] == before + count, what="the lines to be read")

    send(20)
    wait_until(lambda: len(keeper.readings("station")) == sent, what="the first blocks")
    broker.kill()
    wait_until(lambda: agent.status()["link"] == "down", what="the link to be seen as down")
    send(300)
    broker.start()
    wait_until(lambda: len(keeper.readings("station")) == sent, timeout_s=60, what="the backlog")
    assert agent.stop() == 0
    agent.start()
    send(20)
    assert agent.stop() == 0
    wait_until(lambda: len(keeper.readings("station")) == sent, what="the last blocks")
    assert [value for _, _, value, _ in keeper.readings("station")] == list(range(1, sent + 1))
    assert len({segment for segment, _ in keeper.blocks}) == 2, "every start begins a segment"
    assert agent.log.count("link up") == 3
    assert agent.log.count("link down") == 1, agent.log


def test_a_port_that_goes_and_comes_back_stops_nobody_else(tmp_path: Path, mosquitto: Start, stack: ExitStack) -> None:
    broker = mosquitto()
    keeper = collector(stack, broker.port)
    one, two = instrument(stack, tmp_path, "one"), instrument(stack, tmp_path, "two")
    devices = lines_device("one", one.name) + lines_device("two", two.name)
    agent = running(stack, agent_config(tmp_path, broker.port, devices))
    wait_until(lambda: all(each["state"] == "up" for each in agent.status()["devices"]), what="both lines")
    one.unplug()
    wait_until(lambda: agent.device("one")["state"] == "down", what="the line to be seen as down")
    two.say(json_line(1))
    wait_until(lambda: len(keeper.readings("two")) == 1, what="the other device")
    assert "is not there" in agent.device("one")["detail"] or "is gone" in agent.device("one")["detail"]
    one.plug_in()
    wait_until(lambda: agent.device("one")["state"] == "up", what="the line to come back")
    one.say(json_line(2))
    wait_until(lambda: len(keeper.readings("one")) == 1, what="its reading")
    assert agent.stop() == 0


def test_a_program_is_started_again_when_it_ends_and_its_children_end_with_the_agent(
    tmp_path: Path, mosquitto: Start, stack: ExitStack
) -> None:
    broker = mosquitto()
    keeper = collector(stack, broker.port)
    script = tmp_path / "program.sh"
    script.write_text(
        '#!/bin/sh\nsleep 1000 &\necho $! >> "$1"\necho \'{"x": 1.50}\'\necho "out of paper" >&2\nsleep 0.2\nexit 3\n',
        encoding="utf-8",
    )
    children = tmp_path / "children"
    device = (
        f'[[device]]\nid = "p"\ndriver = "lines"\ncommand = ["/bin/sh", "{script}", "{children}"]\nseal_after_s = 0.5\n'
        'reconnect_s_max = 0.5\n[device.channels]\nx = { unit = "V" }\n'
    )
    agent = running(stack, agent_config(tmp_path, broker.port, device))
    wait_until(lambda: len(keeper.readings("p")) >= 3, what="three lives of the program")
    assert {(value, exponent) for _, _, value, exponent in keeper.readings("p")} == {(150, -2)}
    assert "ended with status 3: out of paper" in agent.log
    assert agent.stop() == 0

    def all_gone() -> bool:
        pids = [int(line) for line in children.read_text(encoding="utf-8").split()]
        return not any(_alive(pid) for pid in pids)

    wait_until(all_gone, what="all children of the program to end")


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_wrong_password_is_one_line_and_everything_waits(tmp_path: Path, mosquitto: Start, stack: ExitStack) -> None:
    users = tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(users), "test-agent", "right"], check=True, capture_output=True)
    broker = mosquitto(f"password_file {users}", "allow_anonymous false")
    secret = tmp_path / "password"
    secret.write_text("wrong\n", encoding="utf-8")
    secret.chmod(0o600)
    station = instrument(stack, tmp_path, "station")
    made = agent_config(
        tmp_path, broker.port, lines_device("station", station.name), broker='password_file = "password"'
    )
    agent = running(stack, made)
    wait_until(lambda: agent.status()["connections"] >= 3, what="three attempts")
    assert agent.status()["link"] == "down"
    wrong = [line for line in agent.log.splitlines() if "link down" in line]
    assert len(wrong) == 1, "said once, however often it is tried"
    assert re.search(
        r"broker 127\.0\.0\.1:\d+: (wrong user name or password|not authorised).*\(user test-agent\)", wrong[0]
    )
    station.say(json_line(1))
    wait_until(lambda: agent.status()["accepted"] == 1, what="acceptance without a broker")
    assert agent.stop() == 0
    secret.write_text("right\n", encoding="utf-8")
    assert agent.start().status()["pending"] == 1


def test_a_second_agent_on_the_same_files_stops_with_one_line(tmp_path: Path, stack: ExitStack) -> None:
    station = instrument(stack, tmp_path, "station")
    agent = running(stack, agent_config(tmp_path, free_port(), lines_device("station", station.name)))
    second = AgentProcess(agent.config).launch()
    stack.callback(second.end)
    assert second.process is not None
    assert second.process.wait(timeout=60) == 2
    assert "another process answers at" in agent.log
    assert "Traceback" not in agent.log
    assert agent.answers()


def test_over_tls_it_delivers_and_stays_within_the_memory(tmp_path: Path, mosquitto: Start, stack: ExitStack) -> None:
    authority = Authority.make(tmp_path / "authority")
    certificate, key = authority.issue("broker", alt="DNS:localhost,IP:127.0.0.1")
    port = free_port()
    secure = (f"listener {port} 127.0.0.1", f"certfile {certificate}", f"keyfile {key}", "allow_anonymous true")
    keeper = collector(stack, mosquitto(*secure).port)
    station, gnss = instrument(stack, tmp_path, "station"), instrument(stack, tmp_path, "gnss")
    devices = lines_device("station", station.name) + nmea_device("gnss", gnss.name)
    tls = f'[broker.tls]\nca_file = "{authority.ca_file}"'
    agent = running(stack, agent_config(tmp_path, port, devices, broker=tls))
    wait_until(lambda: all(each["state"] == "up" for each in agent.status()["devices"]), what="both lines")
    for number in range(1, 51):
        station.say(json_line(number))
        gnss.say(rmc(number))
    wait_until(lambda: len(keeper.readings("station")) == 50, what="the readings")
    rss_bytes = int(agent.status()["rss_bytes"])
    print(f"rss {rss_bytes / 1024 / 1024:.1f} MiB")
    assert rss_bytes <= RSS_BYTES_MAX
    assert agent.stop() == 0


def test_nothing_heavy_is_loaded_by_a_running_agent(tmp_path: Path, stack: ExitStack) -> None:
    station = instrument(stack, tmp_path, "station")
    agent = running(stack, agent_config(tmp_path, free_port(), lines_device("station", station.name)))
    maps = Path(f"/proc/{agent.pid}/maps").read_text(encoding="utf-8")
    for heavy in ("numpy", "pyarrow", "duckdb", "pydantic_core", "sqlalchemy"):
        assert heavy not in maps
    names = "import sys, edge_agent.cli_run\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", names], check=True, capture_output=True, text=True).stdout.split()
    assert not {"numpy", "pydantic", "pydantic_core", "duckdb", "pyarrow", "fastapi", "sqlalchemy"} & set(loaded)


def test_the_service_manager_hears_ready_watchdog_and_stopping(tmp_path: Path, stack: ExitStack) -> None:
    import socket

    manager = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(30)
    station = instrument(stack, tmp_path, "station")
    agent = agent_config(tmp_path, free_port(), lines_device("station", station.name))
    agent.environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
    running(stack, agent)
    assert manager.recv(4096).startswith(b"READY=1")
    heard = {manager.recv(4096).split(b"=", 1)[0] for _ in range(4)}
    assert heard == {b"WATCHDOG", b"STATUS"}
    assert agent.stop() == 0
    while not manager.recv(4096).startswith(b"STOPPING=1"):
        pass
    assert os.path.lexists(tmp_path / "agent.sock") is False
