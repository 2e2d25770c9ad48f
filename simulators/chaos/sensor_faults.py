"""What happens to gauges: unplugged, silent, babbling. Each strikes, waits, and lets them speak again."""

from __future__ import annotations

import time
from random import Random

from simulators.chaos.site import Site


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


def _mood_for(site: Site, random: Random, mood: str, *, deaf: bool = False) -> None:
    station = random.choice(site.stations)
    if deaf:
        site.deafen(station)
    site.speak(station, mood)
    time.sleep(random.uniform(0.5, 2.0))
    site.speak(station, "speak")
    if deaf:
        site.hearing(station)
