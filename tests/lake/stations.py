"""Blocks of known content, a real journal to put them in, and what must come out of the lake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Self

from collector.journal import Journal, JournalEntry
from collector.lake.accounting import Accounts
from collector.lake.disk import Disk
from collector.lake.lake import Lake
from collector.lake.latest import LatestValues
from collector.lake.latest_rebuild import rebuild
from collector.lake.maintenance import Maintenance
from collector.lake.progress import ProjectorOptions
from collector.lake.projector import Projector
from device_profiles.wire.decode import decode, read_header
from device_profiles.wire.delivery.collector_io import BlockFacts, Commit, StoreBlock, Token
from device_profiles.wire.delivery.ports import SegmentRow
from device_profiles.wire.encode import encode
from device_profiles.wire.model import Block, ClockSection, ClockState, Column, LossRecord, ProfileRef, TextEvent

BEGIN_NS = 1_795_471_200 * 10**9
PROFILE = ProfileRef("weather", 1, b"profile1")
CLOCK = ClockSection(b"bootboot", 5_000_000_000, BEGIN_NS, ClockState.NTP, 1_000_000)


def block(
    seq: int,
    *,
    agent: str = "station-1",
    segment: int = 77,
    device: str = "weather",
    rows: int = 16,
    start_ns: int | None = None,
    columns: tuple[Column, ...] | None = None,
    total: int | None = None,
    texts: tuple[TextEvent, ...] = (),
    losses: tuple[LossRecord, ...] = (),
) -> bytes:
    """One encoded block; its values follow from ``seq``, so that any mix-up shows."""
    start = BEGIN_NS + seq * 60 * 10**9 if start_ns is None else start_ns
    times = tuple(start + row * 10**9 for row in range(rows))
    if columns is None:
        columns = (
            Column("air_temperature", "Cel", -2, tuple(2000 + seq * 7 + row for row in range(rows))),
            Column("wind_speed", "m/s", -1, tuple((seq * 3 + row) % 90 for row in range(rows))),
            Column("battery_voltage", "V", None, tuple(12.0 + (seq + row) / 7 for row in range(rows))),
        )
    made = Block(
        agent=agent,
        segment=segment,
        ordinal=1,
        seq=seq,
        device=device,
        readings_total=0,
        previous=bytes(8),
        profile=PROFILE,
        clock=CLOCK,
        times_ns=times,
        columns=columns,
        texts=texts,
        losses=losses,
    )
    return encode(replace(made, readings_total=made.readings * seq if total is None else total))


def store(journal: Journal, blocks: Sequence[bytes], *, received_at_ns: int = BEGIN_NS) -> list[JournalEntry]:
    """Commit blocks to the journal as the intake would, and return them as its entries."""
    facts = []
    for data in blocks:
        h = read_header(data)
        facts.append(
            BlockFacts(h.agent, h.segment, h.ordinal, h.seq, h.readings, h.readings_total, h.digest, h.previous)
        )
    stored = tuple(StoreBlock(Token(1, number, number), fact) for number, fact in enumerate(facts))
    before = journal.head
    rows: dict[tuple[str, int], SegmentRow] = {}
    for fact in facts:
        key = (fact.agent, fact.segment)
        known = rows.get(key) or journal.ledger.segment(*key) or SegmentRow()
        rows[key] = replace(known, stored=known.stored.add(fact.seq))
    ledger = tuple((agent, segment, row) for (agent, segment), row in rows.items())
    commit = Commit(batch=1, blocks=stored, aside=(), rows=ledger, losses=(), voids=(), epochs=())
    journal.commit(commit, lambda item: blocks[item.token.slot], received_at_ns)
    return journal.read(before, blocks_max=len(blocks))


@dataclass
class Poisoned:
    """Remembers what was set aside, each block once."""

    found: dict[int, str] = field(default_factory=dict)

    def poisoned(self, entry: JournalEntry, reason: str, detail: str) -> None:
        self.found[entry.position] = f"{reason}: {detail}"


@dataclass
class Bench:
    """Journal, lake and projector in one folder, each the real one."""

    folder: Path
    options: ProjectorOptions = field(default_factory=lambda: ProjectorOptions(flush_after_s=0.0, mark_every_s=0.0))
    maintenance: Maintenance | None = None
    disk: Disk | None = None
    journal: Journal = field(init=False)
    lake: Lake = field(init=False)
    latest: LatestValues = field(init=False)
    accounts: Accounts = field(init=False)
    poison: Poisoned = field(default_factory=Poisoned)
    projector: Projector = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal.open(self.folder / "journal.db")
        self.lake = Lake.open(self.folder / "lake", disk=self.disk)
        self.latest, self.accounts = LatestValues(self.lake.dictionary), Accounts()
        with closing(self.lake.cursor()) as cursor:
            rebuild(self.latest, cursor, self.lake.dictionary, now_ns=BEGIN_NS + 10**15)
            self.accounts.load(cursor)
        self.projector = Projector(
            self.lake,
            self.journal,
            self.latest,
            self.accounts,
            poison=self.poison,
            options=self.options,
            maintenance=self.maintenance,
            clock_ns=lambda: BEGIN_NS + 10**15,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.lake.close()
        self.journal.close()

    def project(self) -> None:
        """Step until the lake has everything."""
        while self.projector.stats().position < self.journal.head:
            self.projector.step()

    def rows(self) -> list[tuple[str, str, str, int, float, int]]:
        """(agent, device, channel, observed_at_ns, value, flag) of every stored reading, in order."""
        with closing(self.lake.cursor()) as cursor:
            return cursor.execute(
                "SELECT agent, device, channel, epoch_ns(observed_at), value, flag FROM lake.reading "
                "JOIN lake.series USING (series_id) ORDER BY ALL"
            ).fetchall()


def readings_of(blocks: Iterable[bytes]) -> list[tuple[str, str, str, int, float, int]]:
    """What the lake must hold after these blocks, by the other decoder and by decimal arithmetic."""
    found = []
    for data in blocks:
        made = decode(data)
        for column in made.columns:
            flags = dict(column.flags)
            for row, (moment, value) in enumerate(zip(made.times_ns, column.values, strict=True)):
                if value is not None:
                    number = value if column.exponent is None else Decimal(value).scaleb(column.exponent)
                    key = (made.agent, made.device, column.channel)
                    found.append((*key, moment, float(number), flags.get(row, 2)))
    return sorted(found)
