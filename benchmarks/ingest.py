"""Readings per second from Mosquitto through the journal to receipt and lake, load and broker on the same cores.

Eight enrolled agents send prepared blocks as fast as their windows and the receipts allow. At the end the readings are
counted in the lake and their sum is compared with what was sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.blocks import LARGE, SMALL, TEMPLATES, Shape, templates
from benchmarks.load import Sender, drive, prepare
from benchmarks.rig import Rig, running
from device_profiles.wire.model import Block
from device_profiles.wire.values import Scaled, scaled_to_float

SECONDS: Final = 60.0
AGENTS: Final = 8
_PREPARED_PER_S: Final = {LARGE: 14_000_000, SMALL: 5_000_000}
"""Readings prepared for each second: more than will be taken."""
_LAKE_S: Final = 300.0


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Measure both block sizes, each for ``seconds``."""
    return {
        "about": f"{AGENTS} agents on MQTT 5, one collector process, {seconds:g} s of load each.",
        "blocks_of_2048": ingest(LARGE, seconds),
        "blocks_of_240": ingest(SMALL, seconds),
        "targets": {
            "blocks_of_2048.readings_per_s_until_in_lake": ">= 5,000,000",
            "blocks_of_2048.collector_rss_max_mb": "<= 500",
            "blocks_of_240.readings_per_s_until_in_lake": ">= 2,000,000",
            "blocks_of_240.collector_rss_max_mb": "<= 500",
        },
    }


def ingest(shape: Shape, seconds: float) -> dict[str, Any]:
    """One run with blocks of one shape."""
    agents = [f"load-{number:02d}" for number in range(AGENTS)]
    with running(agents) as rig:
        blocks = int(_PREPARED_PER_S[shape] * seconds / shape.readings / AGENTS)
        senders = prepare(agents, shape, blocks, rig.port)
        before = rig.cpu_s()
        course = drive(senders, seconds, rig.sample)
        behind_s = rig.wait_in_lake(_LAKE_S)
        collector_s, broker_s = (after - start for after, start in zip(rig.cpu_s(), before, strict=True))
        rig.stop_collector()
        readings = course.blocks * shape.readings
        counted, total = _count(rig)
        expected = _expected_sum(senders, shape)
        if counted != readings or not math.isclose(total, expected, rel_tol=1e-9):
            raise AssertionError(f"sent {readings} readings of sum {expected}, the lake has {counted} of {total}")
        sixth = max(1, len(rig.rss_mb) // 6)
        return {
            "readings_per_s": round(readings / course.seconds),
            "readings_per_s_until_in_lake": round(readings / (course.seconds + behind_s)),
            "blocks_per_s": round(course.blocks / course.seconds),
            "readings": readings,
            "readings_counted_in_lake": counted,
            "seconds": round(course.seconds, 1),
            "lake_behind_s": round(behind_s, 2),
            "prepared_blocks_ran_out": course.exhausted,
            "bytes_per_reading": round(course.bytes / readings, 3),
            "collector_cpu_s_per_million": round(collector_s / readings * 1e6, 4),
            "broker_cpu_s_per_million": round(broker_s / readings * 1e6, 4),
            "collector_rss_max_mb": round(max(rig.rss_mb), 1),
            "collector_rss_by_sixths_mb": ", ".join(
                f"{max(rig.rss_mb[first : first + sixth]):.0f}" for first in range(0, len(rig.rss_mb), sixth)
            ),
        }


def _count(rig: Rig) -> tuple[int, float]:
    from collector.lake.lake import Lake

    lake = Lake.open(rig.data / "lake")
    try:
        row = lake.cursor().execute("SELECT count(*), sum(value) FROM lake.reading").fetchone()
        assert row is not None
        return int(row[0]), float(row[1])
    finally:
        lake.close()


def _expected_sum(senders: Sequence[Sender], shape: Shape) -> float:
    total = 0.0
    for number, sender in enumerate(senders, 1):
        sums = [_sum(block) for block in templates(sender.agent, shape, number)]
        rounds, rest = divmod(sender.stored, TEMPLATES)
        total += rounds * math.fsum(sums) + math.fsum(sums[:rest])
    return total


def _sum(block: Block) -> float:
    return math.fsum(
        float(value) if column.exponent is None else scaled_to_float(Scaled(int(value), column.exponent))
        for column in block.columns
        for value in column.values
        if value is not None
    )
