"""How far a store has come: sent, and safe. Pure: the clock and the answers come from outside.

A position is *sent* once the store has answered that it has everything up to there. It is *safe* once the store would
still have it after it was killed: at once where the answer promises that, else after the store has been seen alive for
long enough without having begun a new life. Another life takes everything that is not safe back: it is sent again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

P = TypeVar("P")

PULSE_GAP_S_MAX: Final = 1.5
"""What may count as seen alive between two signs of life, however far apart. [s]

A store that was stopped for an hour in between and goes on has gained no more than this.
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of readings.

    Attributes:
        blocks: Blocks they came in; 0 for those from the lake.
        values: Values the store answered for.
        left_out: Readings that the store has no way to hold, by reason.
    """

    blocks: int = 0
    values: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.blocks + other.blocks,
            self.values + other.values,
            dict(Counter(self.left_out) + Counter(other.left_out)),
        )


class AliveClock:
    """How long a store has been seen alive in its present life."""

    def __init__(self) -> None:
        self.life: str | None = None
        self.alive_s = 0.0
        self._seen_s: float | None = None

    def seen(self, life: str, now_s: float) -> bool:
        """Note a sign of life.

        Args:
            life: What the store says its life is.
            now_s: Monotonic time of the answer. [s]

        Returns:
            Whether it is another life than the one seen before.
        """
        other = self.life is not None and life != self.life
        if life != self.life:
            self.life, self.alive_s, self._seen_s = life, 0.0, None
        if self._seen_s is not None:
            self.alive_s += min(max(now_s - self._seen_s, 0.0), PULSE_GAP_S_MAX)
        self._seen_s = now_s
        return other

    def missed(self) -> None:
        """Note that no sign came: what lies between the last and the next one counts for nothing."""
        self._seen_s = None


@dataclass(slots=True)
class _Waiting(Generic[P]):
    position: P
    tally: Tally
    alive_s: float


class Cursor(Generic[P]):
    """The two marks of one run through blocks, oldest first. One thread changes it, any may read what is public.

    Args:
        safe: Where it was left.
        tally: What had become of the readings up to there.
        durable_after_s: How long a store must be seen alive after its answer; 0 where the answer is enough. [s]

    Attributes:
        safe: Up to here the store would have everything even if it were killed now.
        sent: Newest position that the store answered for.
        tally: What became of the readings up to ``sent``.
        safe_tally: The same up to ``safe``.
        epoch: Grows with each step back. What was on the way before one says nothing about what comes after it.
    """

    def __init__(self, safe: P, tally: Tally | None = None, *, durable_after_s: float = 0.0) -> None:
        self.safe = self.sent = safe
        self.safe_tally = self.tally = tally or Tally()
        self.epoch = 0
        self._durable_after_s = durable_after_s
        self._waiting: deque[_Waiting[P]] = deque()

    def acknowledged(self, epoch: int, position: P, tally: Tally, alive_s: float) -> bool:
        """The store has what lies between ``sent`` and ``position``.

        Args:
            epoch: Of the cursor when it was read; of an earlier one it is ignored.
            position: Up to where.
            tally: What became of it.
            alive_s: Of the store's clock now. [s]

        Returns:
            Whether it counts.
        """
        if epoch != self.epoch:
            return False
        last = self._waiting[-1] if self._waiting else None
        if last is not None and alive_s == last.alive_s:
            # One entry a sign of life, however many requests lie between: memory stays flat.
            last.position, last.tally = position, last.tally + tally
        else:
            self._waiting.append(_Waiting(position, tally, alive_s))
        self.sent, self.tally = position, self.tally + tally
        return True

    def settle(self, alive_s: float) -> bool:
        """Let what has waited long enough become safe. Returns whether the safe mark moved.

        Args:
            alive_s: Of the store's clock now. [s]
        """
        before = len(self._waiting)
        while self._waiting and alive_s - self._waiting[0].alive_s >= self._durable_after_s:
            done = self._waiting.popleft()
            self.safe, self.safe_tally = done.position, self.safe_tally + done.tally
        return len(self._waiting) < before

    def rewind(self) -> Tally:
        """Go back to the safe mark. Returns what was answered for and has to be sent again."""
        forgotten = Tally()
        for waiting in self._waiting:
            forgotten += waiting.tally
        self._waiting.clear()
        self.sent, self.tally = self.safe, self.safe_tally
        self.epoch += 1
        return forgotten

    def drop(self) -> None:
        """What is on the way counts no more; what was answered for does."""
        self.epoch += 1

    def move(self, position: P) -> None:
        """Go on from another place. What was safe stays counted; the rest comes again."""
        self.rewind()
        self.safe = self.sent = position

    def recount(self, safe_tally: Tally) -> None:
        """Count from here on from what became of the readings of this run and of others up to ``safe``."""
        self.safe_tally = self.tally = safe_tally
        for waiting in self._waiting:
            self.tally += waiting.tally

    def hand_over(self) -> Tally:
        """Give away what is counted as safe: it is counted elsewhere from now on."""
        given, self.safe_tally, self.tally = self.safe_tally, Tally(), Tally()
        for waiting in self._waiting:
            self.tally += waiting.tally
        return given
