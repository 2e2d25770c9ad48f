"""The outbox's small records and the layout of its file.

``record``: row 1 says whose outbox this is, row 2 holds the running totals, row ``100 + ordinal`` a segment each. They
share a page, so that a group commit rewrites one page for all of them. ``block``: key ``ordinal << 40 | seq``, so the
order of keys is the order of sending and an interval of a segment is a range of keys. Encoded bytes stand last in the
row: an index scan never touches them.
"""

from __future__ import annotations

import sqlite3
from dataclasses import asdict, dataclass
from typing import Any, Final

from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.model import LossReason, LossRecord, OpenRecord
from harkara_io.checked import seal_json, unseal_json
from harkara_io.sqlite_log import LogFormat

FORMAT: Final = LogFormat(
    application_id=0x48524B4F,  # "HRKO"
    version=1,
    statements=(
        "CREATE TABLE record (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE open_chunk (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        """CREATE TABLE block (id INTEGER PRIMARY KEY, readings INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
        shelved INTEGER NOT NULL, live INTEGER NOT NULL, digest BLOB NOT NULL, data BLOB NOT NULL)""",
        "CREATE TABLE loss (id INTEGER PRIMARY KEY, carried_by INTEGER NOT NULL, record BLOB NOT NULL)",
        "CREATE TABLE aside (id INTEGER PRIMARY KEY, reason TEXT NOT NULL, data BLOB NOT NULL)",
    ),
    small_tables=("record", "open_chunk", "loss"),
)

OWNER: Final = 1
TOTALS: Final = 2
SEGMENTS: Final = 100
SEQ_BITS: Final = 40
SEQ_MASK: Final = (1 << SEQ_BITS) - 1


def key_of(ordinal: int, seq: int) -> int:
    """Key of a block's row."""
    return ordinal << SEQ_BITS | seq


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose outbox the file is.

    Attributes:
        agent: Agent id.
        outbox_id: Random, 16 bytes.
        fingerprint: Of the hardware it was last opened on, 16 bytes.
        lineage: The store this agent belongs to, 16 bytes; empty until first contact.
    """

    agent: str
    outbox_id: bytes
    fingerprint: bytes
    lineage: bytes = b""

    def record(self) -> bytes:
        """As stored."""
        return seal_json(asdict(self))

    @classmethod
    def parse(cls, record: object) -> Owner:
        """Raises `LogCorrupt`."""
        fields = unseal_json(record)
        ids = {name: bytes.fromhex(fields[name]) for name in ("outbox_id", "fingerprint", "lineage")}
        return cls(agent=str(fields["agent"]), **ids)


@dataclass(frozen=True, slots=True)
class Totals:
    """Running sums, changed in the transaction that changes what they sum up: a start reads them and scans nothing.

    Attributes:
        accepted: Readings ever accepted.
        stored: Readings deleted because the collector holds them.
        lost: Readings covered by loss records.
        blocks: Sealed blocks kept.
        block_bytes: Their encoded size. [bytes]
        shelved_bytes: Of these, rejected ones. [bytes]
    """

    accepted: int = 0
    stored: int = 0
    lost: int = 0
    blocks: int = 0
    block_bytes: int = 0
    shelved_bytes: int = 0

    @property
    def pending(self) -> int:
        """Readings that are still this outbox's responsibility."""
        return self.accepted - self.stored - self.lost

    def record(self) -> bytes:
        """As stored."""
        return seal_json(asdict(self))

    @classmethod
    def parse(cls, record: object) -> Totals:
        """Raises `LogCorrupt`."""
        return cls(**unseal_json(record))


@dataclass(frozen=True, slots=True)
class Segment:
    """One unbroken life of the outbox.

    Attributes:
        segment: Random 64-bit id.
        ordinal: Place in the outbox, from 1.
        tail: Highest seq sealed.
        readings: Readings sealed so far.
        last_digest: Digest of block ``tail``; empty before the first.
        absent: Seqs deleted, for whatever reason.
        shelved: Seqs kept but never offered.
        parent: Segment id of the life before; 0 for none.
        parent_tail: Its tail when this one began.
        reason: Why this one began.
        outbox_id: Outbox id when it began, for the open record.
        fingerprint: Hardware when it began, for the open record.
        clean: Ended by a clean stop: the next start may go on with it.
    """

    segment: int
    ordinal: int
    tail: int
    readings: int
    last_digest: bytes
    absent: IntervalSet
    shelved: IntervalSet
    parent: int
    parent_tail: int
    reason: str
    outbox_id: bytes
    fingerprint: bytes
    clean: bool = False

    @property
    def opened(self) -> OpenRecord:
        """The open record that the first block carries."""
        return OpenRecord(self.parent, self.parent_tail, self.outbox_id, self.fingerprint, self.reason)

    def record(self) -> bytes:
        """As stored."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        fields["absent"] = self.absent.to_bytes()
        fields["shelved"] = self.shelved.to_bytes()
        return seal_json(fields)

    @classmethod
    def parse(cls, record: object) -> Segment:
        """Raises `LogCorrupt`."""
        fields = unseal_json(record)
        for name in ("last_digest", "outbox_id", "fingerprint"):
            fields[name] = bytes.fromhex(fields[name])
        for name in ("absent", "shelved"):
            fields[name] = IntervalSet.from_bytes(bytes.fromhex(fields[name]), max_intervals=1 << 30)
        return cls(**fields)


def loss_record(loss: LossRecord) -> bytes:
    """A loss record as stored."""
    return seal_json(
        {
            "reason": loss.reason.value,
            "segment": loss.segment,
            "intervals": loss.intervals.to_bytes(),
            "readings": loss.readings,
            "device": loss.device,
        }
    )


def parse_loss(record: object) -> LossRecord:
    """The inverse of `loss_record`. Raises `LogCorrupt`."""
    fields = unseal_json(record)
    intervals = IntervalSet.from_bytes(bytes.fromhex(fields["intervals"]), max_intervals=1 << 30)
    reason = LossReason(fields["reason"])
    return LossRecord(reason, fields["segment"], intervals, fields["readings"], fields["device"])


def put(connection: sqlite3.Connection, number: int, record: bytes) -> None:
    """Write one small record."""
    connection.execute("INSERT OR REPLACE INTO record (id, record) VALUES (?, ?)", (number, record))


def put_segment(connection: sqlite3.Connection, segment: Segment) -> None:
    """Write one segment's record."""
    put(connection, SEGMENTS + segment.ordinal, segment.record())
