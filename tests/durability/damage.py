"""Ways in which a card ruins a file."""

from __future__ import annotations

import random
from pathlib import Path


def spoil(path: Path, damage: str, chance: random.Random) -> None:
    """Ruin a closed SQLite file: ``header``, ``middle`` (each third page), ``truncated``, ``empty``, ``everything``."""
    content = bytearray(path.read_bytes())
    if damage == "header":
        content[:100] = bytes(100)
    elif damage == "middle":
        for start in range(2 * 4096, len(content), 3 * 4096):
            content[start : start + 4096] = chance.randbytes(4096)
    elif damage == "truncated":
        del content[len(content) * 2 // 3 :]
    elif damage == "empty":
        content = bytearray()
    else:
        content[:] = chance.randbytes(len(content))
    path.write_bytes(bytes(content))
