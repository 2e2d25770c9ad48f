"""A disk with transactions: what is committed, what is fsynced, and what a power cut takes back."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from typing import Any

Change = tuple[str, Hashable, Any]  # table, key, new value (None deletes)
Undo = tuple[str, Hashable, Any]


class DiskFullError(Exception):
    """The transaction was not carried out."""


class Disk:
    """Tables of immutable values with one write-ahead log, as SQLite in WAL mode behaves.

    A transaction is whole or absent. After a kill all committed ones stay (the system's cache lives on); after a
    power cut the fsynced ones stay, and of the others a prefix. A lying card calls a commit fsynced and is not done.
    """

    LIE_DEPTH = 24

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, Any]] = {}
        self.unsynced: list[list[Undo]] = []
        self.full = False
        self.lying = False
        self.version = 0

    def table(self, name: str) -> dict[Any, Any]:
        """A table by name; read only."""
        return self.tables.setdefault(name, {})

    def write(self, changes: Iterable[Change], *, sync: bool = True) -> None:
        """Commit one transaction."""
        if self.full:
            raise DiskFullError
        undo: list[Undo] = []
        for name, key, value in changes:
            table = self.tables.setdefault(name, {})
            undo.append((name, key, table.get(key)))
            if value is None:
                table.pop(key, None)
            else:
                table[key] = value
        self.version += 1
        self.unsynced.append(undo)
        if self.lying:
            del self.unsynced[: -self.LIE_DEPTH]
        elif sync:
            self.unsynced.clear()

    def flush(self) -> None:
        """A checkpoint: everything so far is durable, unless the card lies."""
        if not self.lying:
            self.unsynced.clear()

    def power_cut(self, rng: random.Random) -> int:
        """Roll back to the last fsync, or to some commit after it; returns the transactions taken back."""
        keep = rng.randint(0, len(self.unsynced))
        taken = len(self.unsynced) - keep
        for undo in reversed(self.unsynced[keep:]):
            for name, key, old in reversed(undo):
                table = self.tables[name]
                if old is None:
                    table.pop(key, None)
                else:
                    table[key] = old
        self.unsynced.clear()
        self.version += 1
        return taken

    def durable(self, name: str, key: Hashable) -> Any:
        """What a power cut at this instant would leave at this place."""
        for undo in self.unsynced:
            for table, changed, old in undo:
                if table == name and changed == key:
                    return old
        return self.table(name).get(key)

    def image(self) -> dict[str, dict[Any, Any]]:
        """A copy of everything committed."""
        return {name: dict(table) for name, table in self.tables.items()}

    def load(self, image: dict[str, dict[Any, Any]]) -> None:
        """Become a copy of an image, durably."""
        self.tables = {name: dict(table) for name, table in image.items()}
        self.unsynced.clear()
        self.version += 1
