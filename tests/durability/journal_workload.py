"""A small journal's life: commits, quarantine, losses, durable offset, trimming, a clean stop and another start.

Run under the recorder: ``python -m tests.durability.journal_workload FOLDER [COMMITS]``.
"""

from __future__ import annotations

import contextlib
import sys
import time
from functools import partial
from pathlib import Path

from collector.journal import Journal
from device_profiles.wire.delivery.collector_io import BlockFacts, Commit, KeepAside, StoreBlock, Token
from device_profiles.wire.delivery.ports import SegmentRow
from device_profiles.wire.digest import block_digest, chain
from device_profiles.wire.encode import encode
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import Block, ClockSection, ClockState, Column, ProfileRef
from harkara_io.log_errors import LogError
from tests.durability.recorder import promise

SEGMENT = (1 << 63) + 12345
AGENTS = ("ridge-01", "valley-02")
BLOCKS = 4


def a_block(agent: str, seq: int, previous: bytes) -> bytes:
    """A real block of three readings; the same for the same arguments."""
    return encode(
        Block(
            agent=agent,
            segment=SEGMENT,
            ordinal=1,
            seq=seq,
            device="gauge",
            readings_total=3 * seq,
            previous=previous,
            profile=ProfileRef("test/gauge", 1, bytes(8)),
            clock=ClockSection(bytes(8), 10**9, 1_700_000_000_000_000_000, ClockState.NTP, 0),
            times_ns=tuple(1_700_000_000_000_000_000 + (3 * seq + row) * 10**9 for row in range(3)),
            columns=(Column("stage", "m", -3, (1000 + seq, 1001 + seq, 1002 + seq)),),
        )
    )


def _held(payload: dict[int, bytes], item: StoreBlock | KeepAside) -> bytes:
    return payload[item.token.slot]


def main(folder: Path, commits: int) -> int:
    """Write; every promise is noted once the journal returned."""
    journal = Journal.open(folder / "journal.db", bytes_max=64 << 20, quarantine_bytes_max=4096)
    promise("open")
    seqs = dict.fromkeys(AGENTS, 0)
    previous = dict.fromkeys(AGENTS, bytes(8))
    failures = 0
    for batch in range(1, commits + 1):
        payload: dict[int, bytes] = {}
        blocks: list[StoreBlock] = []
        rows = []
        for agent in AGENTS:
            for seq in range(seqs[agent] + 1, seqs[agent] + BLOCKS + 1):
                data = a_block(agent, seq, previous[agent])
                digest = block_digest(data)
                slot = len(payload)
                payload[slot] = data
                facts = BlockFacts(agent, SEGMENT, 1, seq, 3, 3 * seq, digest, previous[agent])
                previous[agent] = chain(digest)
                blocks.append(StoreBlock(Token(1, slot + 1, slot), facts))
            seqs[agent] += BLOCKS
            rows.append((agent, SEGMENT, SegmentRow(stored=IntervalSet.of((1, seqs[agent])), ordinal=1)))
        noise = len(payload)
        payload[noise] = b"noise %d" % batch * 40
        aside = (KeepAside(Token(1, 99, noise), "ridge-01", "unverified", "digest", None),)
        commit = Commit(batch, tuple(blocks), aside, tuple(rows), (), (), ())
        while True:
            try:
                positions = journal.commit(commit, partial(_held, payload), time.time_ns())
                break
            except LogError as exc:
                failures += 1
                print(f"commit {batch}: {type(exc).__name__}: {exc}")
                if failures > 40:
                    return 3
        promise(f"stored {seqs['ridge-01']} {positions[-1]}")
        with contextlib.suppress(LogError):
            if batch % 3 == 0:
                journal.set_durable(positions[0])
                promise(f"durable {positions[0]}")
                journal.trim(age_ns_max=0, bytes_max=0)
            if batch % 4 == 0:
                journal.check()
        if batch == commits // 2:
            journal.close()
            journal = Journal.open(folder / "journal.db", bytes_max=64 << 20, quarantine_bytes_max=4096)
    journal.close()
    print(f"failures {failures}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 12))
