"""Small records that know when a bit of them flipped: eight bytes of digest, then the content."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from harkara_io.log_errors import LogCorrupt

_DIGEST_BYTES = 8


def seal(content: bytes, *, about: bytes = b"") -> bytes:
    """Prefix content with its digest.

    Args:
        content: Any bytes.
        about: Bytes kept elsewhere (a key) that the digest covers too.
    """
    return _digest(content, about) + content


def unseal(record: object, *, about: bytes = b"") -> bytes:
    """The inverse of `seal`.

    Raises:
        LogCorrupt: The record is not what was sealed.
    """
    if isinstance(record, bytes) and len(record) >= _DIGEST_BYTES:
        content = record[_DIGEST_BYTES:]
        if record[:_DIGEST_BYTES] == _digest(content, about):
            return content
    raise LogCorrupt("a record does not match its digest")


def seal_json(fields: dict[str, Any]) -> bytes:
    """A record of named fields: bytes as hexadecimal text, so that a person can read a damaged file."""
    return seal(json.dumps(fields, separators=(",", ":"), sort_keys=True, default=bytes.hex).encode())


def unseal_json(record: object) -> dict[str, Any]:
    """The inverse of `seal_json`; byte fields stay hexadecimal text.

    Raises:
        LogCorrupt: The record is not what was sealed.
    """
    fields = json.loads(unseal(record))
    if not isinstance(fields, dict):
        raise LogCorrupt("a record holds no fields")
    return fields


def _digest(content: bytes, about: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES, key=about[:64]).digest()
