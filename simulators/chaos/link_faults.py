"""What happens to links: refused, half open, slow, cut. Each strikes, waits, and makes them fair again."""

from __future__ import annotations

import time
from random import Random

from simulators.chaos.site import Site
from simulators.link_proxy import FAIR, LinkProxy, Weather


def agent_link_refused(site: Site, random: Random) -> None:
    """Nobody takes the agent's connection."""
    _weather_for(random.choice(site.stations).link, Weather(listening=False), random.uniform(0.5, 3.0))


def agent_link_half_open(site: Site, random: Random) -> None:
    """The connection stays, every byte of both directions vanishes; then it is reset, as an operator's gateway does."""
    weather = Weather(swallow_up=True, swallow_down=True)
    _weather_for(random.choice(site.stations).link, weather, random.uniform(0.5, 3.0), reset=True)


def agent_link_loses_receipts(site: Site, random: Random) -> None:
    """Blocks arrive, what comes back does not."""
    _weather_for(random.choice(site.stations).link, Weather(swallow_down=True), random.uniform(0.5, 3.0), reset=True)


def agent_link_slow(site: Site, random: Random) -> None:
    """A 2G link in the rain."""
    _weather_for(random.choice(site.stations).link, Weather(bytes_per_s=2_000), random.uniform(1.0, 3.0))


def agent_link_late(site: Site, random: Random) -> None:
    """A satellite, and a busy one."""
    _weather_for(
        random.choice(site.stations).link, Weather(latency_s=random.uniform(0.3, 1.0)), random.uniform(1.0, 3.0)
    )


def agent_link_cut_in_messages(site: Site, random: Random) -> None:
    """Every connection breaks after some bytes, mostly within a message."""
    link = random.choice(site.stations).link
    for _ in range(3):
        link.become(Weather(cut_after_bytes=random.randint(1, 1_500)))
        link.reset()
        time.sleep(random.uniform(0.3, 1.0))
    link.become(FAIR)
    link.reset()


def agent_link_flapping(site: Site, random: Random) -> None:
    """Every connection is reset after a moment."""
    _flap(random.choice(site.stations).link, random)


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
