"""Many frames of one profile at once: what stands at fixed places is read column by column.

Gives the same numbers, flags and reasons as `Profile.decode`; a frame this way cannot read (text, conditions,
repetitions, damage) goes through `Profile.decode` itself, so nothing is lost and nothing differs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from device_profiles.checksums import crc16_modbus
from device_profiles.engine.apply_bulk import Column
from device_profiles.engine.envelopes import Payload, modbus_rtu, plain
from device_profiles.engine.frames import FramePlan
from device_profiles.engine.operations import Bits, Run, Seek, SkipRest
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded, Mark
from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected

Numbers = npt.NDArray[Any]
Indices = npt.NDArray[np.int64]
Outcome = Decoded | FrameRejected

_WIDTHS: Final = {"B": 1, "b": 1, "H": 2, "h": 2, "I": 4, "i": 4, "e": 2, "f": 4, "d": 8}
_FEWEST: Final = 8
"""Fewer frames of one kind are read one by one sooner."""


@dataclass(frozen=True, slots=True)
class Table:
    """Frames of one kind, read together.

    Attributes:
        frame: Name of the frame kind.
        frames: Which of the given frames, in order.
        columns: By channel, as long as ``frames``; numbers that are none are 0 (or NaN) and flagged.
        marks: By channel: row in the table, flag and reason.
    """

    frame: str
    frames: Indices
    columns: dict[str, Column]
    marks: dict[str, list[Mark]]


@dataclass(slots=True)
class Batch:
    """What many frames gave.

    Attributes:
        tables: Frames read together.
        others: Frames read one by one, by their number.
    """

    tables: list[Table] = field(default_factory=list)
    others: dict[int, Outcome] = field(default_factory=dict)


def decode_frames(
    profile: Profile, frames: Sequence[bytes], *, port: int | None = None, request: str | None = None
) -> Batch:
    """Decode many frames that came the same way.

    Args:
        profile: Of the device.
        frames: Whole, as `Profile.decode` takes them.
        port: LoRaWAN FPort of all of them.
        request: Request that all of them answer, where known.
    """
    batch = Batch()
    by_size: dict[int, list[int]] = {}
    for number, frame in enumerate(frames):
        by_size.setdefault(len(frame), []).append(number)
    for size, numbers in by_size.items():
        done: set[int] = set()
        for start, end, message, group in _unwrapped(profile, frames, size, numbers):
            for plan, members in _planned(profile, frames, Payload(b"", start, end, message), group, port, request):
                table = _table(plan, frames, members, start, end) if len(members) >= _FEWEST else None
                if table is not None:
                    batch.tables.append(table)
                    done.update(members)
        for number in numbers:
            if number not in done:
                batch.others[number] = profile.decode(frames[number], port=port, request=request)
    return batch


def _unwrapped(
    profile: Profile, frames: Sequence[bytes], size: int, numbers: list[int]
) -> Iterator[tuple[int, int, int | None, list[int]]]:
    """Frames whose envelope is right, by where their payload is. The others are left for the scalar way."""
    if profile.codec or len(numbers) < _FEWEST:
        return
    if profile.unwrap is plain:
        yield 0, size, None, numbers
        return
    if profile.unwrap is modbus_rtu and size >= 5:
        numbers = _right_modbus(frames, size, numbers)
        for function in (1, 2, 3, 4):
            yield 3, size - 2, function, [number for number in numbers if frames[number][1] == function]
        return
    groups: dict[tuple[int, int, int | None], list[int]] = {}
    for number in numbers:
        payload = profile.unwrap(frames[number])
        if isinstance(payload, Payload) and payload.data is frames[number]:
            groups.setdefault((payload.start, payload.end, payload.id), []).append(number)
    for (start, end, message), group in groups.items():
        yield start, end, message, group


def _right_modbus(frames: Sequence[bytes], size: int, numbers: list[int]) -> list[int]:
    data = _stacked(frames, numbers, size)
    crc = np.full(len(numbers), 0xFFFF, dtype=np.uint16)
    for at in range(size - 2):
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ data[:, at]) & 0xFF]
    right = (crc == data[:, -2].astype(np.uint16) | (data[:, -1].astype(np.uint16) << 8)) & (data[:, 2] == size - 5)
    return [number for number, good in zip(numbers, right.tolist(), strict=True) if good]


def _crc_table() -> npt.NDArray[np.uint16]:
    # The register after one byte, from a start of nought, is the table's entry: crc16_modbus starts from ones.
    return np.array([crc16_modbus(bytes([byte ^ 0xFF])) ^ 0xFF for byte in range(256)], dtype=np.uint16)


_CRC_TABLE: Final = _crc_table()


def _planned(  # noqa: PLR0917 - one frame's circumstances
    profile: Profile,
    frames: Sequence[bytes],
    place: Payload,
    group: list[int],
    port: int | None,
    request: str | None,
) -> Iterator[tuple[FramePlan, list[int]]]:
    """Which kind each frame is: the first in the profile that fits."""
    left = group
    for plan in profile.by_port.get(port, profile.by_port[None]):
        if not left:
            return
        if not _may_fit(plan, place, port, request):
            continue
        if not plan.selectors and plan.columns is None:
            yield plan, left
            return
        taken = [
            number
            for number in left
            if plan.fits(Payload(frames[number], place.start, place.end, place.id), port, request)
        ]
        yield plan, taken
        kept = set(taken)
        left = [number for number in left if number not in kept]


def _may_fit(plan: FramePlan, place: Payload, port: int | None, request: str | None) -> bool:
    if plan.ports and port not in plan.ports:
        return False
    if plan.ids and place.id is not None and place.id not in plan.ids:
        return False
    if request is not None and plan.request and request != plan.request:
        return False
    return plan.shortest <= place.end - place.start <= plan.longest


def _table(plan: FramePlan, frames: Sequence[bytes], members: list[int], start: int, end: int) -> Table | None:
    """The frames as columns; None when their kind has more than plain fields, or they are too short for it."""
    if not _is_fixed(plan) or plan.pad_to > end - start:
        return None
    data = _stacked(frames, members, len(frames[members[0]]))[:, start:end]
    slots = _slots(plan, data)
    if slots is None:
        return None
    columns: dict[str, Column] = {}
    marks: dict[str, list[Mark]] = {}
    for output in plan.emitter.outputs:
        values = slots[output.slot]
        flags = np.full(len(members), Flag.UNKNOWN, dtype=np.uint8)
        found: list[Mark] = []
        if output.float_type:
            numbers = values.astype(np.float64)
            _mark(~np.isfinite(numbers), (Flag.MISSING, "invalid"), flags, found)
        else:
            numbers = values * output.times + output.add
        for sentinel, verdict in output.sentinels.items():
            if isinstance(sentinel, (int, float)):
                _mark(values == sentinel, verdict, flags, found)
        gone = (flags == Flag.MISSING) | (flags == Flag.FAIL)
        numbers[gone] = np.nan if output.float_type else 0
        columns[output.channel] = Column(numbers, None if output.float_type else output.exponent, output.unit, flags)
        if found:
            marks[output.channel] = sorted(found)
    return Table(plan.name, np.array(members, dtype=np.int64), columns, marks)


def _mark(
    where: npt.NDArray[np.bool_], verdict: tuple[Flag, str], flags: npt.NDArray[np.uint8], found: list[Mark]
) -> None:
    rows = np.flatnonzero(where & (flags == Flag.UNKNOWN))
    flags[rows] = verdict[0]
    found.extend(Mark(int(row), *verdict) for row in rows)


def _is_fixed(plan: FramePlan) -> bool:
    root = plan.root
    return (
        plan.split is None
        and not plan.ignore
        and not root.parts
        and root.tags is None
        and root.repeat is None
        and root.condition is None
        and all(isinstance(item, (Run, Seek, SkipRest, Bits)) for item in root.operations)
        and plan.emitter.fast
        and all(
            not output.tests and abs(output.times) < 2**20 and abs(output.add) < 2**40
            for output in plan.emitter.outputs
        )
        and bool(plan.emitter.outputs)
    )


def _slots(plan: FramePlan, data: npt.NDArray[np.uint8]) -> dict[int, Numbers] | None:
    slots: dict[int, Numbers] = {}
    position = 0
    for item in plan.root.operations:
        if isinstance(item, Seek):
            position = item.offset + (position if item.relative else 0)
        elif isinstance(item, SkipRest):
            position = data.shape[1]
        elif isinstance(item, Run):
            if position + item.size > data.shape[1] or not _read(item, data, position, slots):
                return None
            position += item.size
        elif isinstance(item, Bits):
            word = slots.get(item.source)
            if word is None or word.dtype.kind == "f":
                return None
            values = (word >> item.shift) & item.mask
            slots[item.slot] = values - ((values & item.sign) << 1)
        if position > data.shape[1]:
            return None
    return slots if all(output.slot in slots for output in plan.emitter.outputs) else None


def _read(run: Run, data: npt.NDArray[np.uint8], position: int, slots: dict[int, Numbers]) -> bool:
    layout: str = run.unpack_from.__self__.format  # type: ignore[attr-defined]
    order = layout[0]
    codes = [code for code in _codes(layout[1:]) if code != "x"]
    for index, (code, (offset, size)) in enumerate(zip(codes, run.places, strict=True)):
        if code not in _WIDTHS:
            return False
        at = position + offset
        raw = np.ascontiguousarray(data[:, at : at + size]).view(np.dtype(f"{order}{_DTYPES[code]}"))[:, 0]
        slots[run.first + index] = raw.astype(np.float64 if code in "efd" else np.int64)
    return True


_DTYPES: Final = {"B": "u1", "b": "i1", "H": "u2", "h": "i2", "I": "u4", "i": "i4", "e": "f2", "f": "f4", "d": "f8"}


def _codes(layout: str) -> Iterator[str]:
    count = ""
    for character in layout:
        if character.isdigit():
            count += character
        else:
            if character != "x":
                yield from character * int(count or 1)
            count = ""


def _stacked(frames: Sequence[bytes], numbers: Sequence[int], size: int) -> npt.NDArray[np.uint8]:
    return np.frombuffer(b"".join(frames[number] for number in numbers), dtype=np.uint8).reshape(len(numbers), size)
