"""The series dictionary: small integers for (agent, device, channel, unit, exponent)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa

from collector.lake.schema import SERIES


class SeriesKey(NamedTuple):
    """What makes a series.

    Attributes:
        agent: Agent id.
        device: Device id, unique within the agent.
        channel: Channel id, unique within the device.
        unit: Unit as sent, UCUM text.
        exponent: Decimal exponent of its values; None for doubles.
    """

    agent: str
    device: str
    channel: str
    unit: str
    exponent: int | None


class SeriesDictionary:
    """Gives ids and remembers which of them the lake does not hold yet. One thread writes, any may look up."""

    def __init__(self, stored: Iterable[tuple[int, SeriesKey]] = (), next_id: int = 1) -> None:
        self.reload(stored, next_id)

    def reload(self, stored: Iterable[tuple[int, SeriesKey]], next_id: int) -> None:
        """Forget everything but what the lake holds."""
        self._ids: dict[SeriesKey, int] = {key: number for number, key in stored}
        self._keys: dict[int, SeriesKey] = {number: key for key, number in self._ids.items()}
        self.next_id = max(next_id, max(self._keys, default=0) + 1)
        self._fresh: list[tuple[int, SeriesKey]] = []

    def __len__(self) -> int:
        return len(self._ids)

    def id_of(self, key: SeriesKey) -> int:
        """The key's id, a new one when it has none."""
        number = self._ids.get(key)
        if number is None:
            number = self.next_id
            self.next_id += 1
            self._ids[key] = number
            self._keys[number] = key
            self._fresh.append((number, key))
        return number

    def key_of(self, number: int) -> SeriesKey:
        """What an id stands for.

        Raises:
            KeyError: Nothing.
        """
        return self._keys[number]

    def take_fresh(self) -> pa.RecordBatch:
        """Rows for the series table that the coming commit must hold."""
        fresh, self._fresh = self._fresh, []
        return pa.RecordBatch.from_pylist(
            [
                {
                    "series_id": n,
                    "agent": k.agent,
                    "device": k.device,
                    "channel": k.channel,
                    "unit": k.unit,
                    "exponent": k.exponent,
                }
                for n, k in fresh
            ],
            schema=SERIES.arrow,
        )
