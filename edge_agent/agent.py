"""The agent put together: devices, outbox, uplink, control socket; one task group, one ``run`` per stage.

::

    device stages --samples--> queue (256; full: devices wait) --> gatherer --commit--> outbox <-- uplink --> broker
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from device_profiles.wire.delivery.agent import AgentMachine, AgentPolicy
from device_profiles.wire.messages import DeviceState, State
from edge_agent.blocks import BlockBuilder, recovered
from edge_agent.clock import Clock, SystemClock
from edge_agent.counters import DeviceCounters, rss_bytes
from edge_agent.devices import DeviceStage, build
from edge_agent.disk_health import DiskHealth
from edge_agent.drivers.make import Lines
from edge_agent.drivers.power import PowerGroup
from edge_agent.fingerprint import fingerprint
from edge_agent.gather import Gatherer
from edge_agent.looking import Looking
from edge_agent.mqtt_client import client_factory
from edge_agent.outbox import Outbox
from edge_agent.samples import SampleQueue
from edge_agent.settings import Config
from edge_agent.settings_devices import Device
from edge_agent.telemetry.placed import PlacedQueue, Placing
from edge_agent.uplink import Uplink
from harkara_io.control_socket import ControlError, ControlServer
from harkara_io.log_errors import Incident, LogError
from harkara_io.log_thread import LogThread
from harkara_io.sd_notify import Notifier

log = logging.getLogger("harkara.agent")

CHECK_EVERY_S: Final = 1.0
"""Pace of the outbox's background integrity check. [s]"""
CHECK_AGAIN_S: Final = 3600.0
"""Pause of it after a whole round. [s]"""
PLACES_EVERY_S: Final = 1.0
"""How often readings are let go that wait for a position that does not come. [s]"""
FLUSH_AFTER_S: Final = 5.0
"""Trims wait this long for a commit to ride on. [s]"""
STATUS_EVERY_S: Final = 30.0
"""Pace of the line for ``systemctl status``. [s]"""


@dataclass(slots=True)
class _Stages:
    """What runs, by name."""

    devices: list[asyncio.Task[None]]
    gatherer: asyncio.Task[None]
    uplink: asyncio.Task[None]
    upkeep: list[asyncio.Task[None]]


class Agent:
    """One agent process.

    Attributes:
        config: What it was started with.
    """

    def __init__(self, config: Config, *, version: str, clock: Clock | None = None) -> None:
        """Prepare; nothing is opened yet.

        Raises:
            ConfigError: A secret or certificate cannot be used.
        """
        self.config = config
        self._version = version
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._make_client = client_factory(config)
        self._notifier = Notifier.from_environment()
        self._counters: list[DeviceCounters] = []
        self._profiles = config.profiles
        self._incidents: list[Incident] = []
        placings = {
            device.id: Placing(device.place_from, device.attitude_from, round(device.latency_s * 1e9))
            for device in config.device
            if device.place_from is not None or device.attitude_from is not None
        }
        self._queue = PlacedQueue(placings, self._clock) if placings else SampleQueue()
        self._lines = Lines()
        self._looking = Looking()
        self._thread = LogThread("outbox")
        self._ready = False
        self._health = DiskHealth()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then seal and commit what is there and send what can be sent in time.

        Raises:
            LogLocked: Another process has the outbox.
            LogForeign: The outbox file is not an outbox of this version.
            AlreadyRunning: Another process answers at the control socket.
        """
        config = self.config
        commands = {"status": self._status, "ping": _ping, "read": self._looking.read, "import": self._import}
        async with ControlServer(config.socket_used, commands=commands):
            self._outbox = await self._thread.run(
                Outbox.open,
                config.outbox.file,
                agent=config.agent,
                fingerprint=fingerprint(),
                bytes_max=config.outbox.max_bytes,
                on_incident=self._incident,
            )
            clean = False
            try:
                self._compose()
                await self._work(stop)
                clean = True
            finally:
                await self._thread.run(self._outbox.close, clean=clean)
                self._thread.close()

    def _compose(self) -> None:
        config = self.config
        self._builders = {
            device.id: BlockBuilder(
                config.agent, device.id, self._profiles[device.id], self._clock, seal_after_s=device.seal_after_s
            )
            for device in config.device
        }
        machine = AgentMachine(
            self._outbox,
            pinned_lineage=self._outbox.lineage,
            random=random.random,
            nonce=lambda: secrets.randbits(64),
            policy=AgentPolicy(timeout_min_s=config.broker.receipt_timeout_s, sync_every_s=config.broker.sync_every_s),
        )
        self._uplink = Uplink(
            agent=config.agent,
            client=self._make_client,
            where=(config.broker.host, config.broker.port_used, config.username_used),
            outbox=self._outbox,
            thread=self._thread,
            machine=machine,
            clock=self._clock,
            state=self._state,
            may_send=self._queue.wake,
            health=self._health,
            reconnect_s_max=config.broker.reconnect_s_max,
            state_every_s=config.broker.state_every_s,
        )
        self._gatherer = Gatherer(
            outbox=self._outbox,
            thread=self._thread,
            queue=self._queue,
            builders=self._builders,
            clock=self._clock,
            commit_interval_s=config.outbox.commit_interval_s,
            commit_readings_max=config.outbox.commit_readings_max,
            may_send=lambda: self._uplink.may_send,
            sealed=self._uplink.sealed,
            make_room=self._uplink.make_room,
            health=self._health,
        )
        self._health.on_change = self._uplink.tell_state

    async def _work(self, stop: asyncio.Event) -> None:
        left = await self._thread.run(self._outbox.open_chunks)
        await self._gatherer.commit(recovered(self.config.agent, left))
        if left:
            log.info("recovered rows=%d", sum(chunk.rows for chunk in left))
        self._lines.marks = await self._thread.run(self._outbox.marks)
        supplies = self._build_supplies()
        devices = [self._build_device(device) for device in self.config.device]
        for supply in supplies:
            await supply.start()
        async with asyncio.TaskGroup() as group:
            stages = _Stages(
                [group.create_task(stage.run(), name=f"device {name}") for name, stage in devices],
                group.create_task(self._gatherer.run(), name="gatherer"),
                group.create_task(self._uplink.run(), name="uplink"),
                [group.create_task(work, name=name) for name, work in self._upkeep().items()],
            )
            self._ready = True
            self._notifier.ready(f"{len(self.config.device)} devices")
            log.info(
                "agent running agent=%s devices=%d pid=%d", self.config.agent, len(self.config.device), os.getpid()
            )
            await stop.wait()
            await self._stop(stages, supplies)

    def _build_supplies(self) -> list[PowerGroup]:
        if not self.config.power:
            return []
        from edge_agent.power_groups import build_all  # noqa: PLC0415 - only who switches a supply needs it in memory

        return build_all(self.config.power, self._clock, self._lines)

    def _build_device(self, device: Device) -> tuple[str, DeviceStage]:
        stage, counters = build(device, self._clock, self._queue, self._lines)
        self._counters.append(counters)
        self._looking.add(stage, counters)
        return device.id, stage

    async def _stop(self, stages: _Stages, supplies: Sequence[PowerGroup]) -> None:
        """In the order of the readings: lines closed, rows sealed, blocks sent, goodbye said."""
        self._notifier.stopping("sealing what is open")
        log.info("agent stopping")
        for task in stages.devices:
            task.cancel()
        await asyncio.wait(stages.devices)
        for supply in supplies:
            await supply.stop()
        if isinstance(self._queue, PlacedQueue):
            self._queue.release(everything=True)
        self._gatherer.stop()
        await stages.gatherer
        deadline_s = self._clock.monotonic_s() + self.config.broker.stop_s
        while self._uplink.is_up and self._clock.monotonic_s() < deadline_s:
            await self._flush_once()
            if (await self._thread.run(self._outbox.stats)).pending == 0:
                break
            await self._uplink.progress(0.2)
        self._uplink.stop()
        if self._uplink.is_up:
            await asyncio.wait([stages.uplink], timeout=max(1.0, self.config.broker.stop_s))
        for task in (stages.uplink, *stages.upkeep):
            task.cancel()

    def _upkeep(self) -> dict[str, Coroutine[None, None, None]]:
        upkeep = {"check": self._check(), "flush": self._flush(), "watchdog": self._watchdog()}
        if isinstance(self._queue, PlacedQueue):
            upkeep["places"] = self._let_go(self._queue)
        return upkeep

    async def _let_go(self, queue: PlacedQueue) -> None:
        while True:
            await asyncio.sleep(PLACES_EVERY_S)
            queue.release()

    # ---- upkeep -----------------------------------------------------------------------------------------------
    async def _check(self) -> None:
        """Read the outbox through, a slice at a time, so that a rotten card is known before its blocks are needed."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            if self._queue:
                continue
            try:
                is_round_complete = await self._thread.run(self._outbox.check)
            except LogError as exc:
                self._health.failed("delivery", exc)
                continue
            if is_round_complete:
                await asyncio.sleep(CHECK_AGAIN_S)

    async def _flush(self) -> None:
        """Trims ride the next commit; where none comes for a while, they are committed alone."""
        while True:
            before = self._gatherer.commits
            await asyncio.sleep(FLUSH_AFTER_S)
            if self._gatherer.commits == before:
                await self._flush_once()

    async def _flush_once(self) -> None:
        try:
            if await self._thread.run(self._outbox.flush):
                self._health.worked()
        except LogError as exc:
            # What rides stays in memory; the next commit or flush takes it.
            self._health.failed("delivery", exc)

    async def _watchdog(self) -> None:
        every_s = min(self._notifier.watchdog_s or STATUS_EVERY_S, STATUS_EVERY_S)
        while True:
            await asyncio.sleep(every_s)
            # A round through the outbox's thread: a disk that hangs for good is a hang.
            stats = await self._thread.run(self._outbox.stats)
            self._notifier.alive()
            self._notifier.status(f"accepted {stats.accepted}, pending {stats.pending}, link {self._uplink.state}")

    def _incident(self, incident: Incident) -> None:
        self._incidents.append(incident)
        del self._incidents[:-16]
        log.error(
            "outbox incident kind=%s kept=%d lost=%d moved_to=%s %s",
            incident.kind,
            incident.kept,
            incident.lost,
            incident.moved_to,
            incident.detail,
        )

    # ---- what others see --------------------------------------------------------------------------------------
    def _state(self, connection: int) -> State:
        """Birth message; runs in the outbox's thread."""
        stats = self._outbox.stats()
        section = self._clock.section()
        return State(
            alive=True,
            connection=connection,
            agent_version=self._version,
            outbox_id=self._outbox.outbox_id,
            devices=tuple(DeviceState(device, profile) for device, profile in self._profiles.items()),
            clock=section.state,
            accepted=stats.accepted,
            pending=stats.pending,
            recorded_loss=stats.recorded_loss,
            sent_at_ns=section.wall_ns,
            trouble=self._health.trouble,
        )

    async def _status(self, _fields: dict[str, Any]) -> dict[str, Any]:
        if not self._ready:
            raise _starting()
        stats = await self._thread.run(self._outbox.stats)
        uplink = self._uplink
        section = self._clock.section()
        rejected: dict[str, int] = {}
        for each in self._counters:
            for reason, count in each.rejected.items():
                rejected[reason] = rejected.get(reason, 0) + count
        return {
            "agent": self.config.agent,
            "version": self._version,
            "pid": os.getpid(),
            "accepted": stats.accepted,
            "stored": stats.stored,
            "recorded_loss": stats.recorded_loss,
            "pending": stats.pending,
            "open_rows": stats.open_rows,
            "open_readings": stats.open_readings,
            "queued": len(self._queue),
            "commits": self._gatherer.commits,
            "rejected": rejected,
            "blocks": stats.blocks,
            "block_bytes": stats.block_bytes,
            "outbox_bytes": stats.file_bytes,
            "outbox_bytes_max": stats.bytes_max,
            "disk": self._health.state,
            "disk_detail": self._health.trouble,
            "link": uplink.state,
            "link_detail": uplink.detail,
            "phase": str(uplink.phase),
            "connections": uplink.connection,
            "blocks_published": uplink.blocks_published,
            "bytes_published": uplink.bytes_published,
            "in_flight_bytes": uplink.in_flight_bytes,
            "alarms": dict(uplink.alarms),
            "incidents": [f"{each.kind}: {each.detail}" for each in self._incidents],
            "clock": section.state.name.lower(),
            "rss_bytes": rss_bytes(),
            "devices": [each.as_json() for each in self._counters],
        }

    async def _import(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Rows of a file that somebody else reads."""
        if not self._ready:
            raise _starting()
        from edge_agent.imports.through_agent import ImportServer  # noqa: PLC0415 - seldom, and it loads profiles

        server = ImportServer(
            self._outbox,
            self._thread,
            self.config.agent,
            self._clock,
            devices=self._builders,
            sealed=self._uplink.sealed,
        )
        return await server.take(fields)


def _starting() -> ControlError:
    return ControlError("the agent is starting", "ask again in a moment")


async def _ping(_fields: dict[str, Any]) -> dict[str, Any]:
    return {"pid": os.getpid()}
