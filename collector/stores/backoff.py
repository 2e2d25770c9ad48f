"""How long to wait before the same is sent again. Pure: chance comes from outside."""

from __future__ import annotations

from random import Random
from typing import Final

from collector.stores.ports import Busy, NeedsPerson, Unreachable

FIRST_S: Final = 0.25
CEILING_S: Final = 5.0
"""Longest pause towards a store that does not answer: how late it is found to be back. [s]"""
PERSON_S: Final = 30.0
"""Pause while somebody has to mend a token, a bucket or an address. [s]"""
RETRY_AFTER_S_MAX: Final = 60.0
"""A store may ask for a longer pause; it is asked again all the same. [s]"""


class Backoff:
    """Pauses of one store: growing, jittered, bounded.

    Args:
        random: Source of the jitter, so that many collectors do not come back at one moment.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._tries = 0

    def pause_s(self, answer: Busy | NeedsPerson | Unreachable) -> float:
        """Pause after this answer. [s]."""
        self._tries += 1
        if isinstance(answer, NeedsPerson):
            return PERSON_S
        if isinstance(answer, Busy) and answer.retry_after_s is not None:
            return min(max(answer.retry_after_s, FIRST_S), RETRY_AFTER_S_MAX)
        grown = min(FIRST_S * 2.0 ** min(self._tries - 1, 10), CEILING_S)
        return grown * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It went well: the next pause is a short one again."""
        self._tries = 0
