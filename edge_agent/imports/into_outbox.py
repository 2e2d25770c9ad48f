"""Rows of a file into the outbox, as blocks like those of a device; with each group its keys, in one transaction.

So after a power cut in the middle the file is simply given again: what was taken is known, what was not is new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from device_profiles import catalogue
from device_profiles.wire.model import ProfileRef
from edge_agent.blocks import BlockBuilder, Step, recovered
from edge_agent.clock import Clock
from edge_agent.imports.model import ImportedRow
from edge_agent.outbox import Outbox, Remember
from harkara_io.errors import HarkaraError
from harkara_io.log_errors import LogFull

GROUP_ROWS: Final = 2_000
"""Rows of one commit."""
KIND_PREFIX: Final = "import/"
KIND_VERSION: Final = 1
"""Of how files without a profile name channels and units."""


class OutboxFull(HarkaraError):
    """There is no room for more; what was taken is taken."""


class IntoOutbox:
    """Takes rows.

    Attributes:
        taken: Rows accepted.
        readings: Readings accepted.
        known: Rows that were here already.
    """

    def __init__(self, outbox: Outbox, agent: str, clock: Clock) -> None:
        self.taken = self.readings = self.known = 0
        self._outbox = outbox
        self._agent = agent
        self._clock = clock
        self._builders: dict[str, BlockBuilder] = {}

    def take(self, rows: Iterable[ImportedRow], progress: Callable[[], None]) -> None:
        """Take all rows and seal them.

        Raises:
            OutboxFull: At the cap; what is committed stays, and the rest of the file can be given again later.
            LogBroken: The disk cannot be used.
        """
        # What a killed import, or the agent, left open is a block of its own.
        self._write(recovered(self._agent, self._outbox.open_chunks()))
        self._take(rows, progress)

    def take_beside(self, rows: Sequence[ImportedRow]) -> None:
        """As `take`, in an outbox where others have open rows; none of them may be of a device of these rows."""
        devices = {row.device for row in rows}
        left = [chunk for chunk in self._outbox.open_chunks() if chunk.device in devices]
        self._write(recovered(self._agent, left))
        self._take(rows, lambda: None)

    def _take(self, rows: Iterable[ImportedRow], progress: Callable[[], None]) -> None:
        group: list[ImportedRow] = []
        for row in rows:
            group.append(row)
            if len(group) >= GROUP_ROWS:
                self._commit(group)
                group = []
                progress()
        self._commit(group)
        self._write([step for builder in self._builders.values() for step in builder.seal()])

    def _commit(self, group: list[ImportedRow]) -> None:
        here = self._outbox.imported([row.key for row in group])
        steps: list[Step | Remember] = []
        fresh: list[int] = []
        for row in group:
            if row.key in here:
                self.known += 1
                continue
            here.add(row.key)
            fresh.append(row.key)
            steps += self._builder(row).add(row.sample)
            self.taken += 1
            self.readings += row.sample.readings
        if not fresh:
            return
        for builder in self._builders.values():
            steps += builder.accept()
        self._write([*steps, Remember(tuple(fresh))])

    def _write(self, steps: list[Step | Remember] | list[Step]) -> None:
        if not steps:
            return
        try:
            self._outbox.commit(steps)
        except LogFull as exc:
            raise OutboxFull(
                f"the outbox is full, {exc.excess_bytes} bytes more are needed: let the agent send what waits,"
                " or raise outbox.max_bytes; then give the file again"
            ) from exc

    def _builder(self, row: ImportedRow) -> BlockBuilder:
        builder = self._builders.get(row.device)
        if builder is None:
            builder = BlockBuilder(self._agent, row.device, _ref(row.profile), self._clock, seal_after_s=0)
            self._builders[row.device] = builder
        return builder


def _ref(profile: str) -> ProfileRef:
    """A profile of the catalogue, or the name of a kind of file, whose rows bring their units along."""
    if profile.startswith(KIND_PREFIX):
        return ProfileRef(profile, KIND_VERSION, bytes(8))
    found = catalogue.load(profile)
    return ProfileRef(found.id, found.version, found.digest)
