"""The journal: whoever has a receipt has it because a commit here returned."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from collector.journal import figures, quarantine, repair, writing
from collector.journal.counters import Counters
from collector.journal.figures import AgentStored, JournalStats
from collector.journal.ledger import JournalLedger
from collector.journal.packing import JournalEntry, unpack
from collector.journal.rows import pack_identity, unpack_identity
from collector.journal.schema import COUNTERS, DURABLE, FORMAT, IDENTITY
from device_profiles.wire.delivery.collector_io import Commit, KeepAside, StoreBlock
from device_profiles.wire.delivery.ports import StoreIdentity
from harkara_io.checked import seal_json, unseal_json
from harkara_io.kept_log import KeptLog, log_incident
from harkara_io.log_errors import Incident, LogCorrupt
from harkara_io.log_salvage import Reader

CACHE_BYTES: Final = 8 << 20
_TRIM_ROWS: Final = 64
_ID_BYTES: Final = 16


class Journal(KeptLog):
    """Blocks in order with their ledger, in one SQLite file. Any thread may call; one call at a time runs.

    Made by `open`. Every changing call is fsynced when it returns.
    """

    def __init__(
        self,
        path: Path,
        *,
        lineage: bytes | None,
        bytes_max: int,
        quarantine_bytes_max: int,
        now_ns: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        on_incident: Callable[[Incident], None],
    ) -> None:
        super().__init__(
            path, FORMAT, bytes_max=bytes_max, cache_bytes=CACHE_BYTES, now_ns=now_ns, on_incident=on_incident
        )
        self._lineage = lineage
        self._random_bytes = random_bytes
        self._quarantine_bytes_max = quarantine_bytes_max
        self._identity = StoreIdentity(bytes(_ID_BYTES), bytes(_ID_BYTES), 0)
        self._counters = Counters()
        self._durable = 0
        self._checked = 0
        self.ledger = JournalLedger(self._reading, lambda: self._identity)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        lineage: bytes | None = None,
        bytes_max: int = 8 << 30,
        quarantine_bytes_max: int = 256 << 20,
        now_ns: Callable[[], int] = time.time_ns,
        random_bytes: Callable[[int], bytes] = os.urandom,
        on_incident: Callable[[Incident], None] = log_incident,
    ) -> Journal:
        """Open the journal, make it where there is none, repair it where it is damaged.

        Args:
            path: The file.
            lineage: The operator's store, 16 bytes, for a new journal; random when None.
            bytes_max: Cap of the file. [bytes]
            quarantine_bytes_max: Cap of what is put aside, within it. [bytes]
            now_ns: Wall clock. [ns]
            random_bytes: Source of identities.
            on_incident: Told of a file that had to be replaced.

        Raises:
            LogLocked: Another process has it.
            LogForeign: Not a journal, or of a later version.
            LogBroken: The disk fails.
        """
        journal = cls(
            path,
            lineage=lineage,
            bytes_max=bytes_max,
            quarantine_bytes_max=quarantine_bytes_max,
            now_ns=now_ns,
            random_bytes=random_bytes,
            on_incident=on_incident,
        )
        journal._open()
        return journal

    # -- writing
    def commit(
        self, commit: Commit, payload: Callable[[StoreBlock | KeepAside], bytes], received_at_ns: int
    ) -> list[int]:
        """Store a machine's commit in one transaction.

        Args:
            commit: What to store.
            payload: Gives the bytes of each block and of what is put aside.
            received_at_ns: When it came, UTC Unix time. [ns]

        Returns:
            Positions of ``commit.blocks``. They survive a power cut from here on.

        Raises:
            LogFull: Nothing was stored; trim, or wait for the lake, and call again.
            LogBroken: Nothing was stored; wait and call again.
        """
        prepared = writing.prepare(commit, payload, received_at_ns)
        with self.lock:
            written = self._write(
                lambda c: writing.write(c, prepared, self._counters, self.ledger, self._quarantine_bytes_max),
                pages=prepared.pages,
            )
            self._counters = written.counters
            self.ledger.committed(written.streams, written.newest)
        return list(range(written.first, written.first + len(commit.blocks)))

    def put_aside(self, entry: JournalEntry, reason: str) -> None:
        """Keep a stored block that cannot be decoded where a person will look; a second call changes nothing."""
        aside = quarantine.QuarantineEntry(
            0, "poisoned", entry.agent, entry.segment, entry.seq, entry.digest, reason, self._now_ns(), entry.data
        )
        with self.lock:

            def work(connection: Any) -> Counters:  # noqa: ANN401
                added = quarantine.add(connection, aside)
                counters = replace(
                    self._counters,
                    aside=self._counters.aside + bool(added),
                    aside_bytes=self._counters.aside_bytes + added,
                )
                excess = counters.aside_bytes - self._quarantine_bytes_max
                if excess > 0:
                    gone, gone_bytes = quarantine.evict(connection, excess)
                    counters = replace(
                        counters,
                        aside_bytes=counters.aside_bytes - gone_bytes,
                        aside_evicted=counters.aside_evicted + gone,
                    )
                self._put(connection, COUNTERS, counters.pack())
                return counters

            self._counters = self._write(work)

    def set_durable(self, position: int) -> None:
        """Everything up to ``position`` is durable in the lake: it may be trimmed. Never goes back."""
        with self.lock:
            if position > self._durable:
                self._write(lambda c: self._put(c, DURABLE, seal_json({"position": position})))
                self._durable = position

    def trim(self, *, age_ns_max: int, bytes_max: int) -> int:
        """Delete what the lake holds durably and retention does not ask for, oldest first.

        Args:
            age_ns_max: Keep what came within this time. [ns]
            bytes_max: Keep no more than this, young or not. [bytes]

        Returns:
            Blocks deleted; at most a few thousand a call, so that commits never wait long.
        """
        with self.lock:
            before_ns = self._now_ns() - age_ns_max

            def work(connection: Any) -> tuple[int, Counters]:  # noqa: ANN401
                counters = self._counters
                oldest = connection.execute(
                    "SELECT id, received_at_ns, size FROM batch WHERE id <= ? ORDER BY id LIMIT ?",
                    (self._durable, _TRIM_ROWS),
                ).fetchall()
                gone = 0
                for last, received_at_ns, size in oldest:
                    if received_at_ns >= before_ns and counters.kept_bytes <= bytes_max:
                        break
                    counters = replace(counters, kept_bytes=counters.kept_bytes - size)
                    gone = last
                if gone:
                    connection.execute("DELETE FROM batch WHERE id <= ?", (gone,))
                    self._put(connection, COUNTERS, counters.pack())
                return gone, counters

            first = self._first()
            if first > self._durable:
                return 0
            gone, self._counters = self._write(work, pages=_TRIM_ROWS)
            return max(0, gone - first + 1)

    def new_generation(self) -> None:
        """Become another store: after a restore from a backup, when receipts given since then no longer hold."""
        with self.lock:
            identity = replace(
                self._identity, store_id=self._random_bytes(_ID_BYTES), generation=self._identity.generation + 1
            )
            self._write(lambda c: self._put(c, IDENTITY, pack_identity(identity)))
            self._identity = identity

    # -- reading
    @property
    def identity(self) -> StoreIdentity:
        """Lineage, store id and generation."""
        return self._identity

    @property
    def head(self) -> int:
        """Newest committed position; 0 when nothing was ever stored."""
        return self._counters.head

    @property
    def durable(self) -> int:
        """Position up to which the lake survives a power cut."""
        return self._durable

    def read(self, after: int, *, blocks_max: int = 4096, bytes_max: int = 16 << 20) -> list[JournalEntry]:
        """Committed blocks behind a position, in order; at least one if there is any.

        A row that rotted on the disk gives the blocks of it that still verify, and an incident.

        Args:
            after: Position already seen; 0 for the beginning.
            blocks_max: About how many at most.
            bytes_max: About how many bytes at most. [bytes]
        """
        found: list[JournalEntry] = []
        size = 0
        while len(found) < blocks_max and size < bytes_max:
            row = self._reading(partial(_row_after, after))
            if row is None:
                break
            entries = self._unpack(*row)
            found.extend(entry for entry in entries if entry.position > after)
            size += len(row[2])
            after = row[0]
        return found

    def quarantine(self, limit: int = 100) -> list[quarantine.QuarantineEntry]:
        """What was put aside, the newest first."""
        with self.lock:
            return self._read(lambda c: quarantine.entries(c, limit))

    def losses(self, agent: str | None = None) -> list[dict[str, object]]:
        """Loss records in force: agent, segment, seqs, readings (None: unknown), reason, claimed, at_ns."""
        with self.lock:
            return self._read(lambda c: figures.losses(c, agent))

    def agents(self) -> dict[str, AgentStored]:
        """What the ledger has of each agent."""
        with self.lock:
            return self._read(figures.agents)

    def stats(self) -> JournalStats:
        """Figures for status and page."""
        with self.lock:
            streams = self._read(lambda c: c.execute("SELECT count(*) FROM stream").fetchone()[0])
            return JournalStats(
                self._counters, self._durable, self._first(), int(streams), self._file.file_bytes, self._file.room_bytes
            )

    def check(self, limit: int = 16) -> bool:
        """Verify the next rows; True when the whole file has been gone through. A bad row is an incident, no stop."""
        with self.lock:
            rows = self._read(
                lambda c: c.execute(
                    "SELECT id, received_at_ns, record FROM batch WHERE id > ? ORDER BY id LIMIT ?",
                    (self._checked, limit),
                ).fetchall()
            )
        for row in rows:
            self._unpack(*row)
            self._checked = int(row[0])
        if len(rows) < limit:
            self._checked = 0
            return True
        return False

    def close(self) -> None:
        """Close the file. Everything committed is durable anyway."""
        with self.lock:
            self._release()

    # -- inside
    def _reading(self, work: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        with self.lock:
            return self._read(work)

    def _unpack(self, last: int, received_at_ns: int, record: bytes) -> Sequence[JournalEntry]:
        try:
            return unpack(last, received_at_ns, record)
        except LogCorrupt as exc:
            kept = repair.verified(last, received_at_ns, record)
            self._on_incident(
                Incident(kind="rotted", moved_to=None, kept=len(kept), lost=1, detail=f"batch to {last}: {exc}")
            )
            return kept

    def _first(self) -> int:
        row = self._read(
            lambda c: c.execute("SELECT id, received_at_ns, record FROM batch ORDER BY id LIMIT 1").fetchone()
        )
        if row is None:
            return self._counters.head + 1
        entries = self._unpack(*row)
        return entries[0].position if entries else int(row[0])

    def _fill(self, target: Any) -> None:  # noqa: ANN401
        lineage = self._lineage or self._random_bytes(_ID_BYTES)
        identity = StoreIdentity(lineage, self._random_bytes(_ID_BYTES), 1)
        self._put(target, IDENTITY, pack_identity(identity))
        self._put(target, COUNTERS, Counters().pack())
        self._put(target, DURABLE, seal_json({"position": 0}))

    def _load(self) -> None:
        found = dict(self._file.read(lambda c: c.execute("SELECT id, record FROM meta").fetchall()))
        self._identity = unpack_identity(found.get(IDENTITY))
        self._counters = Counters.unpack(found.get(COUNTERS))
        self._durable = int(unseal_json(found.get(DURABLE)).get("position", 0))
        self._checked = 0
        self.ledger.forget()

    def _copy(self, reader: Reader, target: Any, kind: str) -> tuple[int, int]:  # noqa: ANN401
        return repair.copy(
            reader, target, kind=kind, lineage=self._lineage, random_bytes=self._random_bytes, now_ns=self._now_ns()
        )

    @staticmethod
    def _put(connection: Any, key: int, record: bytes) -> None:  # noqa: ANN401
        connection.execute("INSERT OR REPLACE INTO meta (id, record) VALUES (?,?)", (key, record))


def _row_after(after: int, connection: Any) -> Any:  # noqa: ANN401
    query = "SELECT id, received_at_ns, record FROM batch WHERE id > ? ORDER BY id LIMIT 1"
    return connection.execute(query, (after,)).fetchone()
