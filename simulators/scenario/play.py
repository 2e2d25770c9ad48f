"""Plays a scenario: bytes to whoever listens, links and processes broken on time, truth written, the lake judged."""

from __future__ import annotations

import contextlib
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from simulators.carriers import Carrier, carrier
from simulators.demo.broker import choose
from simulators.demo.processes import DemoError, Stage
from simulators.scenario.course import Said, course, schedule_of
from simulators.scenario.judgement import LATE_NS, Score, Spoken
from simulators.scenario.lake import Evidence, judge_lake
from simulators.scenario.load import Placed, placed
from simulators.scenario.model import LINK_FAULTS, PROCESS_FAULTS, FaultTable, Scenario
from simulators.scenario.names import BESIDE, TALLIED
from simulators.scenario.senses import position
from simulators.scenario.truth_file import TruthFile
from simulators.scenario.valley import Valley
from simulators.scenario.wiring import Wiring, asked_file

_LOOK_S: Final = 1.0
_FLAP_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How to play.

    Attributes:
        speed: Devices' time by real time; 0 as fast as can be.
        truth: Where the truth goes, if anywhere.
        folder: For the processes' files; used only with a stack.
        stack: Whether to start broker, collector and agents.
        carriers: Whether to give bytes to the carriers that devices name.
    """

    speed: float = 0.0
    truth: Path | None = None
    folder: Path | None = None
    stack: bool = False
    carriers: bool = False


@dataclass(slots=True)
class Outcome:
    """What came of it.

    Attributes:
        figures: By the names that assertions use.
        hashes: Of each device's byte stream.
        examples: Some of what is wrong, in words.
        scores: Of flags, by kind of fault.
        seconds: The whole took. [s]
    """

    figures: dict[str, float] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    scores: dict[str, Score] = field(default_factory=dict)
    seconds: float = 0.0


def play(scenario: Scenario, manner: Manner, say: Callable[[str], None]) -> Outcome:
    """Play it from begin to end. Everything that is started is stopped, whatever happens.

    Raises:
        CarrierError: A carrier cannot be set up: a port in use, a broker that is not there.
        DemoError: A process did not start, or ended for good.
        KeyboardInterrupt: Stopped.
    """
    began = time.monotonic()
    outcome = Outcome()
    with contextlib.ExitStack() as ways, TruthFile(scenario, manner.truth) as truth:
        if manner.stack:
            assert manner.folder is not None
            stage = ways.enter_context(Stage(manner.folder / "logs"))
            valley = Valley(stage, manner.folder, choose(None), scenario)
            _with_stack(_Run(scenario, manner, truth, valley), valley, ways, say, outcome)
        else:
            run = _Run(scenario, manner, truth)
            if manner.carriers:
                run.carriers = _carriers(placed(scenario), ways, say)
            run.play()
        streams = truth.streams
    outcome.figures |= {
        "measurements": streams.measurements,
        "frames": sum(streams.frames.values()),
        "bytes": sum(streams.bytes.values()),
    }
    outcome.hashes = streams.hashes()
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome


def _carriers(devices: Sequence[Placed], ways: contextlib.ExitStack, say: Callable[[str], None]) -> dict[str, Carrier]:
    found: dict[str, Carrier] = {}
    for device in devices:
        if device.device.carrier:
            found[device.name] = ways.enter_context(carrier(device.device.carrier))
            say(f"{device.name} speaks at {found[device.name].address}")
    return found


def _with_stack(
    run: _Run, valley: Valley, ways: contextlib.ExitStack, say: Callable[[str], None], outcome: Outcome
) -> None:
    everyone = placed(run.scenario)
    devices = [device for device in everyone if device.station.agent]
    valley.start_servers(ways)
    say(f"broker ({valley.kind}) and collector run; everything is in {valley.root}")
    others = _carriers([device for device in everyone if not device.station.agent], ways, say)
    wiring = run.wiring = Wiring(run.scenario, valley, devices, run.manner.speed)
    wiring.connect(ways)
    run.carriers = others | wiring.carriers
    run.evidence.tellers = wiring.tellers
    valley.start_agents({agent.id: wiring.tables(agent.id) for agent in run.scenario.agent})
    wiring.wait()
    say(f"{len(valley.agents)} agents listen to {len(devices)} devices")
    run.play()
    say("the devices are silent; what is under way arrives")
    wiring.hush()
    run.end_faults()
    for way in wiring.carriers.values():
        way.drain(5.0)
    if not valley.drain():
        outcome.examples.append("not everything arrived in time: agents still hold readings")
    run.look()
    if run.manner.truth is not None:
        wiring.write_asked(asked_file(run.manner.truth))
    say("comparing the truth with the lake")
    found = judge_lake(valley, devices, run.evidence)
    outcome.scores = found.scores
    outcome.figures |= {name: getattr(found.tally, name) for name in TALLIED}
    outcome.figures |= {name: found.more[name] for name in BESIDE}
    outcome.figures["late"] = sum(_late(looks) for looks in run.looks.values())
    for kind, score in outcome.scores.items():
        outcome.figures |= {
            f"labelled.{kind}": score.labelled,
            f"precision.{kind}": score.precision,
            f"recall.{kind}": score.recall,
        }
    outcome.examples.extend(found.tally.examples)


@dataclass(slots=True)
class _Run:
    """One course under way.

    Attributes:
        evidence: What the judge needs of it.
        wiring: Of the devices that agents read.
        looks: By agent: when [ns], readings accepted, readings stored.
    """

    scenario: Scenario
    manner: Manner
    truth: TruthFile
    valley: Valley | None = None
    carriers: dict[str, Carrier] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=Evidence)
    wiring: Wiring | None = None
    looks: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)
    _active: list[FaultTable] = field(default_factory=list)
    _looked: float = 0.0
    _flapped: float = 0.0

    def play(self) -> None:
        """All of it."""
        moments = list(_moments(self.scenario))
        began = time.monotonic()
        speed = self.manner.speed
        if self.wiring is not None:
            self.wiring.begin()
        for said in course(self.scenario):
            since_ns = said.at_ns - self.scenario.start_ns
            while moments and moments[0][0] <= since_ns:
                at_ns, begins, fault = moments.pop(0)
                self._until(began + at_ns / 1e9 / speed if speed else began)
                self._turn(fault, begins=begins)
            if speed:
                self._until(began + since_ns / 1e9 / speed)
            self.truth.add(said)
            if self.carriers or self.wiring is not None:
                self._speak(said, speed)

    def _until(self, when: float) -> None:
        while True:
            self._attend()
            rest = when - time.monotonic()
            if rest <= 0:
                return
            time.sleep(min(rest, 0.25))

    def _attend(self) -> None:
        now = time.monotonic()
        if self.valley is None:
            return
        if now - self._looked > _LOOK_S:
            self._looked = now
            self.valley.supervise()
            self.look()
        if now - self._flapped > _FLAP_S:
            self._flapped = now
            for fault in self._active:
                if fault.kind == "flap":
                    self.valley.strike(fault)

    def look(self) -> None:
        """Note how far each agent is."""
        assert self.valley is not None
        for agent in self.valley.agents:
            status = self.valley.agent_status(agent)
            if status is not None:
                self.looks.setdefault(agent, []).append((time.time_ns(), status["accepted"], status["stored"]))

    def _turn(self, fault: FaultTable, *, begins: bool) -> None:
        if self.valley is None:
            return
        if begins:
            self._active.append(fault)
            self.valley.strike(fault)
        elif fault in self._active:
            self._active.remove(fault)
            self.valley.heal(fault)

    def end_faults(self) -> None:
        """Heal whatever lasts to the end."""
        for fault in self._active[:]:
            self._turn(fault, begins=False)

    def _speak(self, said: Said, speed: float) -> None:
        name = said.device.name
        if self.wiring is not None:
            self.wiring.measured(said)
        way = self.carriers.get(name)
        if way is None:
            return
        waited_ns = 0
        judged = self.valley is not None and bool(said.device.station.agent)
        teller = self.evidence.tellers.get(name)
        for frame in said.frames:
            if speed and frame.delay_ns > waited_ns:
                time.sleep((frame.delay_ns - waited_ns) / 1e9 / speed)
                waited_ns = frame.delay_ns
            heard = way.send(frame.data, frame.channel)
            if teller is not None:
                teller.went(frame.data, heard=heard)
            elif judged:
                self.evidence.spoken.setdefault(name, []).append(Spoken(time.time_ns(), frame.data, heard))
        if judged and teller is None:
            self._note(said)

    def _note(self, said: Said) -> None:
        """Keep what the judge of a logger needs to know."""
        name, clock_ns = said.device.name, said.clock_ns // 1_000_000 * 1_000_000
        self.evidence.intact.setdefault(name, set()).update(frame.data for frame in said.intact)
        kinds = [self.scenario.fault[number] for number in said.faults]
        if kinds:
            found = frozenset((fault.kind, fault.channel) for fault in kinds)
            self.evidence.labels[name, clock_ns] = found
        if said.device.device.place_from:
            self.evidence.places[name, clock_ns] = position(self.scenario, said.device.station, said.at_ns)


def _moments(scenario: Scenario) -> Iterator[tuple[int, bool, FaultTable]]:
    """When faults of links and processes begin and end, in order. [ns]."""
    found = []
    for number, fault in enumerate(scenario.fault):
        if fault.kind in LINK_FAULTS or fault.kind in PROCESS_FAULTS:
            for begin, end in schedule_of(fault).windows(scenario.duration_ns):
                found += [(begin, 1, number), (end, 0, number)]
    for at_ns, begins, number in sorted(found):
        yield at_ns, bool(begins), scenario.fault[number]


def _late(looks: Sequence[tuple[int, int, int]]) -> int:
    """Readings of one agent that were stored too late: it takes them in order and they are stored in order."""
    times = [at_ns for at_ns, _, _ in looks]
    late = stored_before = 0
    for at_ns, _, stored in looks:
        place = bisect_right(times, at_ns - LATE_NS) - 1
        accepted_then = looks[place][1] if place >= 0 else 0
        late += max(0, min(stored, accepted_then) - stored_before)
        stored_before = max(stored, stored_before)
    return late


__all__ = ["DemoError", "Manner", "Outcome", "play"]
