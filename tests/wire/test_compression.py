"""Packing and unpacking by several threads at once, as a collector does."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from device_profiles.wire.compression import compress, decompress
from device_profiles.wire.model import Encoding


def test_threads_do_not_disturb_each_other() -> None:
    """A compressor or decompressor that threads share crashes the interpreter, or gives another body's bytes."""
    numbers = random.Random(1)
    bodies = [bytes(numbers.choices(range(40), k=numbers.randrange(3_000, 60_000))) for _ in range(40)]
    packed = [compress(body, Encoding.ZSTD) for body in bodies]
    assert {encoding for _, encoding in packed} == {Encoding.ZSTD}

    def work(seed: int) -> int:
        order = random.Random(seed)
        wrong = 0
        for turn in range(800):
            place = order.randrange(len(bodies))
            wrong += decompress(*packed[place]) != bodies[place]
            if turn % 40 == 0:
                wrong += compress(bodies[place], Encoding.ZSTD) != packed[place]
        return wrong

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 0
