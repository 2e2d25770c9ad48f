"""Limits and shapes both directions insist on. Each check raises ``ValueError`` and says what it saw."""

from __future__ import annotations

import re

from device_profiles.wire import limits
from device_profiles.wire.digest import CHAIN_BYTES
from device_profiles.wire.model import Block, Column
from device_profiles.wire.topics import check_agent_id

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

MAX_CLOCK_ERROR_NS = 1 << 60
"""Thirty-six years: what a clock that knows nothing may claim. [ns]"""


def at_most(count: int, limit: int, what: str) -> int:
    """The count; refuse more than ``limit``."""
    if count > limit:
        raise ValueError(f"{count} {what}, at most {limit}")
    return count


def at_least(number: int, least: int, what: str) -> None:
    """Refuse less than ``least``."""
    if number < least:
        raise ValueError(f"{what} {number}, at least {least}")


def sized(data: bytes, size: int, what: str) -> bytes:
    """The data; refuse another length."""
    if len(data) != size:
        raise ValueError(f"{what} of {len(data)} bytes, not {size}")
    return data


def name(text: str, what: str, *, empty: bool = False) -> str:
    """The text; refuse one that is too long, empty or holds control characters.

    The wire separates names by two of them.
    """
    raw = text.encode()
    if len(raw) > limits.MAX_NAME_BYTES or not (raw or empty) or _CONTROL.search(text):
        raise ValueError(f"{what} {text[:40]!r}: 1 to {limits.MAX_NAME_BYTES} bytes without control characters")
    return text


def int64(value: int, what: str) -> int:
    """The number; refuse what leaves a signed 64-bit integer."""
    if not limits.INT64_MIN <= value <= limits.INT64_MAX:
        raise ValueError(f"{what} {value} leaves 64 bits")
    return value


def check_block(block: Block) -> None:
    """What an encoder demands of a block.

    Raises:
        ValueError: A limit is broken, or parts contradict each other.
    """
    check_agent_id(block.agent)
    name(block.device, "device")
    name(block.profile.profile, "profile")
    rows = len(block.times_ns)
    cells = rows * len(block.columns)
    at_most(cells, limits.MAX_READINGS, "cells")
    at_most(rows, limits.MAX_READINGS, "rows")
    at_most(len(block.columns), limits.MAX_COLUMNS, "columns")
    at_most(len(block.texts), limits.MAX_READINGS, "text events")
    at_most(len(block.losses), limits.MAX_RECORDS, "loss records")
    at_most(len(block.anchors), limits.MAX_RECORDS, "anchors")
    at_most(len(block.signature), limits.MAX_SIGNATURE_BYTES, "bytes of signature")
    if block.columns and not rows:
        raise ValueError("columns without rows")
    if not 0 < block.segment <= limits.UINT64_MAX or block.seq < 1:
        raise ValueError("segment and seq start at 1")
    sized(block.previous, CHAIN_BYTES, "previous")
    sized(block.profile.digest, 8, "profile digest")
    sized(block.clock.boot_id, 8, "boot id")
    at_most(block.clock.error_ns, MAX_CLOCK_ERROR_NS, "ns of clock error")
    for time in block.times_ns:
        int64(time, "row time")
    if rows:
        int64(block.times_ns[0] - block.clock.wall_ns, "distance of the first row from the wall clock")
    for column in block.columns:
        _check_column(column, rows)
    for event in block.texts:
        name(event.channel, "channel")
        int64(event.observed_at_ns, "event time")
        int64(event.observed_at_ns - block.clock.wall_ns, "distance of an event from the wall clock")
        at_most(len(event.text.encode()), limits.MAX_TEXT_BYTES, "bytes of text")
    for anchor in block.anchors:
        sized(anchor.boot_id, 8, "boot id")
    for loss in block.losses:
        at_most(len(loss.intervals), limits.MAX_INTERVALS, "intervals")
    if block.opened is not None:
        sized(block.opened.outbox_id, 16, "outbox id")
        sized(block.opened.fingerprint, 16, "fingerprint")
        at_most(len(block.opened.reason.encode()), limits.MAX_REASON_BYTES, "bytes of reason")


def _check_column(column: Column, rows: int) -> None:
    name(column.channel, "channel")
    name(column.unit, "unit", empty=True)
    if len(column.values) != rows:
        raise ValueError(f"column {column.channel} has {len(column.values)} values for {rows} rows")
    if column.exponent is not None:
        if abs(column.exponent) > limits.MAX_EXPONENT:
            raise ValueError(f"exponent {column.exponent} of column {column.channel}")
        present = [value for value in column.values if value is not None]
        if present and set(map(type, present)) != {int}:
            raise ValueError(f"column {column.channel} has an exponent and values that are no integers")
        if present and (min(present) < limits.INT64_MIN or max(present) > limits.INT64_MAX):
            raise ValueError(f"column {column.channel} leaves 64 bits")
    before = -1
    for row, flag in column.flags:
        if not before < row < rows or column.values[row] is None or not 0 <= flag <= 255:
            raise ValueError(f"flag {flag} at row {row} of column {column.channel}")
        before = row
