"""A block's digest: its name in the chain, and the proof that it arrived as it was made.

Every version of the block starts with the same 18 bytes, so a reader that knows none of the rest can check it::

    0        2                                18
    +----+----+-------------------------------+------------------ ... ---+
    | 0A | 10 |  BLAKE2b-128 of all that      |  everything else         |
    |    |    |  follows          [16 byte]   |                          |
    +----+----+-------------------------------+------------------ ... ---+

``0A 10`` is protobuf for "field 1, sixteen bytes".
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

DIGEST_BYTES: Final = 16
PREFIX: Final = b"\x0a\x10"
COVERED_FROM: Final = len(PREFIX) + DIGEST_BYTES
CHAIN_BYTES: Final = 8

PREVIOUS_OF_FIRST: Final = bytes(CHAIN_BYTES)
"""What the first block of a segment gives as its predecessor."""


def block_digest(data: bytes) -> bytes:
    """The digest a block claims, unchecked; empty bytes if ``data`` does not start like a block."""
    if len(data) < COVERED_FROM or data[:2] != PREFIX:
        return b""
    return data[2:COVERED_FROM]


def computed_digest(data: bytes) -> bytes:
    """BLAKE2b-128 of everything in ``data`` but prefix and digest: 16 bytes."""
    return blake2b(memoryview(data)[COVERED_FROM:], digest_size=DIGEST_BYTES).digest()


def seal(rest: bytes) -> bytes:
    """Put prefix and digest before the rest of a block."""
    return PREFIX + blake2b(rest, digest_size=DIGEST_BYTES).digest() + rest


def chain(digest: bytes) -> bytes:
    """What the next block of the segment carries as ``previous``: the first 8 bytes."""
    return digest[:CHAIN_BYTES]
