"""Everything that is broken, one function a kind. Each strikes, waits, and takes its cause away; healing is the site's.

A kind gets the site and random numbers of its cycle, so that a cycle breaks the same thing again when it is played
alone. What it names ``kind`` is the function's name.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

import paho.mqtt.client as mqtt

from simulators.chaos.configs import COLLECTOR_USER, agent_name
from simulators.chaos.host_faults import (
    agent_clock_stepped,
    agent_clock_unset,
    agent_disk_eio,
    agent_disk_read_only,
    agent_disk_slow,
)
from simulators.chaos.site import Site, Station
from simulators.chaos.small_disk import can_mount, filled
from simulators.demo.processes import DemoError, Process, wait_for
from simulators.host_trouble.host import can_build
from simulators.link_proxy import FAIR, LinkProxy, Weather

Fault = Callable[[Site, Random], None]

_OVERSIZED_BYTES: Final = 300_000
_DRAIN_S: Final = 60.0


def agent_killed(site: Site, random: Random) -> None:
    """Kill -9 of an agent."""
    _kill_for(site, _station(site, random).process, random.uniform(0.1, 1.0))


def agent_killed_while_starting(site: Site, random: Random) -> None:
    """Kill -9 again and again, while it starts."""
    process = _station(site, random).process
    for _ in range(3):
        _kill_for(site, process, 0.05)
        time.sleep(random.uniform(0.1, 0.9))


def agent_stopped(site: Site, random: Random) -> None:
    """SIGTERM for an agent: a service manager's stop."""
    _stop_for(site, _station(site, random).process, random.uniform(0.1, 1.0))


def agent_paused(site: Site, random: Random) -> None:
    """SIGSTOP for an agent: a machine that swaps or sleeps."""
    site.pause(_station(site, random).process, random.uniform(0.5, 3.0))


def collector_killed(site: Site, random: Random) -> None:
    """Kill -9 of the collector."""
    _kill_for(site, site.collector, random.uniform(0.1, 1.0))


def collector_killed_while_starting(site: Site, random: Random) -> None:
    """Kill -9 of the collector while it opens journal and lake."""
    for _ in range(3):
        _kill_for(site, site.collector, 0.05)
        time.sleep(random.uniform(0.2, 1.6))


def collector_stopped(site: Site, random: Random) -> None:
    """SIGTERM for the collector."""
    _stop_for(site, site.collector, random.uniform(0.1, 1.0))


def collector_paused(site: Site, random: Random) -> None:
    """SIGSTOP for the collector."""
    site.pause(site.collector, random.uniform(0.5, 3.0))


def broker_killed(site: Site, random: Random) -> None:
    """Kill -9 of the broker, which forgets what it held in memory."""
    _kill_for(site, site.broker.process, random.uniform(0.1, 1.5))


def broker_stopped(site: Site, random: Random) -> None:
    """SIGTERM for the broker."""
    _stop_for(site, site.broker.process, random.uniform(0.1, 1.5))


def broker_paused(site: Site, random: Random) -> None:
    """SIGSTOP for the broker: connections stay, nobody answers."""
    site.pause(site.broker.process, random.uniform(0.5, 3.0))


def broker_flapping(site: Site, random: Random) -> None:
    """The broker dies again as soon as everybody is back."""
    for _ in range(3):
        _kill_for(site, site.broker.process, 0.1)
        time.sleep(random.uniform(0.2, 0.8))


def agent_and_broker_killed(site: Site, random: Random) -> None:
    """A power cut where agent and broker share the supply."""
    _kill_together(site, [_station(site, random).process, site.broker.process], random.uniform(0.1, 0.8))


def collector_and_broker_killed(site: Site, random: Random) -> None:
    """A power cut in the machine room."""
    _kill_together(site, [site.collector, site.broker.process], random.uniform(0.1, 0.8))


def everything_killed(site: Site, random: Random) -> None:
    """A power cut everywhere."""
    everyone = [station.process for station in site.stations]
    _kill_together(site, [*everyone, site.collector, site.broker.process], random.uniform(0.1, 0.8))


def agent_link_refused(site: Site, random: Random) -> None:
    """Nobody takes the agent's connection."""
    _weather_for(_station(site, random).link, Weather(listening=False), random.uniform(0.5, 3.0))


def agent_link_half_open(site: Site, random: Random) -> None:
    """The connection stays, every byte of both directions vanishes; then it is reset, as an operator's gateway does."""
    weather = Weather(swallow_up=True, swallow_down=True)
    _weather_for(_station(site, random).link, weather, random.uniform(0.5, 3.0), reset=True)


def agent_link_loses_receipts(site: Site, random: Random) -> None:
    """Blocks arrive, what comes back does not."""
    _weather_for(_station(site, random).link, Weather(swallow_down=True), random.uniform(0.5, 3.0), reset=True)


def agent_link_slow(site: Site, random: Random) -> None:
    """A 2G link in the rain."""
    _weather_for(_station(site, random).link, Weather(bytes_per_s=2_000), random.uniform(1.0, 3.0))


def agent_link_late(site: Site, random: Random) -> None:
    """A satellite, and a busy one."""
    _weather_for(_station(site, random).link, Weather(latency_s=random.uniform(0.3, 1.0)), random.uniform(1.0, 3.0))


def agent_link_cut_in_messages(site: Site, random: Random) -> None:
    """Every connection breaks after some bytes, mostly within a message."""
    link = _station(site, random).link
    for _ in range(3):
        link.become(Weather(cut_after_bytes=random.randint(1, 1_500)))
        link.reset()
        time.sleep(random.uniform(0.3, 1.0))
    link.become(FAIR)
    link.reset()


def agent_link_flapping(site: Site, random: Random) -> None:
    """Every connection is reset after a moment."""
    _flap(_station(site, random).link, random)


def collector_link_refused(site: Site, random: Random) -> None:
    """Nobody takes the collector's connection."""
    _weather_for(site.collector_link, Weather(listening=False), random.uniform(0.5, 3.0))


def collector_link_half_open(site: Site, random: Random) -> None:
    """The collector's connection stays and carries nothing."""
    weather = Weather(swallow_up=True, swallow_down=True)
    _weather_for(site.collector_link, weather, random.uniform(0.5, 3.0), reset=True)


def collector_link_loses_acknowledgements(site: Site, random: Random) -> None:
    """Blocks reach the collector; its receipts and PUBACKs do not get out."""
    _weather_for(site.collector_link, Weather(swallow_up=True), random.uniform(0.5, 3.0), reset=True)


def collector_link_slow(site: Site, random: Random) -> None:
    """The collector hears slowly, so that the broker's queue grows."""
    _weather_for(site.collector_link, Weather(bytes_per_s=20_000), random.uniform(1.0, 3.0))


def collector_link_flapping(site: Site, random: Random) -> None:
    """The collector's connection is reset after a moment, again and again."""
    _flap(site.collector_link, random)


def session_stolen(site: Site, random: Random) -> None:
    """A second client with the agent's id and password: each throws the other out."""
    name = agent_name(_station(site, random).number)
    for _ in range(3):
        with _connected(site, name, name):
            time.sleep(random.uniform(0.05, 0.3))


def garbage_published(site: Site, random: Random) -> None:
    """Somebody with the agent's password publishes what is no block, no sync and no state."""
    name = agent_name(_station(site, random).number)
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


def sensor_unplugged(site: Site, random: Random) -> None:
    """The gauge's port is gone for a while."""
    _mood_for(site, random, "unplugged", deaf=True)


def sensor_silent(site: Site, random: Random) -> None:
    """The gauge says nothing."""
    _mood_for(site, random, "silent")


def sensor_babbling(site: Site, random: Random) -> None:
    """Noise between the lines."""
    _mood_for(site, random, "babble")


def sensor_breaking_off(site: Site, random: Random) -> None:
    """Every second line breaks off in its middle."""
    _mood_for(site, random, "halves")


def agent_disk_failing(site: Site, random: Random) -> None:
    """Every write of the agent fails."""
    station = _station(site, random)
    site.deafen(station)
    _limit_for(site, station.process, resource.RLIMIT_FSIZE, random.uniform(0.5, 3.0))
    site.hearing_when_it_keeps(station)


def agent_disk_full(site: Site, random: Random) -> None:
    """Not a byte is left on the agent's disk: the kernel says ENOSPC to every write that needs room."""
    station = _station(site, random)
    site.deafen(station)
    with filled(station.card):
        time.sleep(random.uniform(0.5, 3.0))
    site.hearing_when_it_keeps(station)


def collector_disk_failing(site: Site, random: Random) -> None:
    """Every write of the collector fails: journal, lake, quarantine, log."""
    _limit_for(site, site.collector, resource.RLIMIT_FSIZE, random.uniform(0.5, 3.0))


def collector_out_of_files(site: Site, random: Random) -> None:
    """The collector may open no more files or connections."""
    _limit_for(site, site.collector, resource.RLIMIT_NOFILE, random.uniform(0.5, 3.0))


def agent_out_of_files(site: Site, random: Random) -> None:
    """The agent may open no more files or connections, and its link is reset meanwhile."""
    station = _station(site, random)
    before = site.limit(station.process, resource.RLIMIT_NOFILE, 1)
    station.link.reset()
    time.sleep(random.uniform(0.5, 2.0))
    site.limit(station.process, resource.RLIMIT_NOFILE, before)


def card_image_restored(site: Site, random: Random) -> None:
    """An older copy of the whole outbox is put back, after everything newer had its receipt."""
    station = _station(site, random)
    copy = station.folder / "image"
    site.stop(station.process)
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for path in _outbox_files(station):
        shutil.copy2(path, copy)
    site.begin(station.process)
    time.sleep(random.uniform(0.5, 1.5))
    with _drained(site, station):
        for path in _outbox_files(station):
            path.unlink()
        for path in copy.iterdir():
            shutil.copy2(path, station.card)


def outbox_ruined(site: Site, random: Random) -> None:
    """A card wipes some pages of the outbox, after everything in it had its receipt."""
    station = _station(site, random)
    with _drained(site, station):
        data = bytearray(station.outbox.read_bytes())
        for _ in range(3):
            at = random.randrange(0, max(1, len(data) - 512))
            data[at : at + 512] = random.randbytes(512)
        station.outbox.write_bytes(data)


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        agent_killed,
        agent_killed_while_starting,
        agent_stopped,
        agent_paused,
        collector_killed,
        collector_killed_while_starting,
        collector_stopped,
        collector_paused,
        broker_killed,
        broker_stopped,
        broker_paused,
        broker_flapping,
        agent_and_broker_killed,
        collector_and_broker_killed,
        everything_killed,
        agent_link_refused,
        agent_link_half_open,
        agent_link_loses_receipts,
        agent_link_slow,
        agent_link_late,
        agent_link_cut_in_messages,
        agent_link_flapping,
        collector_link_refused,
        collector_link_half_open,
        collector_link_loses_acknowledgements,
        collector_link_slow,
        collector_link_flapping,
        session_stolen,
        garbage_published,
        damaged_blocks_published,
        blocks_repeated,
        blocks_of_another_agent,
        sensor_unplugged,
        sensor_silent,
        sensor_babbling,
        sensor_breaking_off,
        agent_disk_failing,
        agent_disk_full,
        agent_disk_read_only,
        agent_disk_eio,
        agent_disk_slow,
        agent_clock_stepped,
        agent_clock_unset,
        agent_out_of_files,
        collector_disk_failing,
        collector_out_of_files,
        card_image_restored,
        outbox_ruined,
    )
}
"""Every kind by its name."""

NEED_MOUNT: Final = frozenset({agent_disk_full.__name__})
"""Kinds that need a small disk, and so a user who may mount one."""
NEED_COMPILER: Final = frozenset(
    fault.__name__
    for fault in (agent_disk_read_only, agent_disk_eio, agent_disk_slow, agent_clock_stepped, agent_clock_unset)
)
"""Kinds that trouble an agent's host by a small C library, and so need a compiler."""


def possible(kind: str) -> bool:
    """Whether a kind can be played on this machine."""
    return (kind not in NEED_MOUNT or can_mount()) and (kind not in NEED_COMPILER or can_build())


def _station(site: Site, random: Random) -> Station:
    return random.choice(site.stations)


def _kill_for(site: Site, process: Process, seconds: float) -> None:
    _kill_together(site, [process], seconds)


def _kill_together(site: Site, processes: list[Process], seconds: float) -> None:
    for process in processes:
        site.kill(process)
    time.sleep(seconds)
    for process in reversed(processes):
        site.begin(process)


def _stop_for(site: Site, process: Process, seconds: float) -> None:
    site.stop(process)
    time.sleep(seconds)
    site.begin(process)


def _weather_for(link: LinkProxy, weather: Weather, seconds: float, *, reset: bool = False) -> None:
    link.become(weather)
    try:
        time.sleep(seconds)
    finally:
        link.become(FAIR)
        if reset:
            # What was swallowed leaves a hole that no protocol on top of TCP can survive.
            link.reset()


def _flap(link: LinkProxy, random: Random) -> None:
    for _ in range(6):
        link.reset()
        time.sleep(random.uniform(0.05, 0.5))


def _mood_for(site: Site, random: Random, mood: str, *, deaf: bool = False) -> None:
    station = _station(site, random)
    if deaf:
        site.deafen(station)
    site.speak(station, mood)
    time.sleep(random.uniform(0.5, 2.0))
    site.speak(station, "speak")
    if deaf:
        site.hearing(station)


def _limit_for(site: Site, process: Process, what: int, seconds: float) -> None:
    # RLIMIT_FSIZE of nought makes each write beyond the first byte fail; one open file makes each further open fail.
    before = site.limit(process, what, 0 if what == resource.RLIMIT_FSIZE else 1)
    time.sleep(seconds)
    if process.running:
        with contextlib.suppress(ProcessLookupError):
            site.limit(process, what, before)


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


@contextlib.contextmanager
def _drained(site: Site, station: Station) -> Iterator[None]:
    """Everything the agent took has its receipt and the agent is stopped; afterwards it starts and hears again."""
    site.deafen(station)
    site.speak(station, "silent")
    try:
        deadline = time.monotonic() + _DRAIN_S
        while not _empty(station):
            if time.monotonic() > deadline:
                raise DemoError(f"{agent_name(station.number)} does not get rid of what it has: {site.unwell()}")
            time.sleep(0.1)
        site.stage.stop(station.process)
        yield
        station.process.start()
    finally:
        site.speak(station, "speak")
        site.hearing(station)


def _empty(station: Station) -> bool:
    status = station.status()
    return status is not None and status["open_rows"] == status["pending"] == status["queued"] == 0


def _outbox_files(station: Station) -> list[Path]:
    return sorted(station.card.glob("outbox.db*"))
