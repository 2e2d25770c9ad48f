"""How far files have been read, in the transaction that takes their rows: no power cut comes between the two.

The table is made with the first mark: most outboxes never see one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from hashlib import blake2b

from edge_agent.outbox.types import Mark
from harkara_io import checked
from harkara_io.log_errors import LogCorrupt

MAKE = "CREATE TABLE IF NOT EXISTS mark (id INTEGER PRIMARY KEY, record BLOB NOT NULL)"
PUT = "INSERT OR REPLACE INTO mark (id, record) VALUES (?, ?)"


def put(connection: sqlite3.Connection, marks: Iterable[Mark]) -> None:
    """Keep marks in place of those that the same devices had for the same files."""
    connection.execute(MAKE)
    for mark in marks:
        connection.execute(
            PUT, (_key(mark), checked.seal_json({**mark.place, "device": mark.device, "file": mark.file}))
        )


def load(connection: sqlite3.Connection) -> list[Mark]:
    """All marks that verify; of a rotten one the file is read again from its beginning."""
    if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'mark'").fetchone():
        return []
    return [mark for row in connection.execute("SELECT record FROM mark") if (mark := parse(row[0])) is not None]


def parse(record: object) -> Mark | None:
    """A mark as stored; None when it is damaged."""
    try:
        fields = checked.unseal_json(record)
        device, file = str(fields.pop("device")), str(fields.pop("file"))
    except (LogCorrupt, ValueError, KeyError):
        return None
    return Mark(device, file, fields)


def _key(mark: Mark) -> int:
    data = f"{mark.device}\0{mark.file}".encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") >> 1
