"""How a store does, in one word and one line; and which changes of it are worth a line of the log. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.stores.ports import Busy, NeedsPerson, Unreachable

BEHIND_S: Final = 60.0
"""A store whose oldest missing block waits for longer is behind. [s]"""
QUIET_S: Final = 30.0
"""A store that goes and comes back within this time of the last line about it gets no further line. [s]"""

UP: Final = "up"
BEHIND: Final = "behind"
WAITS: Final = "waits"
NEEDS_PERSON: Final = "needs a person"
FORGETS: Final = "forgets"
PAUSED: Final = "paused"


@dataclass(frozen=True, slots=True)
class State:
    """How a store does.

    Attributes:
        word: One of the words of this module.
        why: In one line; empty when all is well.
    """

    word: str
    why: str = ""


def state_of(
    *,
    paused: str,
    trouble: Busy | NeedsPerson | Unreachable | None,
    forgets: str,
    lag_s: float,
    lag_blocks: int,
) -> State:
    """The word for how a store does.

    Args:
        paused: Who paused it; empty when nobody did.
        trouble: Why nothing goes to it.
        forgets: What it did not give back; empty when it gives back what it is asked for.
        lag_s: How long the oldest block it lacks has been waiting. [s]
        lag_blocks: Blocks it lacks.
    """
    if paused:
        return State(PAUSED, paused)
    if isinstance(trouble, NeedsPerson):
        return State(NEEDS_PERSON, trouble.words)
    if trouble is not None:
        return State(WAITS, trouble.words)
    if forgets:
        return State(FORGETS, forgets)
    if lag_s > BEHIND_S:
        return State(BEHIND, f"{lag_blocks:,} blocks to send, the oldest came {lag_s:.0f} s ago")
    return State(UP)


class Herald:
    """Says what is new about a store: once when it goes, once when it is back."""

    def __init__(self) -> None:
        self._told = UP
        self._told_s = -QUIET_S

    def news(self, state: State, now_s: float) -> str | None:
        """A line for the log, or None.

        Args:
            state: How the store does.
            now_s: Monotonic. [s]
        """
        word = UP if state.word == BEHIND else state.word
        if word == self._told:
            return None
        if {word, self._told} == {UP, WAITS} and now_s - self._told_s < QUIET_S and word == WAITS:
            return None  # It was only just back: one that flaps must not fill the log.
        self._told, self._told_s = word, now_s
        return "is back, everything is sent to it again" if word == UP else f"{word}: {state.why}"
