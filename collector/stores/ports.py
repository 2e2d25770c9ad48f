"""What the way into a store of others needs: readings as columns, a store over HTTP, and what a store may answer.

An answer is named for what the sender must do next, never for the library or the status that said so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Stored:
    """The store says that it has every line."""


@dataclass(frozen=True, slots=True)
class BadLines:
    """The store refuses the request, or a part of it, for what stands in it: find the lines, send the others.

    Attributes:
        words: What the store said.
    """

    words: str


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The request is more than the store, or something before it, takes at once: send it in halves."""

    words: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Send the same again later.

    Attributes:
        words: What the store said.
        retry_after_s: When it asked to be asked again; None when it did not say. [s]
    """

    words: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """A token, a bucket or an address is wrong: told once, tried again slowly, goes on by itself when it is mended."""

    words: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No store answered: send the same again after a growing, jittered pause."""

    words: str


Answer = Stored | BadLines | TooLarge | Busy | NeedsPerson | Unreachable


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a store says of itself.

    Attributes:
        life: Changes whenever its process begins anew.
        ignored: Lines that it took and dropped without a word in its answer, by its own name for the reason, since
            its process began.
    """

    life: str
    ignored: Mapping[str, int] = field(default_factory=dict)


class StoreClient(Protocol):
    """One store over HTTP. Calls block; one thread at a time."""

    def write(self, body: bytes) -> Answer:
        """Send lines. Whatever goes wrong is an answer, and comes before a deadline."""
        ...

    def pulse(self) -> Pulse | Unreachable | NeedsPerson:
        """Ask for a sign of life."""
        ...

    def close(self) -> None:
        """Let its connections go."""
        ...


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """Whose readings a series holds.

    Attributes:
        agent: Agent id.
        device: Device id.
        profile: Profile id of the device's model; empty without one.
        channel: Channel id.
        unit: UCUM text.
    """

    agent: str
    device: str
    profile: str
    channel: str
    unit: str


@dataclass(frozen=True, slots=True)
class TextReading:
    """A reading that is a text."""

    agent: str
    device: str
    profile: str
    channel: str
    observed_at_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Readings:
    """Readings as columns, in the order of the journal or, from the lake, by series and time.

    Attributes:
        series_table: What ``series`` counts in.
        series: Of each reading. [int32]
        observed_at_ns: UTC Unix time of each. [ns, int64]
        value: Of each; not a number where there is none. [float64]
        flag: QARTOD flag of each. [uint8]
        mantissa: The decimal's integer of each where the caller has it: digits a store cannot hold are counted by it.
        texts: Readings that are texts.
    """

    series_table: Sequence[SeriesFacts]
    series: npt.NDArray[np.int32]
    observed_at_ns: npt.NDArray[np.int64]
    value: npt.NDArray[np.float64]
    flag: npt.NDArray[np.uint8]
    mantissa: npt.NDArray[np.int64] | None = None
    texts: Sequence[TextReading] = ()

    @property
    def count(self) -> int:
        """How many they are."""
        return len(self.series) + len(self.texts)

    def halves(self) -> tuple[Readings, ...]:
        """The readings of one half of the series and those of the other; none for those of one series.

        Texts count as one series more.
        """
        numbers = np.unique(self.series)
        if self.texts and len(numbers):
            return replace(self, texts=()), replace(self._where(np.zeros(len(self.series), np.bool_)), texts=self.texts)
        if len(numbers) < 2:
            return ()
        first = self.series < numbers[len(numbers) // 2]
        return self._where(first), self._where(~first)

    def _where(self, chosen: npt.NDArray[np.bool_]) -> Readings:
        return Readings(
            self.series_table,
            self.series[chosen],
            self.observed_at_ns[chosen],
            self.value[chosen],
            self.flag[chosen],
            None if self.mantissa is None else self.mantissa[chosen],
        )
