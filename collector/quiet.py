"""Saying a thing once: alarms that would otherwise repeat with every message."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

LOG: Final = logging.getLogger("collector.alarm")

REPEAT_AFTER_S: Final = 600.0
"""The same alarm of the same agent is logged again after this, with how often it came meanwhile. [s]"""

KINDS_KEPT_MAX: Final = 10_000
"""(agent, kind) pairs remembered; an attacker's made-up topics must not fill the memory."""


class AlarmLog:
    """Counts every alarm, logs the first of a kind and then one in ten minutes.

    Args:
        clock_s: Monotonic time. [s]
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.totals: dict[str, int] = {}
        self._clock_s = clock_s
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}

    def note(self, who: str, kind: str, detail: str) -> None:
        """One more alarm.

        Args:
            who: Agent or topic.
            kind: Kind of alarm.
            detail: One line.
        """
        self.totals[kind] = self.totals.get(kind, 0) + 1
        now_s = self._clock_s()
        logged_s, more = self._logged.get((who, kind), (-REPEAT_AFTER_S, 0))
        if now_s - logged_s < REPEAT_AFTER_S:
            self._logged[(who, kind)] = (logged_s, more + 1)
            return
        if len(self._logged) >= KINDS_KEPT_MAX:
            self._logged.clear()
        self._logged[(who, kind)] = (now_s, 0)
        LOG.warning("%s agent=%s more=%d: %s", kind, who, more, detail)
