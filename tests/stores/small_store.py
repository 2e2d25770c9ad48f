"""A store in memory that keeps what it is sent as a real one would: some time in memory, then on disk; and it fails."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random

from collector.lake.lake import Lake
from collector.lake.ports import JournalSource
from collector.stores.courier import Trouble
from collector.stores.encoder import Encoder
from collector.stores.lines import Lines
from collector.stores.mapping import MappingOptions
from collector.stores.offset import OffsetFile
from collector.stores.options import PumpOptions
from collector.stores.ports import NeedsPerson, Pulse, Stored, Unreachable
from collector.stores.pump import Pump
from device_profiles.wire.decode import decode

FLUSH_S = 12.0

Key = tuple[str, str, str, int]


@dataclass
class SmallStore:
    """Delivers lines to itself.

    Attributes:
        flush_s: How long it holds what it has answered for in memory only. [s]
        now_s: Its clock, moved by the test. [s]
        failing: What it answers instead of taking the next requests.
        forgetting: It answers that it has everything and keeps nothing.
        stopped: It answers no sign of life, and its clock stands still.
    """

    flush_s: float = FLUSH_S
    now_s: float = 1000.0
    failing: deque[Trouble] = field(default_factory=deque)
    stopped: bool = False
    forgetting: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    life: int = 1
    requests: int = 0
    on_disk: dict[Key, float] = field(default_factory=dict)
    in_memory: list[tuple[float, dict[Key, float]]] = field(default_factory=list)

    def send(self, lines: Lines) -> Stored | Trouble:
        self.requests += 1
        if self.stopped:
            return Unreachable("no answer")
        if self.failing:
            return self.failing.popleft()
        if not self.forgetting:
            self.in_memory.append((self.now_s, dict(_read(lines))))
        self._flush()
        return Stored()

    def pulse(self) -> Pulse | Unreachable | NeedsPerson:
        return Unreachable("no answer") if self.stopped else Pulse(f"life {self.life}")

    def advice(self) -> list[str]:
        return []

    def has(self, line: bytes) -> bool | None:
        if self.stopped:
            return None
        keys = {key for key, _ in _read(Lines((line,), 1))}
        return bool(keys & set(self.values))

    def run_for(self, seconds: float) -> None:
        """Let its time pass."""
        if not self.stopped:
            self.now_s += seconds
            self._flush()

    def kill(self) -> None:
        """Begin a new life with what is on disk."""
        self.in_memory.clear()
        self.life += 1

    @property
    def values(self) -> dict[Key, float]:
        """Everything it would answer a query with."""
        found = dict(self.on_disk)
        for _, values in self.in_memory:
            found |= values
        return found

    def _flush(self) -> None:
        while self.in_memory and self.now_s - self.in_memory[0][0] >= self.flush_s:
            self.on_disk |= self.in_memory.pop(0)[1]


def _read(lines: Lines) -> Iterable[tuple[Key, float]]:
    """Agent, device, field, time and value; the names of these tests have nothing to escape."""
    for line in b"".join(lines.pieces).decode().splitlines():
        head, fields, time = re.fullmatch(r"(\S+) (\S+) (-?\d+)", line).groups()  # type: ignore[union-attr]
        tags = dict(pair.split("=") for pair in head.split(",")[1:])
        for pair in fields.split(","):
            name, value = pair.split("=")
            yield (tags["site"], tags["device"], name, int(time)), float(value)


def truth(blocks: Iterable[bytes]) -> dict[Key, float]:
    """What a store must hold after these blocks."""
    return {
        (made.agent, made.device, column.channel, at_ns): value
        if column.exponent is None
        else value / 10**-column.exponent
        for made in map(decode, blocks)
        for column in made.columns
        for at_ns, value in zip(made.times_ns, column.values, strict=True)
        if value is not None
    }


def small_pump(
    store: SmallStore, journal: JournalSource, lake: Lake, file: OffsetFile, *, options: PumpOptions | None = None
) -> Pump:
    """A pump into the store, by the store's clock; its courier is moved by hand."""
    mapping = MappingOptions(tags=("site", "device"), unit_suffix=False, flags=False)
    return Pump(
        "small",
        journal=journal,
        lake=lake,
        encode=Encoder(mapping, lambda agent: agent).encode,
        delivers=store,
        pulses=store,
        file=file,
        options=options
        or PumpOptions(durable_after_s=FLUSH_S + 3.0, piece_readings=200, gather_s=0.0, pulse_every_s=0.0),
        clock_s=lambda: store.now_s,
        random=Random(1),
    )
