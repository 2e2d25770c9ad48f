"""The collector as one process: the one place that names every part and joins them.

Threads, and what may block in them:

- the event loop: broker, verification, delivery machine, control socket, page. Nothing may block.
- ``journal``: one commit, fsync included, at a time.
- ``projector``: decodes and writes the lake. DuckDB adds ``lake.threads`` of its own.
- ``pump-NAME`` and ``store-NAME`` of each store of others: one makes lines, one sends them and may wait for ever.
- asyncio's default pool: registry writes, queries, the page's requests.

Between event loop and journal stands one open batch (bounded by ``intake.unjournalled_mb``, then reading stops),
between journal and projector a feed of 32 MiB (past it the projector reads the journal instead).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import uvicorn

from collector.config import MB, CollectorConfig, WebConfig
from collector.control import Front, Parts
from collector.intake import Intake
from collector.journal import Journal
from collector.journal_desk import JournalDesk
from collector.lake.accounting import Accounts
from collector.lake.answers import QueryAnswers
from collector.lake.lake import Lake, LakeOptions
from collector.lake.latest import LatestValues
from collector.lake.latest_rebuild import rebuild
from collector.lake.maintenance import Maintenance
from collector.lake.progress import ProjectorOptions
from collector.lake.projector import Projector
from collector.overview import Overview
from collector.registry import Registry, RegistryFile
from collector.sources.mqtt5_codec import Mqtt5Source
from collector.sources.paho import PahoSource
from collector.sources.ports import BrokerAddress, MessageSource
from collector.web.app import create_app
from device_profiles.wire.delivery.collector import CollectorMachine, CollectorPolicy
from harkara_io.control_socket import ControlServer
from harkara_io.errors import ConfigError
from harkara_io.log_files import make_directory
from harkara_io.log_thread import LogThread
from harkara_io.sd_notify import Notifier

if TYPE_CHECKING:
    from collector.stores.desk import StoreDesk

LOG: Final = logging.getLogger(__name__)

GC_THRESHOLD: Final = (50_000, 20, 50)
"""A commit makes thousands of small tuples that die with it, none of them in a cycle."""

REGISTRY_POLL_S: Final = 5.0
"""How often another process's change of the registry is looked for. [s] Our own commands tell at once."""


async def run_collector(
    config: CollectorConfig, address: BrokerAddress, stopping: asyncio.Event, notifier: Notifier
) -> None:
    """Run until ``stopping``; then commit and acknowledge what has come, project it, close everything.

    Raises:
        HarkaraError: It cannot start: another process has the data, the broker refuses us, a port is taken. Errors
            from inside may come in an ``ExceptionGroup``.
        LogError: The journal cannot be opened.
    """
    make_directory(config.data)
    front = Front()
    async with AsyncExitStack() as stack:
        # First of all: the socket is what keeps a second collector away from these files.
        await stack.enter_async_context(
            ControlServer(config.socket_file, commands=front.commands(), streams=front.streams())
        )
        listener = stack.enter_context(_listen(config.web)) if config.web.enabled else None
        parts = await _open(config, address, stopping, stack)
        front.open(parts)
        gc.collect()
        # What is open now lives as long as the process; the collector of garbage need not walk it again and again.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(_project(parts.projector), name="projector"),
                group.create_task(parts.desk.keep_trimming(), name="retention"),
                group.create_task(_poll_registry(parts.registry, front), name="registry"),
                group.create_task(_watchdog(notifier), name="watchdog"),
            ]
            if listener is not None:
                helpers.append(group.create_task(_serve_page(parts.overview, listener), name="page"))
            notifier.ready("taking blocks")
            LOG.info("collector runs data=%s broker=%s:%d", config.data, address.host, address.port)
            await parts.intake.run(stopping)
            notifier.stopping("projecting what was taken")
            for helper in helpers:
                helper.cancel()


async def _open(
    config: CollectorConfig, address: BrokerAddress, stopping: asyncio.Event, stack: AsyncExitStack
) -> Parts:
    thread = LogThread("journal")
    stack.callback(thread.close)
    journal = await thread.run(
        Journal.open,
        config.journal_file,
        bytes_max=config.journal.cap_mb * MB,
        quarantine_bytes_max=config.quarantine.keep_mb * MB,
    )
    stack.callback(journal.close)
    registry_file = stack.enter_context(RegistryFile(config.registry_file))
    registry = Registry(registry_file, retry_after_s=config.intake.refused_retry_after_s)
    lake = await asyncio.to_thread(
        Lake.open, config.lake_folder, LakeOptions(config.lake.memory_limit_mb, config.lake.threads)
    )
    stack.callback(lake.close)
    latest, accounts = LatestValues(lake.dictionary), Accounts()
    with lake.cursor() as cursor:
        await asyncio.to_thread(rebuild, latest, cursor, lake.dictionary, now_ns=time.time_ns())
        await asyncio.to_thread(accounts.load, cursor)
    desk = JournalDesk(journal, thread, config.journal, stopping=stopping)
    projector = Projector(
        lake,
        journal,
        latest,
        accounts,
        poison=desk,
        options=ProjectorOptions(flush_after_s=config.lake.flush_after_s),
        maintenance=Maintenance(),
        withheld=lambda agent, segment: _is_clone(journal, agent, segment),
    )
    overview = Overview(registry=registry, journal=journal, projector=projector, latest=latest, accounts=accounts)
    source = make_source(address, held_bytes_max=config.intake.unjournalled_mb * MB)
    policy = CollectorPolicy(
        window_bytes=config.intake.window_kb * 1024, uncommitted_bytes_max=config.intake.unjournalled_mb * MB
    )
    intake = Intake(
        source=source,
        machine=CollectorMachine(journal.ledger, registry, policy=policy),
        committer=desk,
        sink=overview,
        is_refused=lambda agent: registry.refusal(agent) is not None,
        group_commit_s=config.intake.group_commit_ms / 1000,
        reconnect_s_max=config.broker.reconnect_s_max,
        is_behind=projector.is_behind,
    )
    stores = await asyncio.to_thread(_stores, config, journal, lake, registry)
    overview.watch(intake=intake, desk=desk, source=source, stores=stores)
    if stores is not None:
        # Ends before the lake and the journal are closed.
        stack.push_async_callback(asyncio.to_thread, stores.stop)
        stores.start(overview.status)
    return Parts(
        intake=intake,
        desk=desk,
        overview=overview,
        projector=projector,
        registry=registry,
        registry_file=registry_file,
        source=source,
        journal=journal,
        answers=QueryAnswers(lake.cursor, projector.flush),
        stores=stores,
    )


def _stores(config: CollectorConfig, journal: Journal, lake: Lake, registry: Registry) -> StoreDesk | None:
    if not config.store:
        return None
    # Its libraries take memory, and most collectors have no other store than the lake.
    from collector.stores.desk import StoreDesk  # noqa: PLC0415

    return StoreDesk(config.store, config.stores_folder, journal=journal, lake=lake, agents=lambda: registry.agents)


def make_source(address: BrokerAddress, *, held_bytes_max: int) -> MessageSource:
    """The adapter for the protocol version: the codec for 5, paho for 3.1.1."""
    kind = Mqtt5Source if address.version == "5" else PahoSource
    return kind(address, held_bytes_max=held_bytes_max)


def _is_clone(journal: Journal, agent: str, segment: int) -> bool:
    row = journal.ledger.segment(agent, segment)
    return row is not None and row.suspect == "clone"


async def _project(projector: Projector) -> None:
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="projector") as pool:
        running = asyncio.get_running_loop().run_in_executor(pool, projector.run, stop)
        try:
            await asyncio.shield(running)
            raise RuntimeError("the projector ended by itself")
        finally:
            stop.set()
            projector.wake()
            if not running.done():
                await running


async def _poll_registry(registry: Registry, front: Front) -> None:
    while True:
        await asyncio.sleep(REGISTRY_POLL_S)
        front.welcome(await asyncio.to_thread(registry.reload))


async def _watchdog(notifier: Notifier) -> None:
    if notifier.watchdog_s is None:
        return
    while True:
        notifier.alive()
        await asyncio.sleep(notifier.watchdog_s)


class _PageServer(uvicorn.Server):
    """Leaves the process's signals alone: they are the collector's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve_page(overview: Overview, listener: socket.socket) -> None:
    config = uvicorn.Config(
        create_app(overview), log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=2
    )
    server = _PageServer(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving


@contextlib.contextmanager
def _listen(web: WebConfig) -> Iterator[socket.socket]:
    """Take the page's port before anything else is opened."""
    family = socket.AF_INET6 if ":" in web.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((web.host, web.port))
        except OSError as exc:
            raise ConfigError(
                f"web.port {web.port} of {web.host}: {exc.strerror}", hint="give another [web] port, or enabled = false"
            ) from exc
        yield listener
