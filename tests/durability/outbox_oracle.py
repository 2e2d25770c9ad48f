"""What an outbox owes after a power cut, held against what its workload promised before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device_profiles.wire.decode import decode
from device_profiles.wire.delivery.ports import BlockRef
from device_profiles.wire.intervals import EMPTY, IntervalSet
from edge_agent.outbox import Accept, Outbox, Seal, decode_rows
from harkara_io.log_errors import Incident
from tests.durability.outbox_workload import START_NS, chunk_of, encoder, open_outbox, some_rows


@dataclass
class Promised:
    """Everything the workload was told is safe.

    Attributes:
        blocks: Digest by (segment, seq): these may have been published.
        released: Seqs by segment whose deletion was ordered: may be there or not.
        rows: By device, how many rows were accepted; they are numbered from 0.
    """

    blocks: dict[tuple[int, int], str] = field(default_factory=dict)
    released: dict[int, IntervalSet] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def read_promises(promises: Sequence[str]) -> Promised:
    found = Promised()
    for text in promises:
        word, *rest = text.split()
        if word == "block":
            found.blocks[int(rest[0]), int(rest[1])] = rest[2]
        elif word == "released":
            pairs = (tuple(map(int, pair.split("-"))) for pair in rest[1].split(","))
            seqs = IntervalSet.of(*((low, high) for low, high in pairs))
            found.released[int(rest[0])] = found.released.get(int(rest[0]), EMPTY).union(seqs)
        elif word == "rows":
            found.rows = {device: int(count) for device, count in (pair.split("=") for pair in rest)}
    return found


def broken_promises(folder: Path, promises: Sequence[str]) -> list[str]:
    """Open a rebuilt outbox with the real code and hold it against what was promised."""
    incidents: list[Incident] = []
    promised = read_promises(promises)
    outbox = open_outbox(folder, incidents.append)
    try:
        wrong = [f"incident {incident.kind}: {incident.detail}" for incident in incidents]
        wrong += wrong_blocks(outbox, promised) + wrong_rows(outbox, promised) + wrong_sums(outbox)
        return wrong + wrong_numbers(outbox, promised)
    finally:
        outbox.close(clean=False)


def wrong_blocks(outbox: Outbox, promised: Promised) -> list[str]:
    """Published blocks are there, the same bytes, unless their deletion was ordered."""
    wrong = []
    for (segment, seq), digest in promised.blocks.items():
        ref = outbox.get(segment, seq)
        if ref is None:
            if seq not in promised.released.get(segment, EMPTY):
                wrong.append(f"published block {segment:x}/{seq} is gone")
        elif ref.digest.hex() != digest or decode(outbox.read(segment, seq)).seq != seq:
            wrong.append(f"published block {segment:x}/{seq} is another one")
    return wrong


def wrong_rows(outbox: Outbox, promised: Promised) -> list[str]:
    """Accepted rows are in a block, kept or released, or in the open table; each once."""
    wrong = []
    seen: dict[str, list[int]] = {device: [] for device in promised.rows}
    for device, observed_at_ns in _kept_rows(outbox):
        seen.setdefault(device, []).append((observed_at_ns - START_NS) // 10**9)
    stats = outbox.stats()
    gone = stats.stored + stats.recorded_loss
    for device, numbers in seen.items():
        if len(set(numbers)) != len(numbers):
            wrong.append(f"{device}: a row is there twice")
    accepted = 2 * sum(promised.rows.values())
    held = 2 * sum(len(numbers) for numbers in seen.values())
    shelved = sum(ref.readings for ref in _shelved(outbox))
    if held + gone - shelved < accepted:
        wrong.append(f"{accepted} readings were accepted, {held} are here, {gone} settled")
    return wrong


def _kept_rows(outbox: Outbox) -> Iterator[tuple[str, int]]:
    for span in outbox.segments(0, 1000):
        for low, high in IntervalSet.of((1, max(span.tail, 1))).subtract(span.absent):
            for seq in range(low, high + 1) if span.tail else ():
                block = decode(outbox.read(span.segment, seq))
                yield from ((block.device, observed_at_ns) for observed_at_ns in block.times_ns)
    for chunk in outbox.open_chunks():
        yield from ((chunk.device, row.observed_at_ns) for row in decode_rows(chunk.data)[1])


def _shelved(outbox: Outbox) -> Iterator[BlockRef]:
    for span in outbox.segments(0, 1000):
        for seq in span.shelved.numbers():
            ref = outbox.get(span.segment, seq)
            if ref is not None:
                yield ref


def wrong_sums(outbox: Outbox) -> list[str]:
    """The running sums say what the tables hold."""
    stats = outbox.stats()
    refs = list(outbox.after(0, 0, 1 << 20))
    pending = sum(ref.readings for ref in refs) + stats.open_readings
    wrong = []
    if stats.pending != pending:
        wrong.append(f"pending says {stats.pending}, the tables hold {pending}")
    if stats.accepted != stats.stored + stats.recorded_loss + stats.pending:
        wrong.append("accepted is not stored + recorded loss + pending")
    for span in outbox.segments(0, 1000):
        present = IntervalSet.from_numbers(ref.seq for ref in refs if ref.segment == span.segment).union(span.shelved)
        whole = IntervalSet.of((1, span.tail)) if span.tail else EMPTY
        if whole.subtract(span.absent) != present:
            wrong.append(f"segment {span.segment:x}: absent {span.absent} beside {present} of 1..{span.tail}")
    return wrong


def wrong_numbers(outbox: Outbox, promised: Promised) -> list[str]:
    """The next block gets a number that nobody has seen, and says where it comes from."""
    rows = some_rows(10_000)
    (ref,) = outbox.commit([Accept(chunk_of("probe", rows)), Seal("probe", encoder(rows))]).refs
    wrong = []
    if (ref.segment, ref.seq) in promised.blocks:
        wrong.append(f"number {ref.segment:x}/{ref.seq} is used again")
    block = decode(outbox.read(ref.segment, ref.seq))
    if ref.seq == 1:
        opened = block.opened
        parents = [span.segment for span in outbox.segments(0, 1000)[:-1] if span.tail]
        if opened is None or opened.parent_segment != (parents[-1] if parents else 0):
            wrong.append("a new segment does not name its parent")
    else:
        before = outbox.get(ref.segment, ref.seq - 1)
        if before is not None and block.previous != before.digest[:8]:
            wrong.append("the chain of digests is broken")
    return wrong
