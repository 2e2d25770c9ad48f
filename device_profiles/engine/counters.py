"""Counters: how much more a rising count says, through roll-over and reset."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """What happened between two counts."""

    ROSE = "rose"
    ROLLED_OVER = "rolled_over"
    RESET = "reset"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Step:
    """What one count adds to the one before.

    Attributes:
        change: What happened.
        counts: Counts since; after a reset the count itself, the least that is certain; None for the first.
    """

    change: Change
    counts: int | None


def step(before: int | None, now: int, modulus: int | None) -> Step:
    """Compare two counts of one counter.

    A fall is a roll-over when the counter has a modulus and rolled by less than half of it; otherwise it is a reset.

    Args:
        before: The last known count; None when there is none.
        now: This count.
        modulus: At which the counter starts again from 0; None when it never does.
    """
    if before is None:
        return Step(Change.FIRST, None)
    if now >= before:
        return Step(Change.ROSE, now - before)
    if modulus is not None and before < modulus and now < modulus and (now - before) % modulus < modulus / 2:
        return Step(Change.ROLLED_OVER, (now - before) % modulus)
    return Step(Change.RESET, now)
