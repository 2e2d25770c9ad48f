"""The intake on a real broker and a real journal, stopped at the very instants that matter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import pytest

from collector.config import JournalConfig
from collector.intake import Intake
from collector.intake_ports import Abandoned
from collector.journal import Journal
from collector.journal_desk import JournalDesk
from collector.registry import Registry, RegistryFile
from collector.service import make_source
from collector.sources.ports import BrokerAddress, Message
from device_profiles.wire.delivery import collector_io as io
from device_profiles.wire.delivery.collector import CollectorMachine, CollectorPolicy
from device_profiles.wire.intervals import IntervalSet
from device_profiles.wire.messages import State
from harkara_io.log_thread import LogThread
from tests.collector.harness import AgentClient, Blocks, agent_client, conserved
from tests.conftest import Mosquitto

pytestmark = pytest.mark.broker


class Heard:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.blocks: list[bytes] = []

    def committed(self, blocks: Sequence[io.StoreBlock], positions: Sequence[int], data: Sequence[bytes]) -> None:
        assert len(blocks) == len(positions) == len(data)
        self.blocks.extend(data)

    def state(self, agent: str, state: State) -> None: ...

    def sync(self, agent: str, came: io.SyncCame) -> None: ...


class PowerCutError(Exception):
    """Here and not further."""


class DiesAfterCommit:
    """The power goes after the fsync and before anybody is told."""

    def __init__(self, desk: JournalDesk) -> None:
        self.desk = desk
        self.committed = 0

    async def commit(
        self, commit: io.Commit, payload: Callable[[io.StoreBlock | io.KeepAside], bytes], received_at_ns: int
    ) -> Sequence[int]:
        self.committed += len(await self.desk.commit(commit, payload, received_at_ns))
        raise PowerCutError


class Collector:
    """Intake, journal and source in this process."""

    def __init__(self, folder: Path, port: int, *, journal_bytes_max: int = 1 << 30) -> None:
        folder.mkdir(exist_ok=True)
        self.stopping = asyncio.Event()
        self.thread = LogThread("journal")
        self.journal = Journal.open(folder / "journal.db", bytes_max=journal_bytes_max)
        self.file = RegistryFile(folder / "registry.db")
        if not self.file.agents():
            self.file.add("agent-1")
        self.registry = Registry(self.file, retry_after_s=5)
        self.desk = JournalDesk(self.journal, self.thread, JournalConfig(keep_days=0), stopping=self.stopping)
        address = BrokerAddress(host="127.0.0.1", port=port, client_id="harkara-collector", version="5")
        self.source = make_source(address, held_bytes_max=1 << 20)
        self.heard = Heard()
        self.running: asyncio.Task[None] | None = None

    def intake(
        self, committer: JournalDesk | DiesAfterCommit | None = None, *, is_behind: Callable[[], bool] = lambda: False
    ) -> Intake:
        return Intake(
            source=self.source,
            machine=CollectorMachine(self.journal.ledger, self.registry, policy=CollectorPolicy()),
            committer=committer or self.desk,
            sink=self.heard,
            is_refused=lambda agent: self.registry.refusal(agent) is not None,
            group_commit_s=0.01,
            reconnect_s_max=0.5,
            is_behind=is_behind,
        )

    def run(self, intake: Intake) -> asyncio.Task[None]:
        """Set it to work."""
        self.running = asyncio.create_task(intake.run(self.stopping))
        return self.running

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Also after a failure; nothing more goes out: the socket is cut, not closed in order."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.wait([self.running])
        link = getattr(self.source, "_link", None)
        if link is not None:
            link.abort()
            await link._closed.wait()
        self.thread.close()
        self.journal.close()
        self.file.close()


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - broker and client tell nobody
            await asyncio.sleep(0.01)


def test_power_cut_between_commit_and_acknowledgement(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    blocks = Blocks()

    async def dies() -> int:
        async with Collector(tmp_path / "c", broker.port) as collector:
            killer = DiesAfterCommit(collector.desk)
            running = collector.run(collector.intake(killer))
            await _until(lambda: collector.source.generation)
            await asyncio.to_thread(agent.send, *blocks.next(10))
            with pytest.raises(ExceptionGroup) as caught:
                await running
            assert caught.group_contains(PowerCutError)
            return killer.committed

    async def lives() -> None:
        async with Collector(tmp_path / "c", broker.port) as collector:
            intake = collector.intake()
            running = collector.run(intake)
            # The broker has had no acknowledgement, so it sends again; nobody else does.
            await _until(lambda: agent.stored().count == 10 and not intake.counters.waiting)
            collector.stopping.set()
            await running
            assert conserved({name: getattr(intake.counters, name) for name in intake.counters.__slots__})
            assert intake.counters.duplicate >= committed
            assert intake.counters.committed == 10 - committed
            assert collector.source.counters.acknowledged == 10
            assert collector.journal.head == 10

    with agent_client(broker.port) as agent:
        committed = asyncio.run(dies())
        assert committed
        assert not agent.receipts, "a receipt went out before its commit was told"
        asyncio.run(lives())


def test_a_lake_that_stays_behind_slows_receipts_and_stops_none(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = mosquitto()
    blocks = Blocks()
    monkeypatch.setattr("collector.intake.GIVE_WAY_S_MAX", 0.05)
    asked: list[bool] = []

    def behind() -> bool:
        asked.append(True)
        return True

    async def run(agent: AgentClient) -> None:
        async with Collector(tmp_path / "c", broker.port) as collector:
            intake = collector.intake(is_behind=behind)
            running = collector.run(intake)
            await _until(lambda: collector.source.generation)
            for _ in range(5):
                await asyncio.to_thread(agent.send, *blocks.next(20))
            await _until(lambda: agent.stored().count == len(blocks.made))
            assert len(asked) > 5, "the intake never gave way"
            collector.stopping.set()
            await running

    with agent_client(broker.port) as agent:
        asyncio.run(run(agent))


def test_a_full_journal_stops_reading_and_goes_on_when_the_lake_has_come_along(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = mosquitto()
    blocks = Blocks()
    monkeypatch.setattr("collector.journal_desk.RETRY_S", 0.05)

    async def run(agent: AgentClient) -> None:
        async with Collector(tmp_path / "c", broker.port, journal_bytes_max=2 << 20) as collector:
            intake = collector.intake()
            running = collector.run(intake)
            await _until(lambda: collector.source.generation)
            while not collector.desk.trouble:
                await asyncio.to_thread(agent.send, *blocks.next(500))
                await _until(lambda: collector.desk.trouble or agent.stored().count == len(blocks.made))
            # The last commits' receipts may still be on their way when the next one finds no room.
            await _until(lambda: agent.stored().count == collector.journal.head)
            held = collector.journal.head
            assert held < len(blocks.made)
            # Nothing was acknowledged that is not there, nothing is there twice, and nothing is lost: it waits.
            await _until(lambda: intake.counters.received == len(blocks.made))
            assert agent.stored() == IntervalSet.from_numbers(range(1, held + 1))
            assert (intake.counters.committed, intake.counters.duplicate) == (held, 0)
            assert intake.counters.waiting == len(blocks.made) - held
            assert collector.heard.blocks == blocks.made[:held]
            collector.journal.set_durable(collector.journal.head)
            await _until(lambda: agent.stored().count == len(blocks.made))
            assert collector.desk.trouble == ""
            assert collector.desk.trimmed
            collector.stopping.set()
            await running
            assert collector.heard.blocks == blocks.made

    with agent_client(broker.port) as agent:
        asyncio.run(run(agent))


def test_stopping_while_the_disk_takes_nothing_acknowledges_nothing(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = mosquitto()

    class NeverCommits:
        async def commit(self, *_: object) -> Sequence[int]:
            await collectors[0].stopping.wait()
            raise Abandoned("no room")

    collectors: list[Collector] = []

    async def run(agent: AgentClient) -> None:
        async with Collector(tmp_path / "c", broker.port) as collector:
            collectors.append(collector)
            intake = collector.intake(NeverCommits())  # type: ignore[arg-type]
            running = collector.run(intake)
            await _until(lambda: collector.source.generation)
            await asyncio.to_thread(agent.send, *Blocks().next(5))
            await _until(lambda: intake.counters.received)
            collector.stopping.set()
            async with asyncio.timeout(10):
                await running
            assert collector.source.counters.acknowledged == 0
            assert collector.journal.head == 0

    with agent_client(broker.port) as agent:
        asyncio.run(run(agent))
        assert not agent.receipts


class Scripted:
    """A source without a network: hands out what it is given, remembers what it is told."""

    def __init__(self) -> None:
        self.acknowledged: list[Message] = []
        self.generation = 1

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.acknowledged.extend(messages)

    def publish(self, topic: str, payload: bytes) -> bool:
        return bool(topic) and payload is not None


def test_acknowledgements_keep_the_order_of_arrival(tmp_path: Path) -> None:
    """MQTT 5, 4.6: PUBACKs go out in the order in which the PUBLISHes came, strays and states among blocks too."""

    async def run() -> None:
        async with Collector(tmp_path / "c", 1) as collector:
            source = Scripted()
            collector.source = source  # type: ignore[assignment]
            intake = collector.intake()
            intake._machine.handle(io.Connected(1))
            good = Blocks().next(4)
            topics = ["harkara/1/agent-1/block", "elsewhere", "harkara/1/agent-1/state", "harkara/1/agent-1/block"]
            payloads = [good[0], b"?", b"", good[1]]
            batch = [
                Message(topic=topic, payload=payload, retain=False, generation=1, packet_id=number)
                for number, (topic, payload) in enumerate(zip(topics, payloads, strict=True), 1)
            ]
            intake.take(batch)
            assert source.acknowledged == [], "the stray behind an uncommitted block went first"
            await intake._commit_once()
            assert [message.packet_id for message in source.acknowledged] == [1, 2, 3, 4]
            assert not intake._arrived
            assert not intake._done
            assert not intake._blocks
            assert not any(intake._fates.values())

    asyncio.run(run())
