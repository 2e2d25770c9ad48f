"""Whether the outbox takes what it is given, in words for the log, the status and the state message."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Literal

from harkara_io.log_errors import LogError, LogFull

log = logging.getLogger("harkara.agent.outbox")

Who = Literal["readings", "delivery"]
"""Who met the trouble: readings that could not be accepted, or a decision of the uplink that could not be kept."""

_MEANS: Final[dict[Who, str]] = {
    "readings": "devices wait",
    "delivery": "nothing is deleted, sending begins again with a sync",
}


class DiskHealth:
    """The outbox's trouble, by who met it. One line in the log per change, whoever meets it and however often.

    Attributes:
        on_change: Called after each change.
    """

    def __init__(self) -> None:
        """All is well."""
        self._troubles: dict[Who, tuple[str, str]] = {}
        self.on_change: Callable[[], None] = lambda: None

    @property
    def state(self) -> str:
        """``ok``, ``full`` or ``failing``; the worst of all."""
        states = {state for state, _ in self._troubles.values()}
        return "failing" if "failing" in states else "full" if states else "ok"

    @property
    def trouble(self) -> str:
        """One line on what does not work; empty when all is well."""
        return "; ".join(
            f"outbox {state}: {detail}; {_MEANS[who]}" for who, (state, detail) in sorted(self._troubles.items())
        )

    def failed(self, who: Who, error: LogError) -> None:
        """The outbox refused."""
        state = "full" if isinstance(error, LogFull) else "failing"
        before = self.state
        self._troubles[who] = (state, str(error))
        if self.state != before:
            log.error("outbox %s: %s reason=%r", state, _MEANS[who], str(error))
            self.on_change()

    def worked(self) -> None:
        """Something was written and fsynced: the trouble is over, whoever met it."""
        if self._troubles:
            self._troubles.clear()
            log.info("outbox takes readings again")
            self.on_change()
