"""What a Modbus device refused, and for how long it is not asked for that again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.modbus_frames import Refused

BUSY: Final = frozenset({5, 6})
"""It has taken the question and needs time, or has no time: asked again."""
BUSY_S: Final = 0.1
"""Before a busy device is asked again; twice as long each time. [s]"""
REST_S: Final = 3600.0
"""So long a request is not asked that the device does not know. [s]"""
MUTE_MAX: Final = 3
"""So often a request stays without answer beside others that are answered, before it rests: some devices are silent
where the protocol has an exception."""


class Refusals:
    """Of one device.

    Attributes:
        counts: How often it said what, in its own words.
    """

    def __init__(self, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._clock = clock
        self._until_s: dict[str, float] = {}
        self._alone: set[str] = set()
        self._mute: Counter[str] = Counter()

    def may_ask(self, name: str) -> bool:
        """Whether a request may be asked now."""
        return self._clock.monotonic_s() >= self._until_s.get(name, 0.0)

    def is_alone(self, name: str) -> bool:
        """Whether a request is asked by itself, because together with its neighbours it was refused."""
        return name in self._alone

    def take(self, name: str, refused: Refused) -> None:
        """Count a refusal; one that will not change lets the request rest."""
        self.counts[refused.words] += 1
        if refused.is_final:
            self._until_s[name] = self._clock.monotonic_s() + REST_S

    def part(self, names: Sequence[str]) -> None:
        """Ask each of these by itself from now on."""
        self.counts["batch refused"] += 1
        self._alone.update(names)

    def silent(self, names: Sequence[str]) -> None:
        """Note that requests had no answer while others had; together first, then each by itself, then seldom."""
        if len(names) > 1:
            self.part(names)
            return
        for name in names:
            self._mute[name] += 1
            if self._mute[name] >= MUTE_MAX:
                self.counts["unanswered request"] += 1
                self._mute[name] = 0
                self._until_s[name] = self._clock.monotonic_s() + REST_S

    def heard(self, names: Sequence[str]) -> None:
        """Note that requests were answered."""
        for name in names:
            self._mute.pop(name, None)

    def forget(self) -> None:
        """The device may be another by now: everything may be asked again."""
        self._until_s.clear()
        self._alone.clear()
        self._mute.clear()
