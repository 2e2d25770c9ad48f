"""Read a scenario file: what it names must be there, and every mistake gets its line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from harkara_io import toml_config
from harkara_io.errors import ConfigError, ConfigProblem, nearest_hint
from harkara_io.toml_lines import Path as KeyPath
from harkara_io.toml_lines import key_lines
from simulators.scenario.check_devices import Problem, check_device, check_lines, check_uplinks
from simulators.scenario.model import DISK_FAULTS, WHERE, DeviceTable, FaultTable, Scenario, StationTable
from simulators.scenario.models import channels_of
from simulators.scenario.names import FIGURES, LABELLED
from simulators.world.streams import stream

_SAMPLES_MAX: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class Placed:
    """One device at its place.

    Attributes:
        name: ``station/device``.
        station: Its station, with the place of this very one.
        device: Its table.
    """

    name: str
    station: StationTable
    device: DeviceTable

    @property
    def id(self) -> str:
        """Device id at an agent: unique there, since station names are."""
        return self.name.replace("/", "_")


def load(path: Path) -> Scenario:
    """Read and check a scenario file. Nothing but this file is opened.

    Raises:
        ConfigError: It is no scenario; names every problem with its line.
    """
    scenario = toml_config.load(path, Scenario, if_missing="see examples/scenarios for some to begin with")
    lines = key_lines(path.read_text(encoding="utf-8"))
    problems = [
        ConfigProblem(what, _line(lines, where), hint) for where, what, hint in (*_devices(scenario), *_rest(scenario))
    ]
    if problems:
        raise ConfigError(problems, file=path)
    return scenario


def placed(scenario: Scenario) -> list[Placed]:
    """Every device of every station, the counted ones told apart and scattered."""
    found = []
    for table in scenario.station:
        for station in _counted(scenario.seed, table):
            found += [Placed(f"{station.id}/{device.id}", station, device) for device in station.device]
    return found


def struck(fault: FaultTable, devices: Iterable[Placed]) -> list[Placed]:
    """The devices a fault names."""
    return [each for each in devices if fnmatchcase(each.name, fault.device)]


def _counted(seed: int, table: StationTable) -> Iterator[StationTable]:
    if table.count == 1:
        yield table
        return
    digits = max(2, len(str(table.count)))
    for number in range(1, table.count + 1):
        name = f"{table.id}-{number:0{digits}d}"
        east, north, up = stream(seed, "station", name).uniform(-0.5, 0.5, 3).tolist()
        yield table.model_copy(
            update={
                "id": name,
                "count": 1,
                "east_m": table.east_m + east * table.spread_m,
                "north_m": table.north_m + north * table.spread_m,
                # Hills rise by a tenth of the width of the district.
                "elevation_m": table.elevation_m + (up + 0.5) * table.spread_m * 0.1,
            }
        )


def _devices(scenario: Scenario) -> Iterator[Problem]:
    agents = {agent.id for agent in scenario.agent}
    seen: set[str] = set()
    samples = 0.0
    for number, station in enumerate(scenario.station):
        here: KeyPath = ("station", number)
        if station.id in seen:
            yield (*here, "id"), f"a second station `{station.id}`", "give each its own name"
        seen.add(station.id)
        if station.agent and station.agent not in agents:
            yield (*here, "agent"), f"no such agent `{station.agent}`", nearest_hint(station.agent, agents)
        times = [point.at for point in station.path]
        if times != sorted(set(times)):
            yield (*here, "path"), "the path goes back in time", "write its points in order of `at`"
        names: set[str] = set()
        for place, device in enumerate(station.device):
            there: KeyPath = (*here, "device", place)
            samples += station.count * scenario.duration / device.interval_s
            if device.id in names:
                yield (*there, "id"), f"a second device `{device.id}` at this station", ""
            names.add(device.id)
            yield from check_device(device, there, station)
        yield from check_lines(station, here)
    yield from check_uplinks(scenario)
    if samples > _SAMPLES_MAX:
        yield ("duration",), f"{samples:,.0f} measurements are too many", f"at most {_SAMPLES_MAX:,}"


def _rest(scenario: Scenario) -> Iterator[Problem]:
    links = {link.id for link in scenario.link}
    agents = {agent.id for agent in scenario.agent}
    for number, agent in enumerate(scenario.agent):
        if agent.link and agent.link not in links:
            yield ("agent", number, "link"), f"no such link `{agent.link}`", nearest_hint(agent.link, links)
    known = _Known(placed(scenario), links, {"collector", "broker", *(f"agent:{agent}" for agent in agents)})
    for number, fault in enumerate(scenario.fault):
        yield from _fault(fault, ("fault", number), scenario.duration, known)
    labels = {fault.kind for fault in scenario.fault}
    for number, claim in enumerate(scenario.assert_):
        here: KeyPath = ("assert", number)
        head, _, kind = claim.what.partition(".")
        if claim.what not in FIGURES and not (head in LABELLED and kind in labels):
            words = {*FIGURES, *(f"{word}.{label}" for word in LABELLED for label in labels)}
            yield (*here, "what"), f"nothing is called `{claim.what}`", nearest_hint(claim.what, words)
        if claim.min is claim.max is claim.equals is None:
            yield here, "asserts nothing", "write `min`, `max` or `equals`"
        if claim.expect == "fail" and not claim.reason:
            yield (*here, "expect"), "an expected failure needs its `reason`", ""


@dataclass(frozen=True, slots=True)
class _Known:
    """What faults may name."""

    devices: list[Placed]
    links: set[str]
    processes: set[str]


def _fault(fault: FaultTable, here: KeyPath, duration_s: float, known: _Known) -> Iterator[Problem]:
    where = WHERE[fault.kind]
    for key in ("device", "link", "process"):
        if key != where and getattr(fault, key):
            yield (*here, key), f"`{fault.kind}` strikes a {where}, not a {key}", f"write `{where}`"
    if not getattr(fault, where):
        yield here, f"`{fault.kind}` needs `{where}`", ""
    elif where == "device":
        yield from _fault_device(fault, here, known.devices)
    elif where == "link" and fault.link not in known.links:
        yield (*here, "link"), f"no such link `{fault.link}`", nearest_hint(fault.link, known.links)
    yield from _fault_processes(fault, here, known.processes)
    if fault.at >= duration_s:
        yield (*here, "at"), f"begins after {fault.at:g} s, when all is over", f"the scenario lasts {duration_s:g} s"
    if fault.every is not None and (fault.duration is None or fault.duration > fault.every):
        yield (*here, "every"), "begins again before it ends", "write a `duration` shorter than `every`"


def _fault_processes(fault: FaultTable, here: KeyPath, processes: set[str]) -> Iterator[Problem]:
    for process in fault.processes:
        if process not in processes:
            yield (*here, "process"), f"no such process `{process}`", nearest_hint(process, processes)
        elif process == "broker" and fault.kind in DISK_FAULTS:
            yield (*here, "process"), f"`{fault.kind}` strikes an agent or the collector, not the broker", ""


def _fault_device(fault: FaultTable, here: KeyPath, devices: list[Placed]) -> Iterator[Problem]:
    found = struck(fault, devices)
    if not found:
        names = [each.name for each in devices]
        yield (*here, "device"), f"no device `{fault.device}`", nearest_hint(fault.device, names)
    elif fault.channel and not any(fault.channel in channels_of(each.device) for each in found):
        known = channels_of(found[0].device)
        yield (*here, "channel"), f"`{found[0].name}` has no `{fault.channel}`", nearest_hint(fault.channel, known)


def _line(lines: dict[KeyPath, int], where: KeyPath) -> int | None:
    return next((lines[where[:depth]] for depth in range(len(where), 0, -1) if where[:depth] in lines), None)
