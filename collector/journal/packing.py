"""How the blocks of one transaction lie in one SQLite row, and the digests of one stream in another.

A row a block would cost a statement each, and each statement a turn at the interpreter's lock::

    batch   seal(8) | names u16 { length u8, agent } | blocks u32 { index 50 byte } | block bytes, one after another
    index   agent u16 | segment u64 | ordinal u32 | seq u64 | readings u32 | digest 16 | size u32      little-endian
    digests seal(8) | { seq u64, readings u32, previous 8, digest 16 }

The seal is a digest of the rest (`harkara_io.checked`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol

from harkara_io.checked import seal, unseal
from harkara_io.log_errors import LogCorrupt

BATCH_BYTES_MAX: Final = 1 << 20
"""A row is closed at this size: reading back is bounded by it. [bytes]"""

BATCH_BLOCKS_MAX: Final = 4096

_INDEX: Final = struct.Struct("<HQIQI16sI")
_DIGEST: Final = struct.Struct("<QI8s16s")


class Packable(Protocol):
    """What the index says of a block."""

    @property
    def agent(self) -> str: ...  # noqa: D102
    @property
    def segment(self) -> int: ...  # noqa: D102
    @property
    def ordinal(self) -> int: ...  # noqa: D102
    @property
    def seq(self) -> int: ...  # noqa: D102
    @property
    def readings(self) -> int: ...  # noqa: D102
    @property
    def digest(self) -> bytes: ...  # noqa: D102


class JournalEntry(NamedTuple):
    """One block as the journal holds it.

    Attributes:
        position: Place in the journal, from 1; grows, never used twice under one identity.
        agent: Identity the block was verified under.
        segment: Segment of the agent's outbox.
        ordinal: Number of the segment in its outbox.
        seq: Number in the segment.
        readings: Readings in the block.
        received_at_ns: When the collector took it in, UTC Unix time. [ns]
        digest: The block's digest. [16 byte]
        data: The block's bytes as they came.
    """

    position: int
    agent: str
    segment: int
    ordinal: int
    seq: int
    readings: int
    received_at_ns: int
    digest: bytes
    data: bytes


class Batch(NamedTuple):
    """A packed row: how many blocks, the bytes of their payloads, the record."""

    blocks: int
    payload_bytes: int
    record: bytes


def pack(items: Iterable[tuple[Packable, bytes]]) -> list[Batch]:
    """Pack blocks, in order, into as few rows as the limits allow."""
    batches: list[Batch] = []
    names: dict[str, int] = {}
    index: list[bytes] = []
    payloads: list[bytes] = []
    size = 0
    for facts, data in items:
        if index and (size + len(data) > BATCH_BYTES_MAX or len(index) >= BATCH_BLOCKS_MAX):
            batches.append(_close(names, index, payloads, size))
            names, index, payloads, size = {}, [], [], 0
        name = names.setdefault(facts.agent, len(names))
        index.append(
            _INDEX.pack(name, facts.segment, facts.ordinal, facts.seq, facts.readings, facts.digest, len(data))
        )
        payloads.append(data)
        size += len(data)
    if index:
        batches.append(_close(names, index, payloads, size))
    return batches


def _close(names: dict[str, int], index: list[bytes], payloads: list[bytes], size: int) -> Batch:
    head = [struct.pack("<H", len(names))]
    for name in names:
        encoded = name.encode("ascii")
        head.append(bytes((len(encoded),)) + encoded)
    head.append(struct.pack("<I", len(index)))
    return Batch(len(index), size, seal(b"".join((*head, *index, *payloads))))


def unpack(last: int, received_at_ns: int, record: object) -> list[JournalEntry]:
    """The blocks of a row, in order.

    Raises:
        LogCorrupt: The row is not what was written.
    """
    return _entries(unseal(record), last, received_at_ns)


def unpack_unsealed(last: int, received_at_ns: int, record: bytes) -> list[JournalEntry]:
    """As `unpack`, of a row whose seal is broken: whoever calls checks each block by its own digest."""
    return _entries(record[8:], last, received_at_ns)


def _entries(content: bytes, last: int, received_at_ns: int) -> list[JournalEntry]:
    try:
        (names_count,) = struct.unpack_from("<H", content, 0)
        at = 2
        names: list[str] = []
        for _ in range(names_count):
            length = content[at]
            names.append(content[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        (count,) = struct.unpack_from("<I", content, at)
        at += 4
        body = at + count * _INDEX.size
        if body > len(content):
            raise LogCorrupt("a batch is shorter than its index")
        entries: list[JournalEntry] = []
        position = last - count + 1
        for name, segment, ordinal, seq, readings, digest, size in _INDEX.iter_unpack(content[at:body]):
            data = content[body : body + size]
            entries.append(
                JournalEntry(position, names[name], segment, ordinal, seq, readings, received_at_ns, digest, data)
            )
            body += size
            position += 1
    except (struct.error, IndexError, UnicodeDecodeError) as exc:
        raise LogCorrupt(f"a batch cannot be read: {exc}") from exc
    return entries


class StoredDigest(NamedTuple):
    """What is remembered of a stored block: number, readings, chain link, digest."""

    seq: int
    readings: int
    previous: bytes
    digest: bytes


def pack_digests(run: Sequence[StoredDigest]) -> bytes:
    """The record of one stream's blocks in one transaction."""
    return seal(b"".join([_DIGEST.pack(*entry) for entry in run]))


def unpack_digests(record: object) -> Iterator[StoredDigest]:
    """The inverse of `pack_digests`. Raises `LogCorrupt`."""
    content = unseal(record)
    if len(content) % _DIGEST.size:
        raise LogCorrupt("a run of digests is cut short")
    return (StoredDigest(*fields) for fields in _DIGEST.iter_unpack(content))
