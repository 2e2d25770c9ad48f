"""Watches whether a store is alive, and whether it is still in the same life."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from collector.stores.cursor import AliveClock
from collector.stores.ports import NeedsPerson, Pulse, Unreachable

_log: Final = logging.getLogger(__name__)

NO_LIFE: Final = (
    "its /metrics is closed to us, so nobody could tell whether it was killed and lost what it had just taken; "
    "open it, or set durable_after_s = 0 and accept that"
)


class Pulses(Protocol):
    """Says whether the store is alive."""

    def pulse(self) -> Pulse | Unreachable | NeedsPerson:
        """Ask for a sign of life. Blocks, never for ever."""
        ...

    def advice(self) -> list[str]:
        """What in its settings is not good for what it is sent, one line each."""
        ...

    def has(self, line: bytes) -> bool | None:
        """Whether it gives back the first value of a line; None when it cannot be asked."""
        ...


class Watch:
    """Signs of life of one store. One thread asks, any may read what is public.

    Args:
        name: Of the store.
        pulses: Whom to ask.
        every_s: How often. [s]
        needs_life: Whether its life must be known, since its answer promises little.
        clock_s: Monotonic. [s]

    Attributes:
        trouble: Why there was no sign; None when there was.
        ignored: Lines the store took and dropped without a word, by its own name for the reason.
        advice: What in its settings is not good for what it is sent.
        due_s: When it is asked next, monotonic. [s]
    """

    def __init__(
        self, name: str, pulses: Pulses, *, every_s: float, needs_life: bool, clock_s: Callable[[], float]
    ) -> None:
        self.trouble: Unreachable | NeedsPerson | None = None
        self.ignored: Mapping[str, int] = {}
        self.advice: Sequence[str] = ()
        self.due_s = clock_s()
        self._name, self._pulses, self._every_s, self._clock_s = name, pulses, every_s, clock_s
        self._needs_life = needs_life
        self._alive = AliveClock()

    @property
    def alive_s(self) -> float:
        """How long it has been seen alive in this life. [s]."""
        return self._alive.alive_s

    @property
    def may_send(self) -> bool:
        """Whether its next life could be told from this one, where that matters."""
        return not self._needs_life or self._alive.life is not None

    def ask_if_due(self) -> bool:
        """Ask for a sign of life when it is time. Returns whether another life has begun, where that matters."""
        if self._clock_s() < self.due_s:
            return False
        answer = self._pulses.pulse()
        self.due_s = self._clock_s() + self._every_s
        if not isinstance(answer, Pulse):
            self._alive.missed()
            self.trouble = answer
            return False
        self.ignored = dict(answer.ignored)
        self.trouble = NeedsPerson(NO_LIFE) if self._needs_life and not answer.life else None
        if not answer.life:
            self._alive.missed()  # Were it killed, we would not see it: nothing becomes safe.
            return False
        first = self._alive.life is None
        other = self._alive.seen(answer.life, self._clock_s())
        if first or other:
            self._read_advice()
        return other and self._needs_life

    def has(self, line: bytes) -> bool | None:
        """Whether it gives back the first value of a line; None when it cannot be asked."""
        return self._pulses.has(line)

    def _read_advice(self) -> None:
        before, self.advice = self.advice, self._pulses.advice()
        for line in self.advice:
            if line not in before:
                _log.warning("store %s: %s", self._name, line)
