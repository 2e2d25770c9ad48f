"""Random streams that depend on a seed and a name only: a new device never shifts the draws of another."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
    """A stream of its own for one purpose.

    Args:
        seed: The scenario's seed.
        names: What the stream is for, from the general to the particular, e.g. ``"device", "ridge-03"``.

    Returns:
        A generator at its beginning; the same arguments give the same draws.
    """
    key = "\0".join((str(seed), *names)).encode("utf-8")
    digest = hashlib.blake2b(key, digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
