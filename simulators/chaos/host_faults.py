"""What happens to the host of an agent: its disk, its clock. Each strikes, waits, and takes its cause away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from random import Random

from simulators.chaos.site import Site, Station
from simulators.demo.processes import DemoError
from simulators.host_trouble.host import Disk, Host


def agent_disk_read_only(site: Site, random: Random) -> None:
    """The agent's disk takes nothing any more, as ext4 does after an error: the kernel says EROFS to every change."""
    _disk_for(site, random, "read_only")


def agent_disk_eio(site: Site, random: Random) -> None:
    """The agent's card answers every read and write with an input/output error."""
    _disk_for(site, random, "failing")


def agent_disk_slow(site: Site, random: Random) -> None:
    """The agent's card takes a tenth of a second for every write, as a worn one does."""
    station = random.choice(site.stations)
    with _hosted(station) as host:
        host.set_disk("slow", delay_ms=100)
        time.sleep(random.uniform(1.0, 3.0))
        host.set_disk("fine")


def agent_clock_stepped(site: Site, random: Random) -> None:
    """The clock of the agent's host is set wrong by hours while it runs, and then right again."""
    with _hosted(random.choice(site.stations)) as host:
        host.set_clock(random.choice((-1, 1)) * random.uniform(0.5, 48.0) * 3600)
        time.sleep(random.uniform(1.0, 3.0))
        host.set_clock(0)


def agent_clock_unset(site: Site, random: Random) -> None:
    """The agent's host boots without a clock: it is 1970 when the agent starts, until a time service sets it."""
    station = random.choice(site.stations)
    with _hosted(station) as host:
        site.kill(station.process)
        host.unset_clock()
        site.begin(station.process)
        time.sleep(random.uniform(2.0, 5.0))
        host.set_clock(0)


def _disk_for(site: Site, random: Random, disk: Disk) -> None:
    station = random.choice(site.stations)
    site.deafen(station)
    with _hosted(station) as host:
        host.set_disk(disk)
        time.sleep(random.uniform(0.5, 3.0))
        host.set_disk("fine")
    site.hearing_when_it_keeps(station)


@contextlib.contextmanager
def _hosted(station: Station) -> Iterator[Host]:
    """The agent's host; right again whatever happens."""
    host = station.host
    if host is None:
        raise DemoError("the agent's host cannot be troubled: no C compiler was found when it started")
    try:
        yield host
    finally:
        host.set_disk("fine")
        host.set_clock(0)
