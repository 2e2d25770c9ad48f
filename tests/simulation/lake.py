"""The lake: a catalogue that is fsynced and Parquet files that are not, fed from the journal by a projector."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from device_profiles.wire.delivery.ports import StoreIdentity
from tests.simulation.blocks import Reading, SimBlock
from tests.simulation.disk import Change, Disk
from tests.simulation.journal import ModelJournal

if TYPE_CHECKING:
    from tests.simulation.world import World


class FileLine(NamedTuple):
    """A data file in the catalogue: which journal positions it covers."""

    identity: StoreIdentity
    first: int
    last: int


class DataFile(NamedTuple):
    """What lies on the disk under that name; empty content: a power cut emptied it."""

    blocks: tuple[SimBlock, ...]
    durable: bool
    broken: bool = False


class Lake:
    """The store and its projector in one."""

    PAGE = 6

    def __init__(self, world: World) -> None:
        self.world = world
        self.catalogue = Disk()
        self.files: dict[int, DataFile] = {}
        self._next_file = 1

    # ---- what is there ----------------------------------------------------------------------------------------

    @property
    def offset(self) -> tuple[StoreIdentity | None, int]:
        found: tuple[StoreIdentity | None, int] = self.catalogue.table("meta").get("offset", (None, 0))
        return found

    @property
    def durable_offset(self) -> int:
        """Position up to which every file is fsynced, for the present identity."""
        identity, position = self.catalogue.table("meta").get("durable", (None, 0))
        return position if identity == self.offset[0] else 0

    def blocks(self) -> list[SimBlock]:
        """Everything a reader of the store sees."""
        return [block for fid in self.catalogue.table("file") for block in self.files[fid].blocks]

    def readings(self) -> list[tuple[str, Reading]]:
        return [(block.agent, reading) for block in self.blocks() for reading in block.readings]

    # ---- projector --------------------------------------------------------------------------------------------

    def attach(self, journal: ModelJournal) -> None:
        """At the start of the process: check what was never fsynced, and find the place to go on."""
        self.roll_back_broken()
        identity, _ = self.offset
        if identity != journal.identity:
            # Another journal, or a restored one: its positions mean something else. Leave out what is here already.
            for fid, file in self.files.items():
                self.files[fid] = file._replace(durable=True)
            first = min(journal.disk.table("journal"), default=journal.next_position)
            self.catalogue.write(
                [("meta", "offset", (journal.identity, first - 1)), ("meta", "rejoined", identity is not None)]
            )

    def roll_back_broken(self) -> None:
        """Take out what a power cut emptied, and all behind it: the journal still has that."""
        files: dict[int, FileLine] = self.catalogue.table("file")
        identity, _ = self.offset
        broken = [fid for fid in files if self.files[fid].broken and files[fid].identity == identity]
        if not broken:
            return
        start = min(files[fid].first for fid in broken)
        going = [fid for fid, line in files.items() if line.identity == identity and line.first >= start]
        changes: list[Change] = [("file", fid, None) for fid in going]
        changes += [("block", key, None) for key, fid in self.catalogue.table("block").items() if fid in going]
        changes.append(("meta", "offset", (identity, start - 1)))
        self.catalogue.write(changes)
        self.world.time.note("lake", f"{len(going)} files rolled back to position {start - 1}")

    def project(self, journal: ModelJournal) -> list[list[Change]]:
        """Write the next file; returns the catalogue's transactions still to be carried out."""
        identity, offset = self.offset
        entries = journal.read_after(offset, self.PAGE)
        if not entries:
            return []
        known = self.catalogue.table("block")
        rejoined = self.catalogue.table("meta").get("rejoined") and self.world.rules.anti_join
        blocks = tuple(block for _, block in entries if not (rejoined and block.key in known))
        fid = self._next_file
        self._next_file += 1
        self.files[fid] = DataFile(blocks, durable=False)
        assert identity is not None
        last = entries[-1][0]
        data: list[Change] = [("file", fid, FileLine(identity, offset + 1, last))]
        data += [("block", block.key, fid) for block in blocks]
        move: list[Change] = [("meta", "offset", (identity, last))]
        return [[*data, *move]] if self.world.rules.offset_with_data else [data, move]

    def fsync_files(self) -> None:
        """Make files and directory durable, then move the durable offset."""
        for fid in self.catalogue.table("file"):
            if not self.files[fid].durable:
                self.files[fid] = self.files[fid]._replace(durable=True)
        self.catalogue.write([("meta", "durable", self.offset)])

    def power_cut(self) -> None:
        """The catalogue was fsynced; a file that was not may be empty now."""
        for fid, file in self.files.items():
            if not file.durable and self.world.time.chance(0.7):
                self.files[fid] = DataFile((), durable=True, broken=True)
        self.catalogue.power_cut(self.world.time.rng)

    def durably_has(self, key: tuple[str, int, int]) -> bool:
        """Whether a power cut now would leave this block readable."""
        fid = self.catalogue.durable("block", key)
        return fid is not None and self.files[fid].durable and not self.files[fid].broken
