"""What every importer gives: rows of named devices, each with a key of its own, and counts of everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol

from edge_agent.drivers.ports import Number, Sample
from harkara_io.errors import HarkaraError


class ImportRefused(HarkaraError):
    """The file cannot be imported; says why."""

    exit_status = 2


class ImportedRow(NamedTuple):
    """One row of a file.

    Attributes:
        device: Device id.
        profile: Profile id of its model.
        sample: Its numbers; the time is known.
        key: The same whenever the same row is read from whatever file: `key_of`.
    """

    device: str
    profile: str
    sample: Sample
    key: int


@dataclass(slots=True)
class Counts:
    """What was read.

    Attributes:
        frames: Records of the file, of any kind.
        kept: Of these, kept: neither copies nor rejected.
        copies: Of these, came twice in the file.
        readings: Values with a number.
        known: Rows that an earlier import had brought.
        flights: Flights of vehicles.
        arm_windows: Times that motors were armed.
        events: What vehicles said in words: modes, mission items, flights. They are readings, too.
        missing: Values without a number, by reason.
        rejects: Records that were not read, by reason.
        notes: What else a person should know, by name.
    """

    frames: int = 0
    kept: int = 0
    copies: int = 0
    readings: int = 0
    known: int = 0
    flights: int = 0
    arm_windows: int = 0
    events: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def take(self, numbers: Iterable[Number]) -> None:
        """Count the values of a row: those with a number, and the others by their reason."""
        for number in numbers:
            if number.value is None:
                self.missing[number.reason or "unknown"] += 1
            else:
                self.readings += 1


class Importer(Protocol):
    """One file being read."""

    counts: Counts
    path: Path

    def rows(self) -> Iterator[ImportedRow]:
        """Every row, in the order of the file; counts grow on the way."""
        ...


def key_of(*parts: bytes | str | int) -> int:
    """A key of 63 bits over what a row says; of a million rows the chance that two meet is 1 in 18 million."""
    digest = blake2b(digest_size=8)
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(data).to_bytes(4, "big"))
        digest.update(data)
    return int.from_bytes(digest.digest(), "big") >> 1
