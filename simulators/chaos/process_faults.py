"""What happens to processes: killed, stopped, paused. Each strikes, waits, and lets them live again."""

from __future__ import annotations

import time
from random import Random

from simulators.chaos.site import Site
from simulators.demo.processes import Process


def agent_killed(site: Site, random: Random) -> None:
    """Kill -9 of an agent."""
    _kill_for(site, random.choice(site.stations).process, random.uniform(0.1, 1.0))


def agent_killed_while_starting(site: Site, random: Random) -> None:
    """Kill -9 again and again, while it starts."""
    process = random.choice(site.stations).process
    for _ in range(3):
        _kill_for(site, process, 0.05)
        time.sleep(random.uniform(0.1, 0.9))


def agent_stopped(site: Site, random: Random) -> None:
    """SIGTERM for an agent: a service manager's stop."""
    _stop_for(site, random.choice(site.stations).process, random.uniform(0.1, 1.0))


def agent_paused(site: Site, random: Random) -> None:
    """SIGSTOP for an agent: a machine that swaps or sleeps."""
    site.pause(random.choice(site.stations).process, random.uniform(0.5, 3.0))


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
    _kill_together(site, [random.choice(site.stations).process, site.broker.process], random.uniform(0.1, 0.8))


def collector_and_broker_killed(site: Site, random: Random) -> None:
    """A power cut in the machine room."""
    _kill_together(site, [site.collector, site.broker.process], random.uniform(0.1, 0.8))


def everything_killed(site: Site, random: Random) -> None:
    """A power cut everywhere."""
    everyone = [station.process for station in site.stations]
    _kill_together(site, [*everyone, site.collector, site.broker.process], random.uniform(0.1, 0.8))


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
