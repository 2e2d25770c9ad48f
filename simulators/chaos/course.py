"""The course of a chaos run: cycle after cycle one thing is broken and heals, at the end the judge speaks."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from simulators.chaos.faults import FAULTS, possible
from simulators.chaos.judge import Findings, judge
from simulators.chaos.site import Site
from simulators.demo.processes import DemoError

_SLOW_S: Final = 8.0
"""After so long it is said what is still not well. [s]"""
_HEAL_S: Final = 60.0
_DRAIN_S: Final = 180.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle of a run.

    Attributes:
        number: From 0.
        kind: What is broken.
        seed: Decides how: of the run's seed and the number, so that it can be played alone.
    """

    number: int
    kind: str
    seed: str

    def random(self) -> Random:
        """Its own numbers."""
        return Random(self.seed)  # noqa: S311 - repeatable on purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the run gave; the names are those of the JSON line.

    Attributes:
        cycles: Played.
        readings: Stored and compared.
        lost: See ``Findings``.
        duplicated: See ``Findings``.
        altered: See ``Findings``.
        reordered: See ``Findings``.
        fault_kinds: Different kinds struck.
        unhealed: Cycles after which something did not come back by itself in time.
        seconds: The whole run. [s]
        unheard: Readings said while an agent was dead, paused or unplugged, and never accepted.
        restarts: Processes that ended by themselves and were started again, as a service manager does.
        seed: Of the run.
    """

    cycles: int
    readings: int
    lost: int
    duplicated: int
    altered: int
    reordered: int
    fault_kinds: int
    unhealed: int
    seconds: float
    unheard: int
    restarts: int
    seed: int

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return self.readings > 0 and not (
            self.lost or self.duplicated or self.altered or self.reordered or self.unhealed
        )


def plan(cycles: int, seed: int, *, only: int | None = None, kinds: Sequence[str] = ()) -> list[Cycle]:
    """What is broken when: each kind once in every deck, the decks shuffled.

    Args:
        cycles: How many.
        seed: Of the run.
        only: Just this cycle of the same run.
        kinds: The kinds to choose among; all when empty.
    """
    # Whoever may not mount or cannot compile plays without; a seed then gives another course, as with other kinds.
    names = [name for name in kinds or FAULTS if possible(name)]
    found: list[Cycle] = []
    for number in range(max(cycles, (only or 0) + 1)):
        deck, card = divmod(number, len(names))
        order = names[:]
        Random(f"{seed}/deck/{deck}").shuffle(order)  # noqa: S311 - repeatable on purpose
        found.append(Cycle(number, order[card], f"{seed}/cycle/{number}"))
    return found if only is None else [found[only]]


@dataclass(slots=True)
class Course:
    """One run.

    Attributes:
        site: Started.
        seed: Of the run.
        say: Takes a line for people.
        unhealed: Cycles after which something did not come back, with what.
    """

    site: Site
    seed: int
    say: Callable[[str], None]
    unhealed: dict[int, str] = field(default_factory=dict)
    _began_ns: list[int] = field(default_factory=list)
    _kinds: Counter[str] = field(default_factory=Counter)

    def play(self, cycles: Sequence[Cycle]) -> tuple[Figures, Findings]:
        """Break, heal, drain, judge.

        Raises:
            DemoError: Something ended for good, or could not be started at all.
        """
        began = time.monotonic()
        for cycle in cycles:
            self._began_ns.append(time.time_ns())
            self._kinds[cycle.kind] += 1
            self._strike(cycle, len(cycles))
        for station in self.site.stations:
            self.site.speak(station, "silent")
        self.say("the gauges are silent; what is under way arrives")
        if not self._wait(self.site.drained, _DRAIN_S):
            self.unhealed.setdefault(cycles[-1].number, "not drained: " + self.site.unwell())
        self.say("comparing the gauges' own logs with the lake")
        findings = judge(self.site, self._began_ns)
        figures = Figures(
            cycles=len(cycles),
            readings=findings.stored,
            lost=findings.lost,
            duplicated=findings.duplicated,
            altered=findings.altered,
            reordered=findings.reordered,
            fault_kinds=len(self._kinds),
            unhealed=len(self.unhealed),
            seconds=round(time.monotonic() - began, 1),
            unheard=findings.unheard,
            restarts=sum(self.site.restarts.values()),
            seed=self.seed,
        )
        return figures, findings

    def _strike(self, cycle: Cycle, of: int) -> None:
        began = time.monotonic()
        fault = FAULTS[cycle.kind]
        try:
            fault(self.site, cycle.random())
        except (OSError, DemoError) as exc:
            self.unhealed[cycle.number] = f"while {cycle.kind}: {exc}"
        struck_s = time.monotonic() - began
        slow = ""
        if not self._wait(self.site.healthy, _SLOW_S):
            slow = self.site.unwell()
            if not self._wait(self.site.healthy, _HEAL_S):
                self.unhealed[cycle.number] = self.site.unwell()
        healed_s = time.monotonic() - began - struck_s
        summary = (fault.__doc__ or "").split(".")[0]
        self.say(
            f"cycle {cycle.number:4d} ({len(self._began_ns)} of {of})  {cycle.kind}: {summary}  "
            f"[{struck_s:.1f} s, healed after {healed_s:.1f} s]"
        )
        if slow:
            self.say(f"  slow: {slow}")
        if cycle.number in self.unhealed:
            self.say(f"  not healed: {self.unhealed[cycle.number]}")

    @staticmethod
    def _wait(condition: Callable[[], bool], timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if condition():
                    return True
            time.sleep(_POLL_S)
        return False
