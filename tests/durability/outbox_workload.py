"""A small outbox's life: rows, blocks, receipts, losses, rejections, a clean stop, a start, a crash and a start.

Run under the recorder: ``python -m tests.durability.outbox_workload FOLDER [GROUPS]``. Every promise is noted once the
outbox returned.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from device_profiles.wire.delivery.agent_io import GiveUp, Trim
from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.digest import block_digest
from device_profiles.wire.encode import encode
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import Block, ClockSection, ClockState, ColumnSpec, LossReason, ProfileRef, Row
from device_profiles.wire.rows import columns_from_rows
from device_profiles.wire.values import Scaled
from edge_agent.outbox import Accept, Identity, OpenChunk, Outbox, Seal, Sealed, decode_rows, encode_rows
from harkara_io.log_errors import Incident, LogError
from tests.durability.recorder import promise

AGENT = "ridge-01"
FINGERPRINT = b"f" * 16
DEVICES = ("weather", "gauge")
SPECS = (ColumnSpec("a", "m"), ColumnSpec("b", "m"))
START_NS = 1_700_000_000_000_000_000
ROWS = 5
T = TypeVar("T")


def open_outbox(folder: Path, on_incident: Callable[[Incident], None] = print, bytes_max: int = 4 << 20) -> Outbox:
    return Outbox.open(
        folder / "outbox.db",
        agent=AGENT,
        fingerprint=FINGERPRINT,
        bytes_max=bytes_max,
        on_incident=on_incident,
    )


def some_rows(first: int, count: int = ROWS) -> list[Row]:
    """Rows that say their own number: row ``n`` was observed ``n`` seconds after the start."""
    return [
        Row(START_NS + number * 10**9, (Scaled(number, -2), Scaled(7 * number, 0)))
        for number in range(first, first + count)
    ]


def chunk_of(device: str, rows: Sequence[Row]) -> OpenChunk:
    return OpenChunk(device, len(rows), 2 * len(rows), encode_rows(SPECS, rows))


def encoder(rows: Sequence[Row]) -> Callable[[Identity], Sealed]:
    """What makes a real block of these rows."""

    def build(identity: Identity) -> Sealed:
        block = Block(
            agent=identity.agent,
            segment=identity.segment,
            ordinal=identity.ordinal,
            seq=identity.seq,
            device=identity.device,
            readings_total=identity.readings_before + 2 * len(rows),
            previous=identity.previous,
            profile=ProfileRef("test/pair", 1, bytes(8)),
            clock=ClockSection(bytes(8), 10**9, START_NS, ClockState.NTP, 0),
            times_ns=tuple(row.observed_at_ns for row in rows),
            columns=columns_from_rows(SPECS, rows),
            losses=identity.losses,
            opened=identity.opened,
        )
        data = encode(block)
        return Sealed(data, block_digest(data), len(rows), 2 * len(rows))

    return build


def seal_left_over(outbox: Outbox) -> list[Seal]:
    """Steps that seal what an earlier life accepted."""
    found: dict[str, list[Row]] = {}
    for chunk in outbox.open_chunks():
        found.setdefault(chunk.device, []).extend(decode_rows(chunk.data)[1])
    return [Seal(device, encoder(rows), live=False) for device, rows in found.items()]


class Life:
    """Does things to an outbox until they succeed, and notes what was promised."""

    def __init__(self, folder: Path) -> None:
        self.failures = 0
        self.folder = folder
        self.outbox = self.insist(lambda: open_outbox(folder))
        self.next_row = dict.fromkeys(DEVICES, 0)
        self.open_rows: dict[str, list[Row]] = {device: [] for device in DEVICES}
        promise("open")

    def insist(self, call: Callable[[], T]) -> T:
        while True:
            try:
                return call()
            except LogError as exc:
                self.failures += 1
                print(f"{type(exc).__name__}: {exc}")
                if self.failures > 40:
                    sys.exit(3)

    def group(self, number: int) -> tuple[BlockRef, ...]:
        """One group commit: rows of both devices, a block of one of them every other time."""
        steps: list[Accept | Seal] = []
        for index, device in enumerate(DEVICES):
            rows = some_rows(self.next_row[device])
            steps.append(Accept(chunk_of(device, rows)))
            self.next_row[device] += ROWS
            self.open_rows[device] += rows
            if (number + index) % 2 == 0:
                steps.append(Seal(device, encoder(list(self.open_rows[device]))))
                self.open_rows[device].clear()
        done = self.insist(lambda: self.outbox.commit(steps))
        promise("rows " + " ".join(f"{device}={count}" for device, count in self.next_row.items()))
        self.published(done.refs)
        return done.refs

    def published(self, refs: Sequence[BlockRef]) -> None:
        for ref in refs:
            promise(f"block {ref.segment} {ref.seq} {ref.digest.hex()}")

    def apply(self, action: Trim | GiveUp) -> None:
        """Receipts ride; what is deleted then was released before: promised to nobody from here on."""
        promise(f"released {action.segment} {','.join(f'{low}-{high}' for low, high in action.seqs)}")
        with contextlib.suppress(LogError):
            self.outbox.apply([action])

    def restart(self, *, clean: bool) -> None:
        if clean:
            steps = [Seal(device, encoder(list(rows))) for device, rows in self.open_rows.items() if rows]
            self.published(self.insist(lambda: self.outbox.commit(steps)).refs)
        self.outbox.close(clean=clean)
        self.outbox = self.insist(lambda: open_outbox(self.folder))
        self.published(self.insist(lambda: self.outbox.commit(seal_left_over(self.outbox))).refs)
        self.open_rows = {device: [] for device in DEVICES}


def main(folder: Path, groups: int) -> int:
    life = Life(folder)
    for number in range(1, groups + 1):
        refs = life.group(number)
        if refs and number % 3 == 0:
            life.apply(Trim(refs[-1].segment, IntervalSet.of((1, refs[-1].seq))))
        if refs and number % 5 == 0:
            seqs = IntervalSet.of((refs[-1].seq, refs[-1].seq))
            reason = LossReason.REJECTED if number % 2 else LossReason.SHED
            life.apply(GiveUp(refs[-1].segment, seqs, refs[-1].readings, reason, shelve=number % 2 == 1))
        if number in {groups // 3, 2 * groups // 3}:
            life.restart(clean=number == groups // 3)
    life.restart(clean=True)
    life.outbox.close()
    print(f"failures {life.failures}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 18))
