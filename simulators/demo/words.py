"""What the drone did, in words: what must have been said of any flight, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from simulators.oracle import Verdict

OF_A_FLIGHT: Final = (
    ("arming", "armed"),
    ("mode", "auto"),
    ("flight", "in flight"),
    ("landed", "landing"),
    ("landed", "on the ground"),
    ("flight", "not in flight"),
    ("arming", "disarmed"),
)
"""Channel and text, whenever the agent was killed: an agent that comes back says anew how it finds the vehicle."""


class Word(NamedTuple):
    """One stored reading that is a text.

    Attributes:
        device: Device id.
        channel: Channel id.
        observed_at_ns: UTC Unix time. [ns]
        text: As stored.
    """

    device: str
    channel: str
    observed_at_ns: int
    text: str


def judge_words(words: Iterable[Word], verdict: Verdict) -> int:
    """Compare with any flight; what is wrong goes into the verdict. Gives how many there are."""
    counted = Counter(words)
    for word, times in counted.items():
        if times > 1:
            verdict.duplicates += times - 1
            verdict.note(f"said again: {word.text}", *word[:3])
    said = {(word.channel, word.text) for word in counted}
    for channel, text in OF_A_FLIGHT:
        if (channel, text) not in said:
            verdict.lost += 1
            verdict.note(f"never said: {text}", "drone-status", channel, None)
    return counted.total()
