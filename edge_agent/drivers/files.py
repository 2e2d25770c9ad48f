"""Files that other programs write: one that grows, all of a folder, or all that a pattern names.

Nothing tells the agent of a change: it looks every ``poll_s``, which works on any file system. Each sample carries how
far its file was read with it, and the outbox commits both together, so that no line is taken twice or left out, however
the agent ends.

Of a file that is exchanged the old lines are read first: it is found again by what it is, where it was renamed, or by
the line that was read last, where it was copied and emptied.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge_agent.clock import Clock
from edge_agent.drivers.file_names import SPECIAL, holds, id_of, later_than, others_of
from edge_agent.drivers.file_tail import FileId, Place, Tail
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.outbox.types import Mark
from edge_agent.settings_series import SeriesMap

READS_A_TURN: Final = 256
"""After so many rows others have a turn: the agent's queue holds no more."""


class FilesDriver:
    """Reads files as they grow."""

    def __init__(
        self,
        device: str,
        path: Path,
        *,
        form: str,
        layout: SeriesMap,
        clock: Clock,
        marks: Sequence[Mark],
        poll_s: float,
        quiet_s: float,
        silence_s: float = 0.0,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            device: Its id.
            path: A file, a folder, or a pattern in the last part of a path.
            form: ``toa5``, ``csv``, ``json``, or ``auto``.
            layout: Which column is what.
            clock: Of the agent.
            marks: How far its files were read before.
            poll_s: How often to look. [s]
            quiet_s: When a last line without an end is taken for whole. [s]
            silence_s: The device counts as down after this long without a new row; nought never. [s]
        """
        self._device, self._path, self._form, self._layout, self._clock = device, path, form, layout, clock
        self._poll_s, self._quiet_s, self._silence_s = poll_s, quiet_s, silence_s
        self._is_pattern = bool(SPECIAL & set(path.name))
        self._marks = {mark.file: mark for mark in marks}
        self._tails: dict[FileId, Tail] = {}
        self._leaving: list[Tail] = []
        self._copies: set[FileId] = set()
        self._renamed: list[Tail] = []
        self._first = 0
        self._rotated = self._lost_sight = self._refused = 0
        self._heard_s = 0.0

    async def open(self) -> None:
        """See whether there is anything to look at; raises ``LinkDown``."""
        self._heard_s = self._clock.monotonic_s()
        # From what was handed on: rows that were read when something failed are read again.
        self._tails = {}
        for mark in self._marks.values():
            place = Place.parse(mark.place)
            self._tails[place.id] = self._tail(Path(mark.file), place)
        self._leaving, self._renamed = [], []
        await asyncio.to_thread(self._found)

    async def read(self) -> list[Read]:
        """What came since, or nothing after ``poll_s``; raises ``LinkDown``."""
        reads = await asyncio.to_thread(self._look)
        now_s = self._clock.monotonic_s()
        for read in reads:
            if isinstance(read, Sample):
                self._heard_s = now_s
                self._marks.update({mark.file: mark for mark in read.marks})
        if not reads:
            if self._silence_s and now_s - self._heard_s >= self._silence_s:
                raise LinkDown(f"no new row for {self._silence_s:g} s")
            await asyncio.sleep(self._poll_s)
        return reads

    async def close(self) -> list[Read]:
        """Nothing is open and nothing held: a half line stays in its file."""
        return []

    def notes(self) -> dict[str, int]:
        """Files that were exchanged, of these the ones whose end was not found again, and files that cannot be read."""
        counts = {"rotated": self._rotated, "rotated_away": self._lost_sight, "files_refused": self._refused}
        return {name: count for name, count in counts.items() if count}

    # ---- in a thread -------------------------------------------------------------------------------------------
    def _look(self) -> list[Read]:
        try:
            while True:
                while self._leaving:
                    if reads := self._read_leaving():
                        return self._kept(reads)
                found = self._found()
                self._follow(found)
                if not self._leaving:
                    return self._kept(self._read(found))
        except OSError as exc:
            raise LinkDown(f"{exc.filename or self._path}: {exc.strerror}") from exc

    def _found(self) -> dict[FileId, Path]:
        """The files there are, by name."""
        try:
            if self._is_pattern:
                paths = sorted(self._path.parent.glob(self._path.name)) if self._path.parent.is_dir() else None
            elif self._path.is_dir():
                paths = sorted(self._path.iterdir())
            else:
                paths = [self._path] if self._path.exists() else None
        except OSError as exc:
            raise LinkDown(f"{self._path}: {exc.strerror}") from exc
        if paths is None:
            raise LinkDown(f"{self._path.parent if self._is_pattern else self._path} is not there")
        return {id_: path for path in paths if (id_ := id_of(path)) is not None}

    def _follow(self, found: dict[FileId, Path]) -> None:
        """Find out which of the files are known, which new, and which have another's name."""
        for id_, path in found.items():
            tail = self._tails.get(id_)
            if tail is not None and tail.path != path:
                tail.path = tail.name = path
                self._renamed.append(tail)
        for id_, path in found.items():
            # One that is gone again, or must not be read, is none of the others' business.
            with contextlib.suppress(OSError):
                self._follow_one(id_, path, found)

    def _follow_one(self, id_: FileId, path: Path, found: Mapping[FileId, Path]) -> None:
        tail = self._tails.get(id_)
        if tail is not None:
            if not tail.is_same():
                self._leave(self._tails.pop(id_), path, found)
            return
        prior = next((each for each in self._tails.values() if each.name == path), None)
        if prior is None:
            if id_ not in self._copies and not self._is_copy(path, id_):
                self._tails[id_] = self._tail(path, Place(id_))
        elif not self._renamed_to(prior, path) and prior.place.is_in(path):
            del self._tails[prior.place.id]
            prior.follow(id_)
            self._tails[id_] = prior
        else:
            self._leave(self._tails.pop(prior.place.id), path, found)

    def _leave(self, tail: Tail, path: Path, found: Mapping[FileId, Path]) -> None:
        """Its lines are not at this path any more: where are they?"""
        self._rotated += 1
        known = self._renamed_to(tail, path)
        # A header alone stands in many files.
        others = others_of(path) if tail.place.is_in_a_row else []
        fits = [other for other in [*known, *others] if holds(other, tail.place)]
        if not fits:
            self._lost_sight += 1
            return
        id_ = id_of(fits[0])
        assert id_ is not None, "it was there a moment ago"
        tail.follow(id_)
        tail.path = fits[0]
        self._leaving.append(tail)
        for other in later_than(fits[0], path):
            later = id_of(other)
            if later is not None and later not in found:
                # Exchanged again while nobody looked.
                self._rotated += 1
                self._leaving.append(self._tail(other, Place(later)))
                self._leaving[-1].name = path

    def _renamed_to(self, tail: Tail, path: Path) -> list[Path]:
        return [other for other in others_of(path) if id_of(other) == tail.place.id]

    def _is_copy(self, path: Path, id_: FileId) -> bool:
        """Whether it holds what was read of a file that is followed, under a name that begins as that one's."""
        for tail in self._tails.values():
            alike = path.name.startswith(tail.name.name) and path.parent == tail.name.parent
            if alike and tail.place.is_in_a_row and tail.place.is_in(path):
                self._copies.add(id_)
                return True
        return False

    def _read_leaving(self) -> list[Read]:
        tail = self._leaving[0]
        try:
            reads, more = self._piece(tail, ended=True)
        except OSError:
            self._lost_sight += 1
            reads, more = [], False
        if not more:
            self._leaving.pop(0)
            if tail.path in self._found().values():
                tail.name = tail.path
                self._tails[tail.place.id] = tail
                self._renamed.append(tail)
        return reads

    def _read(self, found: dict[FileId, Path]) -> list[Read]:
        tails = [self._tails[id_] for id_ in found if id_ in self._tails]
        reads: list[Read] = []
        refused: list[OSError] = []
        for turn in range(len(tails)):
            at = (self._first + turn) % len(tails)
            try:
                reads += self._piece(tails[at], ended=False)[0]
            except OSError as exc:
                refused.append(exc)
            if len(reads) >= READS_A_TURN:
                self._first = at + 1
                break
        self._refused = len(refused)
        if refused and len(refused) == len(tails):
            raise refused[0]
        return reads

    def _piece(self, tail: Tail, *, ended: bool) -> tuple[list[Read], bool]:
        return tail.read(
            self._device,
            arrived_ns=self._clock.wall_ns(),
            now_s=self._clock.monotonic_s(),
            quiet_s=self._quiet_s,
            ended=ended,
        )

    def _kept(self, reads: list[Read]) -> list[Read]:
        """Places of files that got another name are kept with the next sample: before it nothing depends on them."""
        last = max((at for at, read in enumerate(reads) if isinstance(read, Sample)), default=None)
        if last is not None and self._renamed:
            sample = reads[last]
            assert isinstance(sample, Sample), "it was a moment ago"
            # The last one: these places stand behind the rows of all the others.
            reads[last] = replace(sample, marks=(*sample.marks, *(tail.mark(self._device) for tail in self._renamed)))
            self._renamed = []
        return reads

    def _tail(self, path: Path, place: Place) -> Tail:
        return Tail(path, place, self._form, self._layout)
