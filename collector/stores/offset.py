"""A store's durable offset: one small sealed file, replaced whole.

It is kept by the collector and not in the store, because neither store has transactions. It moves after the store's
data, never before: what lies between is sent again, and leaves the same values behind.
"""

from __future__ import annotations

import logging
import os
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from collector.lake.ports import StoreKey
from collector.stores.cursor import Tally
from harkara_io.checked import seal_json, unseal_json
from harkara_io.log_errors import LogCorrupt
from harkara_io.log_files import make_directory, sync_directory

_log: Final = logging.getLogger(__name__)

DayMark = tuple[int, int]
"""UTC day since 1970-01-01 and series id: every series of the earlier days, and those of this day up to this one."""

BEFORE_ALL: Final[DayMark] = (-(1 << 40), 0)


@dataclass(frozen=True, slots=True)
class Job:
    """Readings to bring from the lake.

    Attributes:
        number: Of this store, from 1; never used twice.
        why: In a few words.
        block_max: Newest lake block that is meant; what comes later, the journal brings.
        of: Journal whose blocks are meant; None for all blocks.
        after: Position in that journal behind which they lie.
        until: Newest position of those that are meant; None for all.
        from_ns: First instant, UTC Unix time; None for the beginning. [ns]
        until_ns: First instant no longer meant, UTC Unix time; None for all. [ns]
        done: How far it has come, safely.
        readings: Readings up to ``done``.
        total: Readings in all; 0 while not counted yet.
    """

    number: int
    why: str
    block_max: int
    of: StoreKey | None = None
    after: int = 0
    until: int | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    done: DayMark = BEFORE_ALL
    readings: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Offset:
    """What is remembered of a store.

    Attributes:
        identity: Journal that ``position`` belongs to.
        position: Everything up to here is safe in the store.
        tally: What became of the readings, those of back-fills among them.
        jobs: Back-fills not finished yet, in the order they will be done.
        next_job: Number not yet given.
        resent: Values sent again because a life of the store ended too early.
        paused: A person has paused it.
    """

    identity: StoreKey
    position: int
    tally: Tally = field(default_factory=Tally)
    jobs: tuple[Job, ...] = ()
    next_job: int = 1
    resent: int = 0
    paused: bool = False

    def with_job(self, job: Job) -> Offset:
        """Add a back-fill; it is given its number here."""
        return replace(self, jobs=(*self.jobs, replace(job, number=self.next_job)), next_job=self.next_job + 1)


class OffsetFile:
    """``NAME.offset`` in the stores' folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.offset"

    def read(self) -> Offset | None:
        """The offset as last written; None when the store is new.

        A file that is not what was written is moved aside, and the store counts as new: sent twice is stored once.
        """
        try:
            return _unpack(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (LogCorrupt, ValueError, KeyError, TypeError, IndexError) as exc:
            aside = self.path.with_suffix(".offset-corrupt")
            _log.error(
                "offset of a store cannot be read, everything is sent again file=%s kept=%s: %s", self.path, aside, exc
            )
            self.path.replace(aside)
            return None

    def write(self, offset: Offset) -> None:
        """Replace it. On return it survives a power cut.

        Raises:
            OSError: The disk takes nothing; the file is as it was.
        """
        make_directory(self.path.parent)
        fresh = self.path.with_suffix(".offset-new")
        with fresh.open("wb") as file:
            file.write(_pack(offset))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        sync_directory(self.path.parent)


def _pack(offset: Offset) -> bytes:
    fields = asdict(offset)
    fields["identity"] = _key_fields(offset.identity)
    for job, made in zip(fields["jobs"], offset.jobs, strict=True):
        job["of"] = None if made.of is None else _key_fields(made.of)
    return seal_json(fields) + b"\n"


def _unpack(record: bytes) -> Offset:
    fields = unseal_json(record.removesuffix(b"\n"))
    fields["identity"] = _key(fields["identity"])
    fields["tally"] = Tally(**fields["tally"])
    fields["jobs"] = tuple(_job(job) for job in fields["jobs"])
    return Offset(**fields)


def _job(fields: dict[str, Any]) -> Job:
    of, (day, series) = fields.pop("of"), fields.pop("done")
    return Job(**fields, of=None if of is None else _key(of), done=(int(day), int(series)))


def _key_fields(key: StoreKey) -> list[object]:
    return [key.store_id.hex(), key.generation]


def _key(fields: list[Any]) -> StoreKey:
    return StoreKey(bytes.fromhex(fields[0]), int(fields[1]))
