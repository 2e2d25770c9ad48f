"""An outbox with more blocks than its page cache holds; the card then fails one read, once.

Run under the recorder's shim: ``python -m tests.durability.one_bad_read FOLDER SWITCH``. Prints what became of the
reads and of the sums.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path

from device_profiles.wire.model import Row
from edge_agent.outbox import Accept, BlockUnreadable, Seal
from tests.durability.outbox_workload import chunk_of, encoder, open_outbox


def steps(seed: int) -> Sequence[Accept | Seal]:
    """A block of 1,000 rows that do not compress."""
    chance = random.Random(seed)
    rows = [Row(1_700_000_000 * 10**9 + n * 10**9, (chance.random(), chance.random())) for n in range(1000)]
    return Accept(chunk_of("weather", rows)), Seal("weather", encoder(rows))


def main(folder: Path, switch: Path) -> int:
    """0 when it ran; what it found is printed."""
    outbox = open_outbox(folder, lambda incident: print("incident", incident.kind, "lost", incident.lost))
    refs = [ref for seed in range(150) for ref in outbox.commit(steps(seed)).refs]
    switch.write_text("5 once", encoding="utf-8")
    for ref in refs:
        try:
            outbox.read(ref.segment, ref.seq)
        except BlockUnreadable as exc:
            print("unreadable", exc)
    print("failed" if not switch.exists() else "no read reached the card")
    stats = outbox.stats()
    print("blocks", stats.blocks, "pending", stats.pending == stats.accepted, "lost", stats.recorded_loss)
    outbox.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
