"""Devices of several drivers in one agent process, through to the blocks that a collector stores."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from device_profiles import catalogue
from simulators.emulators.mavlink_writer import Definition, Writer
from tests.agent.harness import Instrument, KeepingCollector, agent_config
from tests.conftest import Mosquitto, wait_until

pytestmark = pytest.mark.broker

SDS011 = bytes.fromhex("AAC0D4043A0AA1601DAB")
SYSTEM_TIME = Definition(2, "SYSTEM_TIME", [("uint64_t", "time_unix_usec"), ("uint32_t", "time_boot_ms")])
GLOBAL_POSITION_INT = Definition(
    33,
    "GLOBAL_POSITION_INT",
    [
        ("uint32_t", "time_boot_ms"),
        *(("int32_t", name) for name in ("lat", "lon", "alt", "relative_alt")),
        *(("int16_t", name) for name in ("vx", "vy", "vz")),
        ("uint16_t", "hdg"),
    ],
)
W1 = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"


def test_blocks_name_the_profile_and_a_dead_port_costs_the_others_nothing(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    probe = tmp_path / "28-0001"
    probe.mkdir()
    (probe / "w1_slave").write_text(W1, encoding="ascii")
    common = "seal_after_s = 0.5\nreconnect_s_max = 0.5\n"
    devices = (
        f'[[device]]\nid = "dust"\ndriver = "serial"\nprofile = "nova/sds011"\nport = "{tmp_path}/dust"\n{common}'
        f'[[device]]\nid = "soil"\ndriver = "sysfs"\nprofile = "maxim/ds18b20-w1"\npath = "{probe}"\n'
        f"poll_s = 0.2\n{common}"
        f'[[device]]\nid = "gone"\ndriver = "serial"\nprofile = "hydreon/rg-15"\nport = "{tmp_path}/gone"\n{common}'
    )
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        dust = Instrument(tmp_path / "dust")
        stack.callback(dust.close)
        agent = agent_config(tmp_path, broker.port, devices)
        stack.callback(agent.end)
        agent.start()
        wait_until(lambda: agent.device("dust")["state"] == "up", what="the dust sensor to be open")
        dust.say(SDS011)
        wait_until(lambda: keeper.readings("dust") and keeper.readings("soil"), what="both to be stored")
        assert agent.device("gone")["state"] == "down"
        assert "is not there" in agent.device("gone")["detail"]
        stored = {(channel, value, exponent) for _, channel, value, exponent in keeper.readings("dust")}
        assert {("pm2_5", 1236, -1), ("pm10", 2618, -1)} <= stored
        profiles = {block.device: block.profile for block in keeper.blocks.values()}
        for device, model in (("dust", "nova/sds011"), ("soil", "maxim/ds18b20-w1")):
            loaded = catalogue.load(model)
            assert (profiles[device].profile, profiles[device].version, profiles[device].digest) == (
                loaded.id,
                loaded.version,
                loaded.digest,
            )
        assert agent.stop() == 0
        assert keeper.errors == []


def test_what_a_drone_carries_is_stored_with_the_place_where_it_was_read(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = "seal_after_s = 0.5\nreconnect_s_max = 0.5\n"
    devices = (
        '[[device]]\nid = "drone"\ndriver = "mavlink"\nprofile = "mavlink/position"\n'
        f'udp = "127.0.0.1:{port}"\n{common}'
        f'[[device]]\nid = "air"\ndriver = "lines"\nport = "{tmp_path}/air"\nplace_from = "drone"\n{common}'
        '[device.channels]\nair_temperature = { unit = "Cel" }\n'
    )
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        air = Instrument(tmp_path / "air")
        stack.callback(air.close)
        agent = agent_config(tmp_path, broker.port, devices)
        stack.callback(agent.end)
        agent.start()
        wait_until(
            lambda: agent.device("air")["state"] == agent.device("drone")["state"] == "up", what="both to be open"
        )
        writer = Writer(version=2, system=1, component=1)
        sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

        def fly(at_ms: int, latitude: float) -> None:
            unix_us = 1_780_000_000_000_000 + at_ms * 1000
            place = {"time_boot_ms": at_ms, "lat": round(latitude * 1e7), "lon": 780_000_000, "alt": 640_000}
            frames = writer.frame(SYSTEM_TIME, {"time_unix_usec": unix_us, "time_boot_ms": at_ms}, 0)
            sender.sendto(frames + writer.frame(GLOBAL_POSITION_INT, place, 0), ("127.0.0.1", port))

        fly(10_000, 30.0)
        wait_until(lambda: agent.device("drone")["readings"] > 0, what="the first position")
        air.say('{"time": 1780000010.25, "air_temperature": 21.5}\n')
        wait_until(lambda: agent.device("air")["readings"] > 0, what="the reading")
        fly(11_000, 30.0004)
        wait_until(lambda: len(keeper.readings("air")) >= 5, what="the reading with its place")
        found = {channel: (value, exponent) for _, channel, value, exponent in keeper.readings("air")}
        assert found["air_temperature"] == (215, -1)
        assert found["latitude"] == (300_001_000, -7)
        assert found["longitude"] == (780_000_000, -7)
        assert found["altitude"] == (640_000, -3)
        assert agent.stop() == 0
        assert keeper.errors == []


MPPT = (
    b"\r\nPID\t0xA042\r\nFW\t123\r\nSER#\tHQ1411MYIKN\r\nV\t12530\r\nI\t640\r\nVPV\t31390\r\nPPV\t8\r\nCS\t3\r\nERR\t0"
    b"\r\nLOAD\tON\r\nIL\t0\r\nH19\t8272\r\nH20\t0\r\nH21\t11\r\nH22\t25\r\nH23\t119\r\nHSDS\t274\r\nChecksum\t"
)


def test_what_a_device_says_in_words_is_stored_when_it_is_news(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    def block(**changed: bytes) -> bytes:
        said = MPPT
        for old, new in changed.items():
            said = said.replace(old.encode(), new)
        return said + bytes((-sum(said) & 0xFF,))

    device = (
        f'[[device]]\nid = "charger"\ndriver = "serial"\nprofile = "victron/mppt"\nport = "{tmp_path}/charger"\n'
        "seal_after_s = 0.3\n"
    )
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        charger = Instrument(tmp_path / "charger")
        stack.callback(charger.close)
        agent = agent_config(tmp_path, broker.port, device)
        stack.callback(agent.end)
        agent.start()
        wait_until(lambda: agent.device("charger")["state"] == "up", what="the charger to be open")

        def words() -> list[tuple[str, str]]:
            return [(event.channel, event.text) for each in keeper.blocks.values() for event in each.texts]

        first = {("product", "0xA042"), ("firmware", "123"), ("device_serial", "HQ1411MYIKN")}
        charger.say(block())
        wait_until(lambda: first <= set(words()), what="its words to be stored")
        charger.say(block(V=b"V"))
        wait_until(lambda: agent.device("charger")["samples"] == 2, what="the same words again")
        charger.say(block(HQ1411MYIKN=b"HQ2020OTHER"))
        wait_until(lambda: ("device_serial", "HQ2020OTHER") in words(), what="another charger's number")
        assert sorted(words()) == sorted([*first, ("device_serial", "HQ2020OTHER")])
        assert agent.device("charger")["texts"]["device_serial"] == "HQ2020OTHER"
        assert agent.stop() == 0
        assert keeper.errors == []


def test_a_power_group_of_the_configuration_is_on_while_its_member_is_read_and_off_at_the_end(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    log, probe = tmp_path / "log", tmp_path / "28-0001"
    probe.mkdir()
    (probe / "w1_slave").write_text(W1, encoding="ascii")
    commands = "".join(f'command_{word} = ["/bin/sh", "-c", "echo {word} >> {log}"]\n' for word in ("on", "off"))
    devices = (
        f'[[power]]\nid = "probes"\n{commands}settle_s = 0.1\n'
        f'[[device]]\nid = "soil"\ndriver = "sysfs"\nprofile = "maxim/ds18b20-w1"\npath = "{probe}"\n'
        'poll_s = 1.0\nseal_after_s = 0.5\npower = "probes"\n'
    )
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        agent = agent_config(tmp_path, broker.port, devices)
        stack.callback(agent.end)
        agent.start()
        wait_until(lambda: len(keeper.readings("soil")) >= 2, what="two readings of a probe that is fed for them")
        assert agent.stop() == 0
    said = log.read_text(encoding="ascii").split()
    # Off first, whatever was before; then on for the opening and for each reading.
    assert said[:5] == ["off", "on", "off", "on", "off"]
    assert said[-1] == "off"
    assert all(one != two for one, two in pairwise(said[1:-1]))
    # A tenth of a second before the full second, so that what was read is of the second itself.
    assert all(at_ns % 10**9 < 0.9 * 10**9 for at_ns, *_ in keeper.readings("soil"))
