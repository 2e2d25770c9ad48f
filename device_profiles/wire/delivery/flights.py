"""Blocks on their way: published on this connection, not yet settled by a receipt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device_profiles.wire.delivery.agent_io import Lane
from device_profiles.wire.delivery.ports import BlockRef


@dataclass(frozen=True, slots=True)
class Flight:
    """One published block that waits for its receipt.

    Attributes:
        ref: The block.
        lane: Lane it went in.
        sent_s: When, monotonic. [s]
        acknowledged: Whether a PUBACK is due for it, which takes a socket slot till then.
    """

    ref: BlockRef
    lane: Lane
    sent_s: float
    acknowledged: bool


class Flights:
    """The window's content, in the order of publication.

    A slow link is not a lost block: as long as receipts arrive in order, waiting is extended. A block that others
    overtook is suspect, because one connection delivers in order.
    """

    def __init__(self) -> None:
        """Nothing on its way."""
        self._flights: dict[tuple[int, int], Flight] = {}
        self._bytes = 0
        self._progress_s = 0.0
        self._overtaken_s: float | None = None

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, key: tuple[int, int]) -> bool:
        return key in self._flights

    @property
    def size_bytes(self) -> int:
        """Encoded bytes on their way [bytes]."""
        return self._bytes

    def add(self, ref: BlockRef, lane: Lane, now_s: float, *, acknowledged: bool = True) -> None:
        """A block was handed to the connection."""
        if not self._flights:
            self._progress_s = now_s
        self._flights[ref.segment, ref.seq] = Flight(ref, lane, now_s, acknowledged)
        self._bytes += ref.size_bytes

    def remove(self, segment: int, seq: int) -> Flight | None:
        """Take one out without calling it progress."""
        flight = self._flights.pop((segment, seq), None)
        if flight is not None:
            self._bytes -= flight.ref.size_bytes
        return flight

    def settle(self, settled: Callable[[BlockRef], bool], now_s: float) -> int:
        """Take out every flight that ``settled`` confirms; returns how many."""
        oldest = next(iter(self._flights), None)
        done = [key for key, flight in self._flights.items() if settled(flight.ref)]
        for key in done:
            self.remove(*key)
        if done:
            self._progress_s = now_s
            if next(iter(self._flights), None) != oldest:
                self._overtaken_s = None
            elif self._overtaken_s is None:
                self._overtaken_s = now_s
        return len(done)

    def clear(self) -> None:
        """Forget all: the connection is gone, or a sync has told what arrived."""
        self._flights.clear()
        self._bytes = 0
        self._overtaken_s = None

    def deadline_s(self, timeout_s: float) -> float | None:
        """When the oldest flight counts as lost; None when nothing is on its way [s]."""
        oldest = next(iter(self._flights.values()), None)
        if oldest is None:
            return None
        since_s = self._progress_s if self._overtaken_s is None else self._overtaken_s
        return max(oldest.sent_s, since_s) + timeout_s
