"""What other commands may ask of the running collector, over its control socket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from collector.intake import Intake
from collector.journal import Journal
from collector.journal_desk import JournalDesk
from collector.lake.answers import QueryAnswers
from collector.lake.instants import parse_instant
from collector.lake.projector import Projector
from collector.overview import Overview
from collector.registry import Registry, RegistryFile, Status, agent_fields
from collector.sources.ports import MessageSource
from collector.web.app import latest_json
from device_profiles.wire.messages import Receipt
from device_profiles.wire.topics import TopicKind, topic
from harkara_io.control_socket import ControlError, Handler, Json, StreamHandler

if TYPE_CHECKING:
    from collector.stores.desk import StoreDesk

STORE_S_MAX: Final = 30.0
"""How long an order to a store may wait for the thread that serves it. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What runs, once everything is open."""

    intake: Intake
    desk: JournalDesk
    overview: Overview
    projector: Projector
    registry: Registry
    registry_file: RegistryFile
    source: MessageSource
    journal: Journal
    answers: QueryAnswers
    stores: StoreDesk | None = None


class Front:
    """The commands. Until everything is open each is refused with a word of when to come again."""

    def __init__(self) -> None:
        self._parts: Parts | None = None

    def open(self, parts: Parts) -> None:
        """From now on there is somebody to ask."""
        self._parts = parts

    def commands(self) -> Mapping[str, Handler]:
        """Questions with one answer."""
        return {
            "status": self._status,
            "latest": self._latest,
            "device_add": self._device_add,
            "device_list": self._device_list,
            "device_enable": self._device_enable,
            "device_disable": self._device_disable,
            "stores": self._stores_state,
            "store_pause": self._store_pause,
            "store_resume": self._store_resume,
            "store_project": self._store_project,
        }

    def streams(self) -> Mapping[str, StreamHandler]:
        """Questions with many answers."""
        return {"query": self._query}

    def welcome(self, agents: Iterable[str]) -> None:
        """Tell agents that may send from now on, so that they need not wait until they would ask again."""
        parts = self._running()
        identity = parts.journal.ledger.identity
        receipt = Receipt(identity.lineage, identity.store_id, identity.generation, (), 0)
        for agent in agents:
            parts.source.publish(topic(agent, TopicKind.RECEIPT), receipt.encode())

    def _running(self) -> Parts:
        if self._parts is None:
            raise ControlError("the collector is still opening its files", "ask again in a moment")
        return self._parts

    async def _status(self, fields: Json) -> Json:
        _none_left(fields)
        return self._running().overview.status()

    async def _latest(self, fields: Json) -> Json:
        start = _whole(fields, "start", 0)
        count = _whole(fields, "count", 500)
        _none_left(fields)
        return latest_json(self._running().overview, now_ns=time.time_ns(), start=start, count=count)

    async def _query(self, fields: Json) -> AsyncIterator[Json]:
        async for item in self._running().answers.stream(fields):
            yield item

    async def _device_add(self, fields: Json) -> Json:
        parts = self._running()
        agent, name, place = (_text(fields, key) for key in ("agent", "name", "place"))
        _none_left(fields)
        made = await asyncio.to_thread(parts.registry_file.add, agent, name=name, place=place)
        self.welcome(await asyncio.to_thread(parts.registry.reload))
        return agent_fields(made)

    async def _device_list(self, fields: Json) -> Json:
        _none_left(fields)
        agents = await asyncio.to_thread(self._running().registry_file.agents)
        return {"agents": [agent_fields(agent) for agent in agents]}

    async def _device_enable(self, fields: Json) -> Json:
        return await self._set_status(fields, Status.ACTIVE)

    async def _device_disable(self, fields: Json) -> Json:
        return await self._set_status(fields, Status.DISABLED)

    async def _stores_state(self, fields: Json) -> Json:
        _none_left(fields)
        return {"stores": self._running().overview.stores()}

    async def _store_pause(self, fields: Json) -> Json:
        return await self._do_with_store(fields, lambda stores, name: stores.pause(name))

    async def _store_resume(self, fields: Json) -> Json:
        return await self._do_with_store(fields, lambda stores, name: stores.resume(name))

    async def _store_project(self, fields: Json) -> Json:
        since, until = _text(fields, "from"), _text(fields, "until")
        now_ns = time.time_ns()
        until_ns = parse_instant(until, now_ns) if until else None
        if since == "journal":
            if until:
                raise ControlError("`until` goes with a time, not with the journal")
            return await self._do_with_store(fields, lambda stores, name: stores.replay(name))
        from_ns = None if since == "beginning" else parse_instant(since, now_ns)
        if from_ns is not None and until_ns is not None and from_ns >= until_ns:
            raise ControlError("`from` is not before `until`", "swap them")
        return await self._do_with_store(
            fields, lambda stores, name: stores.fill(name, from_ns=from_ns, until_ns=until_ns)
        )

    async def _do_with_store(self, fields: Json, ask: Callable[[StoreDesk, str], Future[Any]]) -> Json:
        parts = self._running()
        name = _text(fields, "store")
        _none_left(fields)
        if parts.stores is None:
            raise ControlError("the configuration has no store", "add a [[store]] and start the collector again")
        try:
            async with asyncio.timeout(STORE_S_MAX):
                # Shielded: who gave the order is told that it will be done, so it must not be taken back.
                job = await asyncio.shield(asyncio.wrap_future(ask(parts.stores, name)))
        except TimeoutError as exc:
            raise ControlError(f"store {name} hangs", "it is done as soon as it answers or its time is over") from exc
        return {"store": name, "job": job, "journal_position": parts.journal.head}

    async def _set_status(self, fields: Json, status: Status) -> Json:
        parts = self._running()
        agent = _text(fields, "agent")
        _none_left(fields)
        changed = await asyncio.to_thread(parts.registry_file.set_status, agent, status)
        self.welcome(await asyncio.to_thread(parts.registry.reload))
        return agent_fields(changed)


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.pop(key, "")
    if not isinstance(value, str) or len(value) > 200:
        raise ControlError(f"`{key}` must be text of at most 200 characters")
    return value


def _whole(fields: dict[str, Any], key: str, default: int) -> int:
    value = fields.pop(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ControlError(f"`{key}` must be a whole number from 0")
    return value


def _none_left(fields: dict[str, Any]) -> None:
    if fields:
        raise ControlError(f"unknown field `{next(iter(fields))}`")
