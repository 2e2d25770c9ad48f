"""Devices of several drivers in one agent process, through to the blocks that a collector stores."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from device_profiles import catalogue
from tests.agent.harness import Instrument, KeepingCollector, agent_config
from tests.conftest import Mosquitto, wait_until

pytestmark = pytest.mark.broker

SDS011 = bytes.fromhex("AAC0D4043A0AA1601DAB")
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
