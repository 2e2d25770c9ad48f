"""What happens to disks and files: full, failing, restored, ruined; and too few of them."""

from __future__ import annotations

import contextlib
import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

from simulators.chaos.configs import agent_name
from simulators.chaos.site import Site, Station
from simulators.chaos.small_disk import filled
from simulators.demo.processes import DemoError, Process

_DRAIN_S: Final = 60.0


def agent_disk_failing(site: Site, random: Random) -> None:
    """Every write of the agent fails."""
    station = random.choice(site.stations)
    site.deafen(station)
    _limit_for(site, station.process, resource.RLIMIT_FSIZE, random.uniform(0.5, 3.0))
    site.hearing_when_it_keeps(station)


def agent_disk_full(site: Site, random: Random) -> None:
    """Not a byte is left on the agent's disk: the kernel says ENOSPC to every write that needs room."""
    station = random.choice(site.stations)
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
    station = random.choice(site.stations)
    before = site.limit(station.process, resource.RLIMIT_NOFILE, 1)
    station.link.reset()
    time.sleep(random.uniform(0.5, 2.0))
    site.limit(station.process, resource.RLIMIT_NOFILE, before)


def card_image_restored(site: Site, random: Random) -> None:
    """An older copy of the whole outbox is put back, after everything newer had its receipt."""
    station = random.choice(site.stations)
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
    station = random.choice(site.stations)
    with _drained(site, station):
        data = bytearray(station.outbox.read_bytes())
        for _ in range(3):
            at = random.randrange(0, max(1, len(data) - 512))
            data[at : at + 512] = random.randbytes(512)
        station.outbox.write_bytes(data)


def _limit_for(site: Site, process: Process, what: int, seconds: float) -> None:
    # RLIMIT_FSIZE of nought makes each write beyond the first byte fail; one open file makes each further open fail.
    before = site.limit(process, what, 0 if what == resource.RLIMIT_FSIZE else 1)
    time.sleep(seconds)
    if process.running:
        with contextlib.suppress(ProcessLookupError):
            site.limit(process, what, before)


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
