"""Whether a store keeps what it answers for: now and then one of the newest values is asked for. Pure.

One that answers 204 and forgets would be believed for ever otherwise. What lies behind the last value that it gave back
is then sent again, a little of it at a time, until it keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.stores.lines import Lines
from collector.stores.probe import Probe

EVERY_S: Final = 60.0
"""How often a value is asked for. [s]"""
AGAIN_S: Final = 30.0
"""Pause before one that forgets is sent something again. [s]"""
AGE_NS_MAX: Final = 86_400 * 10**9
"""Older values may have left the store by its own rules; they say nothing. [ns]"""


@dataclass(frozen=True, slots=True)
class _Candidate:
    position: int
    line: bytes
    dropped: int


class ReadBack:
    """What to ask for and what its answers mean.

    Args:
        verified: Position up to which the store is believed.
        unit_ns: Unit of the times in lines. [ns]

    Attributes:
        verified: Newest safe position at which it gave back what was asked for.
        forgets: What it did not give back; empty while it does.
    """

    def __init__(self, verified: int, *, unit_ns: int) -> None:
        self.verified = verified
        self.forgets = ""
        self._unit_ns = unit_ns
        self._candidate: _Candidate | None = None
        self._due_s = self._hold_s = float("-inf")

    def may_send(self, now_s: float) -> bool:
        """Whether more may be sent: to one that forgets a piece at a time, with pauses."""
        return not self.forgets or (now_s >= self._hold_s and self._candidate is None)

    def acknowledged(self, position: int, lines: Lines, *, dropped: int, now_ns: int) -> None:
        """The store has answered for lines.

        Args:
            position: Up to where.
            lines: Which.
            dropped: Lines that it has refused or dropped until now.
            now_ns: UTC. [ns]
        """
        if self._candidate is not None or not lines.count:
            return
        line = lines.pieces[-1].rstrip(b"\n").rpartition(b"\n")[2]
        probe = Probe.of(line, self._unit_ns)
        if probe is not None and abs(now_ns - probe.at_ns) < AGE_NS_MAX:
            self._candidate = _Candidate(position, line, dropped)

    def due(self, safe: int, now_s: float) -> bytes | None:
        """The line to ask for, when it is time."""
        candidate = self._candidate
        if candidate is None or safe < candidate.position or (now_s < self._due_s and not self.forgets):
            return None
        return candidate.line

    def answered(self, given: bool | None, *, safe: int, dropped: int, now_s: float) -> bool:  # noqa: FBT001 - an answer
        """Whether it must be sent again from ``verified``.

        Args:
            given: Whether it gave the value back; None when it could not be asked.
            safe: The cursor's safe position.
            dropped: Lines that it has refused or dropped until now.
            now_s: Monotonic. [s]
        """
        candidate, self._candidate = self._candidate, None
        assert candidate is not None
        self._due_s = now_s + EVERY_S
        if given is False and dropped == candidate.dropped:
            shown = candidate.line.decode("utf-8", "replace")[:200]
            self.forgets = f"it answered for a value and does not give it back: {shown}"
            self._hold_s = now_s + AGAIN_S
            return True
        if given:
            self.verified, self.forgets = safe, ""
        return False

    def moved(self, position: int) -> None:
        """The cursor went elsewhere; what was to be asked for comes again."""
        self.verified = min(self.verified, position) if not self.forgets else self.verified
        self._candidate = None
