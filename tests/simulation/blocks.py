"""Blocks of the simulated world: real identities, digests and chain; readings as plain tuples."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.model import LossRecord, OpenRecord


class Reading(NamedTuple):
    """What one sensor said once."""

    owner: str  # the physical unit, different for a clone
    agent: str
    number: int
    value: int
    raw_time_ns: int


class SimBlock(NamedTuple):
    """One encoded block."""

    agent: str
    segment: int
    ordinal: int
    seq: int
    readings: tuple[Reading, ...]
    readings_total: int
    previous: bytes
    version: int
    poison: bool  # verifies, but can never be stored
    opened: OpenRecord | None
    losses: tuple[LossRecord, ...]
    digest: bytes

    @property
    def key(self) -> tuple[str, int, int]:
        return (self.agent, self.segment, self.seq)

    @property
    def size_bytes(self) -> int:
        return 60 + 10 * len(self.readings) + 20 * len(self.losses)

    def ref(self) -> BlockRef:
        return BlockRef(self.segment, self.ordinal, self.seq, self.size_bytes, len(self.readings), self.digest)


def digest_of(block: SimBlock) -> bytes:
    """The digest its content calls for."""
    return hashlib.blake2b(repr(block[:-1]).encode(), digest_size=16).digest()


def sealed(block: SimBlock) -> SimBlock:
    """The block with its true digest."""
    return block._replace(digest=digest_of(block))
