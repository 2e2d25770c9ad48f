"""Rows of one device on their way to a block: what is fresh, what is open, when it is full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_profiles.wire.digest import block_digest
from device_profiles.wire.encode import encode
from device_profiles.wire.limits import MAX_READINGS
from device_profiles.wire.model import Block, ClockSection, ColumnSpec, ProfileRef, Row, TextEvent
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.values import Value
from edge_agent.chunks import Chunk, pack, unpack
from edge_agent.clock import Clock
from edge_agent.drivers.ports import Sample, Text
from edge_agent.outbox import Accept, Identity, OpenChunk, Seal
from edge_agent.outbox import Sealed as SealedBlock

Step = Accept | Seal

ROWS_MAX: Final = 256
"""A block is full at this many rows."""
BLOCK_BYTES_SOFT: Final = 4096
"""... or when it is expected to have this many bytes on the wire."""
STEP_NS_MIN: Final = 500_000_000
"""A wall clock that moves this much against the time since boot has been set: what came before is sealed. [ns]"""
MILLISECOND_NS: Final = 1_000_000

_READING_BYTES: Final = 1.0
_DOUBLE_BYTES: Final = 8.0
_ROW_BYTES: Final = 1.0
"""Costs per value and row, a little more than on real weather data; they only say when a block is about full."""
_NOISY_FROM: Final = 1 << 40
"""A mantissa this large is a number of a program, not of an instrument: its last digits do not compress."""
_CELLS_MAX: Final = MAX_READINGS // 4
"""Rows times columns; a fourth of what the wire allows, since mixed resolutions split columns."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """The rows of one block, frozen; ``encode`` may be called again with another identity.

    Attributes:
        agent: Agent id.
        device: Device id.
        chunks: Its rows in order; all under one profile.
    """

    agent: str
    device: str
    chunks: tuple[Chunk, ...]

    def encode(self, identity: Identity) -> SealedBlock:
        """Build the block of this identity. Pure."""
        specs, rows = _united(self.chunks)
        columns = columns_from_rows(specs, rows)
        last = self.chunks[-1]
        texts = tuple(text for chunk in self.chunks for text in chunk.texts)
        readings = sum(len(column.values) - column.values.count(None) for column in columns) + len(texts)
        block = Block(
            agent=identity.agent,
            segment=identity.segment,
            ordinal=identity.ordinal,
            seq=identity.seq,
            device=identity.device,
            readings_total=identity.readings_before + readings,
            previous=identity.previous,
            profile=last.profile,
            clock=last.clock,
            times_ns=tuple(row.observed_at_ns for row in rows),
            columns=columns,
            texts=texts,
            losses=identity.losses,
            opened=identity.opened,
        )
        data = encode(block)
        return SealedBlock(data, block_digest(data), len(rows), readings)


class BlockBuilder:
    """Open rows of one device.

    Rows are *fresh* until a step list with their ``Accept`` was taken, then *open* until a ``Seal``. The caller commits
    the steps it was given, all and in order.

    Attributes:
        device: Device id.
        seal_after_s: Age of the oldest open row at which the block is sealed. [s]
    """

    def __init__(self, agent: str, device: str, profile: ProfileRef, clock: Clock, *, seal_after_s: float) -> None:
        self.device = device
        self.profile = profile
        self.seal_after_s = seal_after_s
        self._agent = agent
        self._clock = clock
        self._section = clock.section()
        self._places: dict[tuple[str, str], int] = {}
        self._fresh: list[Row] = []
        self._texts: list[TextEvent] = []
        self._said: dict[str, str] = {}
        self._chunks: list[Chunk] = []
        self._rows = 0
        self._expected_bytes = 0.0
        self._opened_s: float | None = None
        self._last_arrival_ns = 0

    @property
    def open_rows(self) -> int:
        """Rows and texts not sealed yet."""
        return self._rows

    @property
    def due_s(self) -> float | None:
        """When the open rows are to be sealed at the latest, monotonic; None without open rows. [s]."""
        return None if self._opened_s is None else self._opened_s + self.seal_after_s

    def add(self, sample: Sample) -> list[Step]:
        """Take a sample; gives the steps that became necessary: none, or those that seal a full block."""
        steps: list[Step] = []
        section = self._clock.section()
        if self._rows and _stepped(self._section, section):
            steps = self.seal()
        self._section = section
        self._append(sample)
        full = self._rows >= ROWS_MAX or self._expected_bytes >= BLOCK_BYTES_SOFT
        if full or self._rows * len(self._places) >= _CELLS_MAX:
            steps += self.seal()
        return steps

    def accept(self) -> list[Step]:
        """Steps that make the fresh rows durable."""
        if not self._fresh and not self._texts:
            return []
        specs = tuple(ColumnSpec(channel, unit) for channel, unit in self._places)
        width = len(specs)
        rows = tuple(row if len(row.values) == width else _widened(row, width) for row in self._fresh)
        chunk = Chunk(specs, rows, self._section, self.profile, tuple(self._texts))
        self._fresh.clear()
        self._texts.clear()
        self._chunks.append(chunk)
        return [Accept(pack(self.device, chunk))]

    def seal(self) -> list[Step]:
        """Steps that make a block of everything open and fresh."""
        steps = self.accept()
        if self._chunks:
            steps.append(Seal(self.device, Sealing(self._agent, self.device, tuple(self._chunks)).encode))
        self._chunks = []
        self._places = {}
        self._rows = 0
        self._expected_bytes = 0.0
        self._opened_s = None
        return steps

    def _append(self, sample: Sample) -> None:
        for number in sample.numbers:
            if number.value is not None:
                self._places.setdefault((number.channel, number.unit), len(self._places))
        values: list[Value | None] = [None] * len(self._places)
        flags = [2] * len(self._places)
        for number in sample.numbers:
            if number.value is None:
                continue
            place = self._places[(number.channel, number.unit)]
            values[place] = number.value
            flags[place] = int(number.flag)
            self._expected_bytes += _expected_bytes(number.value)
        flagged = tuple(flags) if any(flag != 2 for flag in flags) else ()
        at_ns = self._instant_ns(sample)
        if len(sample.texts) < sample.readings:
            self._fresh.append(Row(at_ns, tuple(values), flagged))
            self._expected_bytes += _ROW_BYTES
            self._rows += 1
        for text in filter(self._is_news, sample.texts):
            self._texts.append(TextEvent(text.channel, at_ns, text.text))
            self._expected_bytes += len(text.text)
            self._rows += 1
        if self._opened_s is None and self._rows:
            self._opened_s = self._clock.monotonic_s()

    def _is_news(self, text: Text) -> bool:
        """Whether words go along: a serial number is said once, not with every poll."""
        if text.is_event:
            return True
        before = self._said.get(text.channel)
        self._said[text.channel] = text.text
        return before != text.text

    def _instant_ns(self, sample: Sample) -> int:
        """The sensor's time as it is, or the arrival to the millisecond; no two arrivals fall on one instant."""
        if sample.observed_at_ns is not None:
            return sample.observed_at_ns
        at_ns = sample.arrived_ns // MILLISECOND_NS * MILLISECOND_NS
        if self._last_arrival_ns - 10 * MILLISECOND_NS < at_ns <= self._last_arrival_ns:
            at_ns = self._last_arrival_ns + MILLISECOND_NS // 10
        self._last_arrival_ns = at_ns
        return at_ns


def recovered(agent: str, chunks: Sequence[OpenChunk]) -> list[Step]:
    """Steps that seal what an earlier life of the process accepted: one block per device.

    Raises:
        ValueError: A later version wrote them.
    """
    by_device: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        by_device.setdefault(chunk.device, []).append(unpack(chunk))
    return [
        Seal(device, Sealing(agent, device, tuple(found)).encode, live=False) for device, found in by_device.items()
    ]


def _united(chunks: Sequence[Chunk]) -> tuple[list[ColumnSpec], list[Row]]:
    """All rows under all columns, in the order the columns first appeared."""
    places: dict[ColumnSpec, int] = {}
    for chunk in chunks:
        for spec in chunk.specs:
            places.setdefault(spec, len(places))
    width = len(places)
    rows: list[Row] = []
    for chunk in chunks:
        order = [places[spec] for spec in chunk.specs]
        if order == list(range(width)):
            rows.extend(chunk.rows)
            continue
        rows.extend(_placed(row, order, width) for row in chunk.rows)
    return list(places), rows


def _placed(row: Row, order: Sequence[int], width: int) -> Row:
    values: list[Value | None] = [None] * width
    flags = [2] * width
    for at, value in zip(order, row.values, strict=True):
        values[at] = value
    for at, flag in zip(order, row.flags, strict=False):
        flags[at] = flag
    return Row(row.observed_at_ns, tuple(values), tuple(flags) if row.flags else ())


def _widened(row: Row, width: int) -> Row:
    """A row from before a channel appeared."""
    lacking = width - len(row.values)
    flags = (*row.flags, *([2] * lacking)) if row.flags else ()
    return Row(row.observed_at_ns, (*row.values, *([None] * lacking)), flags)


def _expected_bytes(value: Value) -> float:
    if isinstance(value, float) or not -_NOISY_FROM < value.mantissa < _NOISY_FROM:
        return _DOUBLE_BYTES
    return _READING_BYTES


def _stepped(before: ClockSection, now: ClockSection) -> bool:
    if before.state != now.state:
        return True
    moved_ns = (now.wall_ns - now.boottime_ns) - (before.wall_ns - before.boottime_ns)
    return abs(moved_ns) >= STEP_NS_MIN
