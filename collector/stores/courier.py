"""Sends pieces to one store in their order, each until the store has it, in a thread of its own.

At most `PIECES_MAX` are with it, so that the next one is made while the one before is on the way, and no more memory
is taken however long the store is away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from collector.stores.backoff import Backoff
from collector.stores.cursor import Tally
from collector.stores.lines import Lines
from collector.stores.ports import Busy, NeedsPerson, Stored, Unreachable

_log: Final = logging.getLogger(__name__)

PIECES_MAX: Final = 2

Trouble = Busy | NeedsPerson | Unreachable


class Delivers(Protocol):
    """Gets lines into a store, whatever is wrong with some of them."""

    refused: Counter[str]
    """Lines that the store does not have, by reason."""

    def send(self, lines: Lines) -> Stored | Trouble:
        """Send until the store has all that it will ever take, or says why not now. Blocks, never for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines of readings that lie one behind another in a run.

    Attributes:
        run: Which run: 0 for what comes from the journal, else the number of a back-fill.
        epoch: Of the run's cursor when it was read.
        position: Where the run is once the store has this.
        lines: Line protocol; empty when the store can hold none of it.
        tally: What becomes of the readings.
        since_ns: When the oldest of its blocks was received, UTC Unix time. [ns]
    """

    run: int
    epoch: int
    position: object
    lines: Lines
    tally: Tally
    since_ns: int = 0


class Courier:
    """The sending thread of one store.

    Args:
        name: Of the store.
        delivers: How lines get there; used by this thread only.
        done: Called from this thread when something was delivered, or went wrong.
        random: Jitter of the pauses.
    """

    def __init__(self, name: str, delivers: Delivers, *, done: Callable[[], None], random: Random) -> None:
        self.trouble: Trouble | None = None
        """Why the first piece is not there yet; None when nothing is wrong."""
        self._delivers = delivers
        self._tell = done
        self._backoff = Backoff(random)
        self._pieces: deque[Piece] = deque()
        self._finished: deque[Piece] = deque()
        self._dropped = 0
        self._change = threading.Condition()
        self._stopped = False
        self._hurried = False
        # A hanging store must not keep the process from ending: what it has not answered is sent again next time.
        self._thread = threading.Thread(target=self._run, name=f"store-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End after the request that is under way, or without waiting for it any longer."""
        with self._change:
            self._stopped = True
            self._pieces.clear()
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    @property
    def has_room(self) -> bool:
        """Whether another piece may come."""
        return len(self._pieces) < PIECES_MAX

    def holds(self, run: int) -> bool:
        """Whether something of a run is on the way, or waits to be collected."""
        with self._change:
            return any(piece.run == run for piece in (*self._pieces, *self._finished))

    @property
    def waiting(self) -> tuple[Piece, ...]:
        """What is on the way, oldest first."""
        with self._change:
            return tuple(self._pieces)

    def put(self, piece: Piece) -> None:
        """Hand over the next piece; only while there is room."""
        with self._change:
            self._pieces.append(piece)
            self._change.notify_all()

    def finished(self) -> list[Piece]:
        """Pieces delivered since the last call, in order."""
        with self._change:
            taken = list(self._finished)
            self._finished.clear()
        return taken

    def drop(self) -> None:
        """Forget what is on the way. One that is just being sent may still arrive; its epoch says that it is old."""
        with self._change:
            self._pieces.clear()
            self._dropped += 1
            self._change.notify_all()

    def hurry(self) -> None:
        """Try again now, whatever the pause."""
        with self._change:
            self._hurried = True
            self._change.notify_all()

    def turn(self) -> float:
        """Try to send the first piece. Returns the pause that is due before the next turn. [s]."""
        with self._change:
            if not self._pieces:
                return 0.0
            piece, dropped = self._pieces[0], self._dropped
        answer = self._send(piece)
        with self._change:
            if isinstance(answer, Stored):
                self.trouble = None
                self._backoff.reset()
                if dropped == self._dropped and self._pieces:
                    self._finished.append(self._pieces.popleft())
            else:
                self.trouble = answer
        self._tell()
        return 0.0 if isinstance(answer, Stored) else self._backoff.pause_s(answer)

    def _run(self) -> None:
        while self._wait():
            if (pause_s := self.turn()) > 0:
                self._rest(pause_s)

    def _send(self, piece: Piece) -> Stored | Trouble:
        if not piece.lines.count:
            return Stored()
        try:
            return self._delivers.send(piece.lines)
        except Exception as exc:  # noqa: BLE001 - logged; a fault here must end neither this thread nor the collector
            _log.exception("sending failed in a way nobody foresaw; it is tried again")
            return Unreachable(f"a fault of ours: {type(exc).__name__}: {exc}")

    def _wait(self) -> bool:
        """Wait for a piece; False when it is time to end."""
        with self._change:
            self._change.wait_for(lambda: self._pieces or self._stopped)
            return not self._stopped

    def _rest(self, pause_s: float) -> None:
        until_s = time.monotonic() + pause_s
        with self._change:
            while not self._stopped and not self._hurried and (left_s := until_s - time.monotonic()) > 0:
                self._change.wait(left_s)
            self._hurried = False
