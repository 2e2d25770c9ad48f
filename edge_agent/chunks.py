"""Rows accepted together, as bytes for the outbox's open table: all that a restart needs to seal them.

Layout: ``version(1) boot_id(8) boottime_ns(8) wall_ns(8) clock_state(1) error_ns(8) profile_version(4) digest(8)
name_bytes(1) name(n) rows``, integers little-endian; ``rows`` is the outbox's own row encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from device_profiles.wire.model import ClockSection, ClockState, ColumnSpec, ProfileRef, Row, TextEvent
from edge_agent.outbox import OpenChunk, decode_rows, decode_texts, encode_rows

VERSION: Final = 1
WITH_TEXTS: Final = 2
"""Version of a chunk that holds texts, so that an older agent refuses it rather than drop them."""
_HEAD: Final = struct.Struct("<B8sqqBqI8sB")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one device under one clock and profile.

    Attributes:
        specs: Columns of the rows.
        rows: In the order accepted.
        clock: What was known of time when they were accepted.
        profile: What made sense of the device then.
        texts: What the device said in words.
    """

    specs: tuple[ColumnSpec, ...]
    rows: tuple[Row, ...]
    clock: ClockSection
    profile: ProfileRef
    texts: tuple[TextEvent, ...] = ()

    @property
    def readings(self) -> int:
        """Values present and texts: what accounting counts."""
        return readings_of(self.rows) + len(self.texts)


def pack(device: str, chunk: Chunk) -> OpenChunk:
    """The chunk as the outbox takes it."""
    clock, profile = chunk.clock, chunk.profile
    name = profile.profile.encode()
    head = _HEAD.pack(
        WITH_TEXTS if chunk.texts else VERSION,
        clock.boot_id,
        clock.boottime_ns,
        clock.wall_ns,
        clock.state,
        clock.error_ns,
        profile.version,
        profile.digest,
        len(name),
    )
    data = head + name + encode_rows(chunk.specs, chunk.rows, chunk.texts)
    return OpenChunk(device, len(chunk.rows) + len(chunk.texts), chunk.readings, data)


def unpack(open_chunk: OpenChunk) -> Chunk:
    """The chunk of an earlier life of the process.

    Raises:
        ValueError: It was written by a later version.
    """
    data = open_chunk.data
    version, boot_id, boottime_ns, wall_ns, state, error_ns, number, digest, length = _HEAD.unpack_from(data)
    if version not in {VERSION, WITH_TEXTS}:
        raise ValueError(f"open rows of version {version} cannot be read by this one")
    end = _HEAD.size + length
    profile = ProfileRef(data[_HEAD.size : end].decode(), number, digest)
    specs, rows = decode_rows(data[end:])
    clock = ClockSection(boot_id, boottime_ns, wall_ns, ClockState(state), error_ns)
    texts = decode_texts(data[end:]) if version == WITH_TEXTS else ()
    return Chunk(tuple(specs), tuple(rows), clock, profile, texts)


def readings_of(rows: Sequence[Row]) -> int:
    """Values present: what accounting counts."""
    return sum(len(row.values) - row.values.count(None) for row in rows)
