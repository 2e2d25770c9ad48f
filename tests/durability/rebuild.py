"""Disks as a power cut may leave them, rebuilt from a record.

Of a file, what was fsynced is there; each write since then is there, or not, or torn at sectors of 512 bytes, whatever
the order. Of names (create, rename, unlink) what came before the folder's last fsync holds; of those after it a prefix
does, since file systems journal them in order.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.durability.recorder import Event

SECTOR_BYTES = 512


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)


@dataclass
class Disk:
    """What a disk has got so far: synced content, what waits, names."""

    files: dict[int, _File] = field(default_factory=dict)
    names: dict[str, int] = field(default_factory=dict)
    durable_names: dict[str, int] = field(default_factory=dict)
    name_events: list[dict[str, int]] = field(default_factory=list)
    promises: list[str] = field(default_factory=list)

    def apply(self, event: Event) -> None:
        """Take the next event of the record."""
        if event.op == "P":
            self.promises.append(event.data.decode())
        elif event.op == "C":
            self._rename(lambda names: names.__setitem__(event.name, self._new()))
        elif event.op == "U":
            self._rename(lambda names: names.pop(event.name, None))
        elif event.op == "R":
            target = event.data.decode()
            self._rename(lambda names: names.__setitem__(target, names.pop(event.name)))
        elif event.op == "D":
            self.durable_names = dict(self.names)
            self.name_events.clear()
        elif event.name in self.names:
            file = self.files[self.names[event.name]]
            if event.op == "S":
                for waiting in file.pending:
                    _write(file.durable, waiting)
                file.pending.clear()
            else:
                file.pending.append(event)

    def _new(self) -> int:
        number = len(self.files)
        self.files[number] = _File()
        return number

    def _rename(self, change: object) -> None:
        change(self.names)  # type: ignore[operator]
        self.name_events.append(dict(self.names))

    def after_cut(self, chance: random.Random, mode: str) -> dict[str, bytes]:
        """Files by name after power fails now.

        Args:
            chance: Decides what of the unsynced part survived.
            mode: ``none``, ``all`` or ``some`` (a random subset with torn writes, a random prefix of names).
        """
        names = self.durable_names
        if self.name_events and mode != "none":
            kept = len(self.name_events) if mode == "all" else chance.randint(0, len(self.name_events))
            names = self.name_events[kept - 1] if kept else names
        found: dict[str, bytes] = {}
        for name, number in names.items():
            file = self.files[number]
            content = bytearray(file.durable)
            for waiting in file.pending if mode != "none" else ():
                if mode == "all":
                    _write(content, waiting)
                elif chance.random() < 0.6:
                    for part in _torn(waiting, chance):
                        _write(content, part)
            found[name] = bytes(content)
        return found


def _write(content: bytearray, event: Event) -> None:
    if event.op == "T":
        if event.offset < len(content):
            del content[event.offset :]
        else:
            content.extend(bytes(event.offset - len(content)))
        return
    end = event.offset + len(event.data)
    if end > len(content):
        content.extend(bytes(end - len(content)))
    content[event.offset : end] = event.data


def _torn(event: Event, chance: random.Random) -> Sequence[Event]:
    if event.op != "W" or chance.random() < 0.5:
        return (event,)
    return [
        Event("W", event.name, event.offset + start, event.data[start : start + SECTOR_BYTES])
        for start in range(0, len(event.data), SECTOR_BYTES)
        if chance.random() < 0.5
    ]


def lay_out(files: dict[str, bytes], folder: Path) -> None:
    """Write rebuilt files into an empty folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
