"""How long an agent waits for its receipt at a tenth of the load the collector must carry."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.blocks import LARGE, SMALL, Shape
from benchmarks.load import drive, prepare
from benchmarks.rig import running

SECONDS: Final = 30.0
AGENTS: Final = 8
_LOAD: Final = {LARGE: 500_000, SMALL: 200_000}
"""Readings per second: a tenth of what is asked of the collector."""


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure both block sizes, each for ``seconds``."""
    return {
        "about": "From writing a block to the socket until its receipt is read, at a tenth of the load asked for.",
        "blocks_of_2048": latency(LARGE, seconds),
        "blocks_of_240": latency(SMALL, seconds),
        "targets": {"blocks_of_2048.p99_ms": "<= 250", "blocks_of_240.p99_ms": "<= 250"},
    }


def latency(shape: Shape, seconds: float) -> dict[str, Any]:
    """One run with blocks of one shape."""
    agents = [f"load-{number:02d}" for number in range(AGENTS)]
    blocks_per_s = _LOAD[shape] / shape.readings
    with running(agents) as rig:
        senders = prepare(agents, shape, int(blocks_per_s * seconds / AGENTS) + 8, rig.port)
        course = drive(senders, seconds, rig.sample, blocks_per_s=blocks_per_s)
        waits = sorted(wait for sender in senders for wait in sender.latency_s)
        return {
            "readings_per_s": round(course.blocks * shape.readings / course.seconds),
            "blocks": course.blocks,
            **{f"p{share:g}_ms": round(waits[int(len(waits) * share / 100)] * 1e3, 1) for share in (50, 90, 99, 99.9)},
            "max_ms": round(waits[-1] * 1e3, 1),
        }
