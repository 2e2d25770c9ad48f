"""What the page shows, as its caller gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.lake.accounting import Accounts
from collector.lake.latest import LatestValues


@dataclass(frozen=True, slots=True)
class Link:
    """One agent as the broker last showed it.

    Attributes:
        agent: Agent id.
        alive: Whether its connection is up; None when it has not been heard since the collector started.
        since_ns: When that became so, UTC Unix time; None when unknown. [ns]
        name: What people call it; may be empty.
        enabled: Whether the registry lets it in.
    """

    agent: str
    alive: bool | None
    since_ns: int | None = None
    name: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the collector does its work.

    Attributes:
        ok: Nothing needs a person.
        problem: What does, in one line; empty when ok.
        journal_position: Newest committed position of the journal.
        lake_position: How far the lake has come.
    """

    ok: bool
    problem: str = ""
    journal_position: int = 0
    lake_position: int = 0


@dataclass(frozen=True, slots=True)
class StoreLine:
    """One store of others.

    Attributes:
        name: Its name in the configuration.
        state: How it does, in a word.
        good: Whether that is as it should be.
        why: In one line; may be empty.
        lag_blocks: Blocks it lacks.
        values: Values it has answered for.
    """

    name: str
    state: str
    good: bool
    why: str
    lag_blocks: int
    values: int


class PageSource(Protocol):
    """Where the page gets everything from; asked at each request."""

    @property
    def latest(self) -> LatestValues:
        """Newest value of each channel."""
        ...

    @property
    def accounts(self) -> Accounts:
        """Readings accepted, stored, lost, pending."""
        ...

    def links(self) -> Sequence[Link]:
        """One entry per agent, in order of agent id."""
        ...

    def store_lines(self) -> Sequence[StoreLine]:
        """Stores of others, in the configuration's order."""
        ...

    def health(self) -> Health:
        """State of the collector."""
        ...
