"""What others say to the broker: a stolen session, garbage, damaged blocks, old ones, another agent's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from random import Random
from typing import Final

import paho.mqtt.client as mqtt

from simulators.chaos.configs import COLLECTOR_USER, agent_name
from simulators.chaos.site import Site
from simulators.demo.processes import wait_for

_OVERSIZED_BYTES: Final = 300_000


def session_stolen(site: Site, random: Random) -> None:
    """A second client with the agent's id and password: each throws the other out."""
    name = agent_name(random.choice(site.stations).number)
    for _ in range(3):
        with _connected(site, name, name):
            time.sleep(random.uniform(0.05, 0.3))


def garbage_published(site: Site, random: Random) -> None:
    """Somebody with the agent's password publishes what is no block, no sync and no state."""
    name = agent_name(random.choice(site.stations).number)
    with _connected(site, "stranger", name) as client:
        for kind in ("block", "sync", "state"):
            for size in (0, 1, 40, 2_000, _OVERSIZED_BYTES):
                client.publish(f"harkara/1/{name}/{kind}", random.randbytes(size), qos=1)
        _flush(client, name)


def damaged_blocks_published(site: Site, random: Random) -> None:
    """Real blocks again, with a bit turned or the end cut off."""
    said = list(site.blocks)
    with _connected(site, "stranger", COLLECTOR_USER) as client:
        for topic, payload in random.sample(said, min(20, len(said))):
            data = bytearray(payload)
            if random.random() < 0.5:
                data[random.randrange(len(data))] ^= 1 << random.randrange(8)
            else:
                del data[random.randrange(len(data)) :]
            client.publish(topic, bytes(data), qos=1)
        _flush(client, "")


def blocks_repeated(site: Site, random: Random) -> None:
    """Blocks of a while ago come again, in any order."""
    said = list(site.blocks)
    with _connected(site, "stranger", COLLECTOR_USER) as client:
        for topic, payload in random.sample(said, min(60, len(said))):
            client.publish(topic, payload, qos=1)
        _flush(client, "")


def blocks_of_another_agent(site: Site, random: Random) -> None:
    """Real blocks, published under another agent's name."""
    said = list(site.blocks)
    with _connected(site, "stranger", COLLECTOR_USER) as client:
        for _, payload in random.sample(said, min(20, len(said))):
            for station in site.stations:
                client.publish(f"harkara/1/{agent_name(station.number)}/block", payload, qos=1)
        _flush(client, "")


@contextlib.contextmanager
def _connected(site: Site, identifier: str, user: str) -> Iterator[mqtt.Client]:
    client = site.client(identifier, user)
    client.connect("127.0.0.1", site.broker.port)
    client.loop_start()
    try:
        wait_for(client.is_connected, f"{identifier} at the broker", timeout_s=10, process=site.broker.process)
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _flush(client: mqtt.Client, name: str) -> None:
    """Wait until the broker has taken everything published before."""
    with contextlib.suppress(ValueError, RuntimeError):
        client.publish(f"harkara/1/{name or agent_name(0)}/nothing", b"", qos=1).wait_for_publish(5)
