"""The journal as the rest of the collector uses it: commits that wait out a full or failing disk, retention, evidence.

All of it runs on the journal's own thread, one call after another, so that an fsync never stops the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from collector.config import MB, JournalConfig
from collector.intake_ports import Abandoned
from collector.journal import Journal, JournalEntry
from device_profiles.wire.delivery import collector_io as io
from harkara_io.log_errors import LogBroken, LogFull
from harkara_io.log_thread import LogThread

LOG: Final = logging.getLogger(__name__)

RETRY_S: Final = 1.0
"""Wait between two attempts to commit on a disk that is full or fails. [s] Reading stops at the cap meanwhile."""

TRIM_EVERY_S: Final = 5.0
"""How often retention is looked after. [s]"""

DAY_NS: Final = 86_400 * 10**9


class JournalDesk:
    """One journal, one thread.

    Args:
        journal: The open journal; closed by whoever opened it.
        thread: Where its calls run.
        retention: How long blocks are kept that the lake holds durably.
        stopping: Set when the process is asked to stop; commits then no longer wait for the disk.
    """

    def __init__(
        self,
        journal: Journal,
        thread: LogThread,
        retention: JournalConfig,
        *,
        stopping: asyncio.Event,
    ) -> None:
        self.trimmed = 0
        self.trouble = ""
        """Why the disk takes nothing at the moment; empty when it does."""
        self._journal = journal
        self._thread = thread
        self._retention = retention
        self._stopping = stopping

    async def commit(
        self, commit: io.Commit, payload: Callable[[io.StoreBlock | io.KeepAside], bytes], received_at_ns: int
    ) -> Sequence[int]:
        """Commit with fsync, waiting for the disk as long as it takes.

        Raises:
            Abandoned: The process stops while the disk takes nothing.
        """
        while True:
            try:
                positions = await self._thread.run(self._journal.commit, commit, payload, received_at_ns)
            except (LogFull, LogBroken) as exc:
                if not self.trouble:
                    LOG.error("journal takes nothing, reading will stop: %s", exc)  # noqa: TRY400 - a state, not a bug
                self.trouble = str(exc)
                await self.trim()
                if self._stopping.is_set():
                    raise Abandoned(str(exc)) from exc
                await asyncio.sleep(RETRY_S)
                continue
            if self.trouble:
                LOG.info("journal takes blocks again")
                self.trouble = ""
            return positions

    async def trim(self) -> None:
        """Delete what retention no longer asks for, never past what the lake holds durably."""
        await self._thread.run(self._trim)

    async def keep_trimming(self) -> None:
        """Look after retention until cancelled."""
        while True:
            await asyncio.sleep(TRIM_EVERY_S)
            await self.trim()

    def poisoned(self, entry: JournalEntry, reason: str, detail: str) -> None:
        """Keep a stored block that cannot be decoded; on the projector's thread. A second call changes nothing.

        Raises:
            LogError: It could not be kept; the projector tries again later.
        """
        LOG.warning("block cannot be decoded agent=%s seq=%d %s: %s", entry.agent, entry.seq, reason, detail)
        self._journal.put_aside(entry, f"{reason}: {detail}")

    def _trim(self) -> None:
        try:
            self.trimmed += self._journal.trim(
                age_ns_max=int(self._retention.keep_days * DAY_NS), bytes_max=self._retention.keep_mb * MB
            )
        except (LogFull, LogBroken) as exc:
            # Deleting needs a little room too; what is not trimmed now is trimmed later.
            LOG.debug("journal not trimmed: %s", exc)
