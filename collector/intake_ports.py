"""What the intake asks of the journal, whom it tells, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from device_profiles.wire.delivery import collector_io as io
from device_profiles.wire.messages import State


class Committer(Protocol):
    """The journal, off the event loop's thread."""

    async def commit(
        self, commit: io.Commit, payload: Callable[[io.StoreBlock | io.KeepAside], bytes], received_at_ns: int
    ) -> Sequence[int]:
        """Commit with fsync; wait and try again for as long as the disk has no room or fails.

        Returns:
            Journal positions of ``commit.blocks``.
        """


class CommittedSink(Protocol):
    """Who wants to hear of committed blocks at once; called on the event loop's thread and must not block."""

    def committed(self, blocks: Sequence[io.StoreBlock], positions: Sequence[int], data: Sequence[bytes]) -> None:
        """Blocks are in the journal for good."""

    def state(self, agent: str, state: State) -> None:
        """An agent said how it is, or its will says that it is gone."""

    def sync(self, agent: str, came: io.SyncCame) -> None:
        """An agent said what it still has."""


@dataclass(slots=True)
class IntakeCounters:
    """What became of every ``block`` message. ``received`` = all the others together, at any time.

    Attributes:
        received: Messages on ``block`` handed to the machine.
        committed: Blocks in the journal.
        duplicate: Blocks the ledger already had, or the same commit held twice.
        refused: From agents that are not active in the registry.
        quarantined: Put aside with bytes and reason: unverified, held, rejected or forked.
        stale: Of a connection that ended before the commit; the broker sends them again.
        waiting: Not settled yet.
        strays: Messages on no topic of ours, or no sync or state that can be read; not blocks.
        syncs: Sync messages answered.
        states: State messages.
        commits: Transactions.
        receipts: Receipts and synced messages sent.
        connected: Whether the broker is reached now.
    """

    received: int = 0
    committed: int = 0
    duplicate: int = 0
    refused: int = 0
    quarantined: int = 0
    stale: int = 0
    waiting: int = 0
    strays: int = 0
    syncs: int = 0
    states: int = 0
    commits: int = 0
    receipts: int = 0
    connected: bool = False
    quarantined_by: dict[str, int] = field(default_factory=dict)


class Abandoned(Exception):
    """The process stops while the disk takes nothing: the batch is not committed, nothing of it is acknowledged."""
