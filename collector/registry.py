"""Who may send: a small table of agents, kept where an operator's commands and the running collector both reach it.

Few writes and several readers, so SQLAlchemy: another database can take SQLite's place by its URL. The running
collector answers from memory and reads the table again when it was told to, or when another process has changed it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

from device_profiles.wire.messages import Refusal
from device_profiles.wire.topics import check_agent_id
from harkara_io.errors import HarkaraError

_METADATA: Final = sa.MetaData()

_AGENTS: Final = sa.Table(
    "agent",
    _METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("place", sa.String(200), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("added_at_ns", sa.BigInteger, nullable=False),
    sa.Column("changed_at_ns", sa.BigInteger, nullable=False),
)

BUSY_TIMEOUT_S: Final = 10
"""How long a write waits for another process that writes. [s]"""


class Status(StrEnum):
    """Whether an agent's blocks are taken."""

    ACTIVE = "active"
    DISABLED = "disabled"


class RegistryError(HarkaraError):
    """The command cannot be carried out as given; nothing was changed."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Agent:
    """One row.

    Attributes:
        id: Agent id; also its MQTT user and client id. Never used again for another unit.
        name: For people.
        place: For people.
        status: Active or disabled.
        added_at_ns: When it was added, UTC. [ns]
        changed_at_ns: When its row last changed, UTC. [ns]
    """

    id: str
    name: str
    place: str
    status: Status
    added_at_ns: int
    changed_at_ns: int


def agent_fields(agent: Agent) -> dict[str, str | int]:
    """A row as JSON."""
    return {**asdict(agent), "status": agent.status.value}


class RegistryFile:
    """The table. Every method opens what it needs and commits before it returns: a change survives power loss.

    Args:
        path: SQLite file; created when absent.
        clock_ns: UTC. [ns]
    """

    def __init__(self, path: Path, *, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._clock_ns = clock_ns
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_TIMEOUT_S}
        )
        sa.event.listen(self._engine, "connect", _pragmas)
        _METADATA.create_all(self._engine)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; idempotent."""
        self._engine.dispose()

    def agents(self) -> tuple[Agent, ...]:
        """All rows by id."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(_AGENTS).order_by(_AGENTS.c.id)).all()
        return tuple(
            Agent(row.id, row.name, row.place, Status(row.status), row.added_at_ns, row.changed_at_ns) for row in rows
        )

    def version(self) -> tuple[int, int]:
        """Changes whenever a row does: (rows, time of the newest change)."""
        with self._engine.connect() as connection:
            row = connection.execute(
                sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(_AGENTS.c.changed_at_ns), 0))
            ).one()
        return int(row[0]), int(row[1])

    def add(self, agent: str, *, name: str = "", place: str = "") -> Agent:
        """Add an agent as active.

        Raises:
            RegistryError: The id is malformed or taken, also by a disabled agent: ids are never reused.
        """
        try:
            check_agent_id(agent)
        except ValueError as exc:
            raise RegistryError(str(exc)) from exc
        now_ns = self._clock_ns()
        made = Agent(agent, name, place, Status.ACTIVE, now_ns, now_ns)
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.insert(_AGENTS).values(
                        id=agent,
                        name=name,
                        place=place,
                        status=made.status.value,
                        added_at_ns=now_ns,
                        changed_at_ns=now_ns,
                    )
                )
        except sa.exc.IntegrityError as exc:
            raise RegistryError(
                f"{agent} is already there; an id is never used for a second unit (`harkara device enable {agent}` "
                "takes a disabled one back)"
            ) from exc
        return made

    def set_status(self, agent: str, status: Status) -> Agent:
        """Enable or disable an agent.

        Raises:
            RegistryError: It is not in the table.
        """
        with self._engine.begin() as connection:
            # Never the same time twice: ``version`` must see every change.
            newest = connection.execute(sa.select(sa.func.max(_AGENTS.c.changed_at_ns))).scalar() or 0
            changed = connection.execute(
                sa.update(_AGENTS)
                .where(_AGENTS.c.id == agent)
                .values(status=status.value, changed_at_ns=max(self._clock_ns(), newest + 1))
            ).rowcount
        if not changed:
            raise RegistryError(f"{agent} is not in the registry; `harkara device list` shows who is")
        return next(row for row in self.agents() if row.id == agent)


class Registry:
    """Answers of the delivery machine's port, from memory.

    Args:
        file: The table.
        retry_after_s: What a refused agent is told. [s]
    """

    def __init__(self, file: RegistryFile, *, retry_after_s: int) -> None:
        self._file = file
        self._retry_after_s = retry_after_s
        self._agents: dict[str, Agent] = {}
        self._version = (-1, -1)
        self.reload()

    @property
    def agents(self) -> Sequence[Agent]:
        """All agents as last read, by id."""
        return tuple(self._agents.values())

    def reload(self) -> tuple[str, ...]:
        """Read the table again if it has changed.

        Returns:
            Agents that may send now and could not before.
        """
        version = self._file.version()
        if version == self._version:
            return ()
        before = {agent.id for agent in self._agents.values() if agent.status is Status.ACTIVE}
        self._agents = {agent.id: agent for agent in self._file.agents()}
        self._version = version
        return tuple(
            agent.id for agent in self._agents.values() if agent.status is Status.ACTIVE and agent.id not in before
        )

    def refusal(self, agent: str) -> Refusal | None:
        """None for an active agent; else why not and when to ask again."""
        row = self._agents.get(agent)
        if row is None:
            return Refusal("unknown", self._retry_after_s)
        if row.status is Status.DISABLED:
            return Refusal("disabled", self._retry_after_s)
        return None


def _pragmas(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
