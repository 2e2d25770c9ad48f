"""The collector of the simulated world: journal, lake, and the real delivery machine between broker and disk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from device_profiles.wire.delivery.collector import CollectorMachine, CollectorPolicy
from device_profiles.wire.delivery.collector_io import (
    Ack,
    Alarm,
    BlockCame,
    BlockFacts,
    CollectorAction,
    Commit,
    CommitFailed,
    Committed,
    Connected,
    PauseReading,
    Reconnect,
    Release,
    ResumeReading,
    SendReceipt,
    SendSynced,
    SyncCame,
    Token,
)
from device_profiles.wire.delivery.ports import StoreIdentity
from device_profiles.wire.messages import Refusal
from tests.simulation.blocks import SimBlock, digest_of
from tests.simulation.disk import Change, Disk, DiskFullError
from tests.simulation.journal import ModelJournal
from tests.simulation.lake import Lake

if TYPE_CHECKING:
    from tests.simulation.broker import UpMessage
    from tests.simulation.world import World

UNCOMMITTED_MAX = 1500


class CollectorNode:
    """One collector; an impostor is another one, with another lineage."""

    def __init__(self, world: World, lineage: bytes) -> None:
        self.world = world
        self.time = world.time
        self.disk = Disk()
        self.disk.write([("meta", "identity", StoreIdentity(lineage, world.random_bytes(16), 1))])
        self.journal = ModelJournal(world, self.disk)
        self.lake = Lake(world)
        self.policy = CollectorPolicy(
            window_bytes=1200,
            uncommitted_bytes_max=UNCOMMITTED_MAX,
            backups=world.backups,
            intervals_max=200,
            entries_max=10_000 if world.rules.dedupe_window_s is None else 0,
        )
        self.running = False
        self.life = 0
        self.connections = 0
        self.connection: int | None = None
        self.paused = False
        self.machine: CollectorMachine | None = None
        self.payloads: dict[int, Any] = {}
        self.readable_version = 1
        self.turned_away_s: dict[str, float] = {}
        self._slot = 0
        self._flush_due = False
        self._commit: Commit | None = None
        self._unread: list[tuple[int, int, UpMessage]] = []

    # ---- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self.running:
            return
        self.life += 1
        self.running = True
        self.paused = False
        self.payloads.clear()
        self._unread.clear()
        self._flush_due = False
        self._commit = None
        self.machine = self.world.rules.collector_machine(self.journal, self, policy=self.policy)
        self.lake.attach(self.journal)
        self.time.note("collector", f"started, generation {self.journal.identity.generation}")
        self._later(self.time.rng.uniform(0.5, 3), self._connect)
        self._later(self.time.rng.uniform(1, 6), self._project)
        self._later(self.time.rng.uniform(10, 30), self._fsync_lake)

    def kill(self) -> None:
        """kill -9, perhaps just after a commit and before its receipts."""
        if not self.running:
            return
        if self._commit is not None and self.time.chance(0.5):
            self._try_apply(self._commit)
        self.time.note("collector", "killed")
        self.running = False
        self.life += 1
        self.machine = None
        self.world.broker.drop_collector()

    def power_cut(self) -> None:
        self.kill()
        self.disk.power_cut(self.time.rng)
        self.lake.power_cut()
        self.time.note("collector", "power cut")

    def restore(self, image: dict[str, Any], *, lake: bool) -> None:
        """Come back from the last verified backup, as a new generation."""
        self.kill()
        old = self.journal.identity
        self.disk.load(image["journal"])
        fresh = StoreIdentity(old.lineage, self.world.random_bytes(16), old.generation + 1)
        marks: list[Change] = [("backup", key, row.stored) for key, row in self.disk.table("row").items()]
        self.disk.write([("meta", "identity", fresh), *marks])
        if lake:
            self.lake.catalogue.load(image["catalogue"])
            self.lake.files = {fid: file._replace(durable=True) for fid, file in image["files"].items()}
        else:
            self.lake.roll_back_broken()
            self.lake.fsync_files()
            self.journal.learn(self.lake.blocks())
        self.world.oracle.restored()
        self.time.note("collector", f"restored from a backup{'' if lake else ' (journal only)'}")
        self.start()

    def image(self) -> dict[str, Any]:
        """What a backup copies."""
        files = {fid: file for fid, file in self.lake.files.items() if not file.broken}
        return {"journal": self.disk.image(), "catalogue": self.lake.catalogue.image(), "files": files}

    def _later(self, delay_s: float, what: Callable[[], None]) -> None:
        life = self.life

        def run() -> None:
            if self.life == life and self.running:
                what()

        self.time.after(delay_s, run)

    # ---- link -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self.connection is not None:
            return
        connection = self.world.broker.accept_collector(self)
        if connection is None:
            self._later(self.time.rng.uniform(1, 8), self._connect)
            return
        self.connection = connection
        self._unread.clear()
        self._feed(Connected(connection))

    def lost_connection(self, connection: int) -> None:
        if self.connection != connection:
            return
        self.connection = None
        if self.running:
            self._later(self.time.rng.uniform(0.2, 4), self._connect)

    def refusal(self, agent: str) -> Refusal | None:
        """The registry."""
        if agent in self.world.registered:
            return None
        self.turned_away_s[agent] = self.time.now
        return Refusal("not registered", 10)

    def deliver(self, connection: int, mid: int, message: UpMessage) -> None:
        """A PUBLISH reaches the socket."""
        if not self.running or self.connection != connection or self.machine is None:
            return
        if self.paused:
            self._unread.append((connection, mid, message))
            return
        self._slot += 1
        token = Token(connection, mid, self._slot)
        if isinstance(message.payload, SimBlock):
            self.payloads[self._slot] = message.payload
            self._feed(self._verified(token, message.agent, message.payload))
        else:
            self._feed(SyncCame(token, message.agent, message.payload))
        self._flush_soon()

    def _verified(self, token: Token, agent: str, block: SimBlock) -> BlockCame:
        if self.world.rules.verified_at_intake and (digest_of(block) != block.digest or block.agent != agent):
            return BlockCame(token, agent, block.size_bytes, None, "digest or identity")
        facts = BlockFacts(
            agent=agent,
            segment=block.segment,
            ordinal=block.ordinal,
            seq=block.seq,
            readings=len(block.readings),
            readings_total=block.readings_total,
            digest=block.digest,
            previous=block.previous,
            verdict="hold" if block.version > self.readable_version else "reject" if block.poison else "store",
            reason="unknown version" if block.version > self.readable_version else "poison",
            opened=block.opened,
            losses=block.losses,
        )
        return BlockCame(token, agent, block.size_bytes, facts)

    def refused_lately(self, agent: str) -> bool:
        """Whether blocks of this agent were turned away lately: these are acknowledged and not kept."""
        return self.time.now - self.turned_away_s.get(agent, float("-inf")) < 5.0

    # ---- the machine ------------------------------------------------------------------------------------------

    def _feed(self, event: BlockCame | SyncCame | Committed | CommitFailed | Connected) -> None:
        if self.machine is not None:
            self._carry_out(self.machine.handle(event))
            # What 40 unacknowledged messages can add between two looks at the cap.
            self.world.oracle.bound("uncommitted", self._uncommitted_bytes(), UNCOMMITTED_MAX + 1024)

    def _uncommitted_bytes(self) -> int:
        return self.machine.uncommitted_bytes if self.machine is not None else 0

    def _flush_soon(self) -> None:
        if not self._flush_due:
            self._flush_due = True
            self._later(0.05, self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self.machine is not None and self.machine.waiting and self._commit is None:
            self._carry_out(self.machine.flush())

    def _try_apply(self, commit: Commit) -> bool:
        try:
            self.journal.apply(commit, self.payloads)
        except DiskFullError:
            return False
        return True

    def _finish_commit(self) -> None:
        commit = self._commit
        if commit is None:
            return
        done = self._try_apply(commit)
        self._commit = None
        if not done:
            self._feed(CommitFailed(commit.batch, "disk full"))
            return
        self._feed(Committed(commit.batch))
        if self.machine is not None and self.machine.waiting:
            self._flush_soon()

    def _carry_out(self, actions: tuple[CollectorAction, ...]) -> None:  # noqa: C901 - one line per action
        oracle = self.world.oracle
        broker = self.world.broker
        for action in actions:
            match action:
                case Commit():
                    self._commit = action
                    # Most fsyncs are quick; now and then a disk stalls for seconds.
                    rng = self.time.rng
                    wait_s = rng.uniform(1, 6) if rng.random() < 0.04 else rng.uniform(0.005, 0.06)
                    self._later(wait_s, self._finish_commit)
                case SendReceipt():
                    self.time.note("collector", f"receipt {action.receipt.segments}")
                    oracle.promised(self, action.agent, action.receipt)
                    broker.publish_down(action.agent, action.receipt)
                case SendSynced():
                    oracle.promised(self, action.agent, action.synced.receipt)
                    broker.publish_down(action.agent, action.synced)
                case Ack():
                    broker.acknowledge(self, action.tokens)
                case Release():
                    for token in action.tokens:
                        self.payloads.pop(token.slot, None)
                case PauseReading():
                    self.paused = True
                case ResumeReading():
                    self._resume()
                case Reconnect():
                    self.time.note("collector", f"reconnect: {action.reason}")
                    broker.drop_collector()
                case Alarm():
                    self.time.note("collector", f"ALARM {action.agent} {action.kind}: {action.detail}")

    def _resume(self) -> None:
        self.paused = False
        unread, self._unread = self._unread, []
        for connection, mid, message in unread:
            self.time.after(0.001, partial(self.deliver, connection, mid, message))
        self.time.after(0.002, self.world.broker.pump)

    # ---- projection -------------------------------------------------------------------------------------------

    def _project(self) -> None:
        self._later(self.time.rng.uniform(1, 6), self._project)
        for transaction in self.lake.project(self.journal):
            self.lake.catalogue.write(transaction)
            if self.world.projector_dies and self.time.chance(0.15):
                self.time.note("lake", "killed within a projection")
                self.kill()
                self.time.after(3.0, self.start)
                return

    def _fsync_lake(self) -> None:
        self._later(self.time.rng.uniform(10, 30), self._fsync_lake)
        if self.time.chance(0.7):
            self.lake.fsync_files()
        upto = self.lake.durable_offset if self.world.rules.trimmed_to_durable else self.lake.offset[1]
        if not self.disk.full:
            self.journal.trim(upto)

    @property
    def drained(self) -> bool:
        """Whether the lake has all that the journal holds."""
        return self.lake.offset[1] >= self.journal.next_position - 1
