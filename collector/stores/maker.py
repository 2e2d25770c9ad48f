"""Makes lines of blocks and of readings; what no lines can be made of costs itself only."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from collector.lake.decoding import decode_all
from collector.lake.ports import JournalEntry
from collector.stores.batches import readings_of
from collector.stores.cursor import Tally
from collector.stores.encoder import Encoded
from collector.stores.lines import Lines
from collector.stores.ports import Readings

_log: Final = logging.getLogger(__name__)

Encode = Callable[[Readings], Encoded]


class Made(NamedTuple):
    """Lines, and what they are of.

    Attributes:
        position: Newest block in them.
        lines: The lines.
        tally: What becomes of the readings.
    """

    position: int
    lines: Lines
    tally: Tally


class Maker:
    """One store's encoder, shared by the threads of new readings and of a back-fill.

    Args:
        name: Of the store.
        encode: Makes lines of readings.
    """

    def __init__(self, name: str, encode: Encode) -> None:
        self._name, self._encode = name, encode
        self._lock = threading.Lock()

    def encode(self, readings: Readings) -> Encoded:
        """Lines of readings; one thread at a time, since both share what the encoder remembers of series."""
        with self._lock:
            return self._encode(readings)

    def of(self, entries: Sequence[JournalEntry]) -> Made:
        """Lines of blocks, of the first alone where a fault of ours stands in the way of all.

        Raises:
            MemoryError: No block is to blame for it, so none is left out.
        """
        try:
            return self._of(entries)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - logged; those behind must pass
            _log.exception("store %s: no lines of %d blocks from %d", self._name, len(entries), entries[0].position)
        first = entries[0]
        try:
            return self._of([first])
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - told in full above
            _log.error("store %s: block %d is left out: %s: %s", self._name, first.position, type(exc).__name__, exc)
        return Made(first.position, Lines((), 0), Tally(1, 0, {"fault": first.readings}))

    def of_readings(self, readings: Readings) -> tuple[Lines, Tally]:
        """Lines of readings without their blocks, and what becomes of them.

        Where a fault of ours stands in the way, they are tried by halves, down to the series that it is about: no two
        halves have a series in common, so what is sent at the same time still is about different values.

        Raises:
            MemoryError: No reading is to blame for it, so none is left out.
        """
        halves: tuple[Readings, ...] = ()
        try:
            encoded = self.encode(readings)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - logged; the others must pass
            halves = readings.halves()
            if not halves:
                _log.exception("store %s: a series of %d readings is left out", self._name, readings.count)
                return Lines((), 0), Tally(0, 0, {"fault": readings.count})
        if halves:
            _log.warning("store %s: no lines of %d readings, they are tried by halves", self._name, readings.count)
            (lines, tally), (more, others) = map(self.of_readings, halves)
            return lines + more, tally + others
        return encoded.lines, Tally(0, encoded.values, dict(encoded.left_out))

    def _of(self, entries: Sequence[JournalEntry]) -> Made:
        batch = decode_all([entry.data for entry in entries])
        encoded = self.encode(readings_of(batch))
        tally = Tally(len(entries), encoded.values, dict(encoded.left_out))
        if batch.rejected:
            tally += Tally(0, 0, {"undecodable": sum(entries[index].readings for index in batch.rejected)})
        return Made(entries[-1].position, encoded.lines, tally)
