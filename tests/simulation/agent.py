"""An agent of the simulated world: a disk, a process that may die, and the real delivery machine inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from device_profiles.wire.delivery.agent import AgentMachine, AgentPolicy, Phase
from device_profiles.wire.delivery.agent_io import (
    AgentAction,
    AgentEvent,
    Alarm,
    BlockUnreadable,
    Connected,
    Disconnected,
    DropStored,
    ForgetSegment,
    GiveUp,
    PinLineage,
    Pressure,
    Puback,
    Publish,
    ReceiptCame,
    Reconnect,
    Sealed,
    SendSync,
    SyncedCame,
    Tick,
    Trim,
    Undone,
    Unshelve,
)
from device_profiles.wire.intervals import EMPTY
from device_profiles.wire.messages import Receipt, Synced
from tests.simulation.blocks import Reading, SimBlock, digest_of
from tests.simulation.disk import Disk, DiskFullError
from tests.simulation.outbox import ModelOutbox

if TYPE_CHECKING:
    from tests.simulation.world import World

POLICY = AgentPolicy(
    window_bytes=900, window_blocks=24, socket_slots=8, timeout_min_s=5, timeout_max_s=120, page=8, sync_segments=6
)
ROWS_A_BLOCK = 4


class AgentNode:
    """One physical unit. A clone is another node with the same name and a copy of the disk."""

    def __init__(self, world: World, name: str, owner: str, disk: Disk | None = None) -> None:
        self.world = world
        self.time = world.time
        self.name = name
        self.owner = owner
        self.fingerprint = owner.encode().ljust(16, b"-")
        self.life = 0
        self.running = False
        self.link_up = True
        self.connections = 0
        self.connection: int | None = None
        self.version = 1
        self.wall_offset_ns = 0
        self.numbers = 0
        self.cap_bytes = world.outbox_cap_bytes
        self.alarms: list[str] = []
        self._wake_s = float("inf")
        self._waiting: list[AgentEvent] = []
        self._busy = False
        if disk is None:
            disk = Disk()
            identity = world.random_bytes(16)
            disk.write([("meta", "outbox_id", identity), ("meta", "fingerprint", self.fingerprint)])
            disk.write([("meta", "lineage", world.lineage), ("meta", "clean", False)])
        self.disk = disk
        self.outbox = ModelOutbox(disk, world.rules)
        self.machine: AgentMachine | None = None

    # ---- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """The process starts, as after boot."""
        if self.running:
            return
        self.life += 1
        self.running = True
        meta = self.disk.table("meta")
        newest = self.outbox.newest()
        moved = meta["fingerprint"] != self.fingerprint and self.world.rules.fingerprint_checked
        rules = self.world.rules
        crashed = not meta["clean"] and rules.segment_after_crash
        fresh = rules.segment_at_every_start and rules.segment_after_crash
        try:
            if newest is None or moved or crashed or fresh:
                reason = "first" if newest is None else "moved" if moved else "crash" if crashed else "start"
                self.outbox.open_segment(self.world.fresh_segment(), self.fingerprint, reason)
            elif not self.world.rules.segment_after_crash:
                self._continue_by_highest_kept()
            self.disk.write([("meta", "fingerprint", self.fingerprint), ("meta", "clean", False)])
        except DiskFullError:
            self.running = False
            self._later(5.0, self.start, any_life=True)
            return
        rng = self.time.rng
        self.machine = self.world.rules.agent_machine(
            self.outbox,
            pinned_lineage=meta["lineage"],
            random=rng.random,
            nonce=lambda: rng.getrandbits(64),
            policy=POLICY,
        )
        self._wake_s = float("inf")
        self._waiting.clear()
        self.time.note(self.owner, f"started, outbox {len(self.outbox.keys())} blocks")
        self._later(rng.uniform(0.5, 3), self._connect)
        self._later(rng.uniform(1, 8), self._sample)
        self._later(15.0, self._seal_on_time)

    def _continue_by_highest_kept(self) -> None:
        """What a changed rule asks for: no new segment, and numbers from what is still there."""
        line = self.outbox.newest()
        assert line is not None
        kept = max((seq for ordinal, seq in self.disk.table("block") if ordinal == line.ordinal), default=0)
        if not self.disk.table("meta")["clean"]:
            self.outbox.write([("segment", line.ordinal, line._replace(tail=kept, absent=EMPTY))])

    def kill(self) -> None:
        """kill -9: the disk's cache survives."""
        if not self.running:
            return
        self.time.note(self.owner, "killed")
        self.running = False
        self.life += 1
        self.machine = None
        self._hang_up()

    def power_cut(self) -> None:
        """The process dies and the disk goes back to its last fsync."""
        self.kill()
        before = self.answered_for()
        taken = self.disk.power_cut(self.time.rng)
        if self.disk.lying:
            self.world.oracle.lied(before - self.answered_for())
            self.world.oracle.lives_twice(self.readings())
        self.time.note(self.owner, f"power cut, {taken} commits taken back")

    def stop(self) -> None:
        """A clean stop: seal what there is."""
        if not self.running:
            return
        self._seal()
        try:
            self.disk.write([("meta", "clean", True)])
        except DiskFullError:
            pass
        else:
            self.time.note(self.owner, "stopped")
        self.running = False
        self.life += 1
        self.machine = None
        self._hang_up()

    def readings(self) -> set[tuple[str, int]]:
        """Keys of all readings on the disk."""
        found = {(row.owner, row.number) for row in self.disk.table("row").values()}
        for block in self.disk.table("block").values():
            found.update((reading.owner, reading.number) for reading in block.readings)
        return found

    def answered_for(self) -> set[tuple[str, int]]:
        """Keys of all readings this disk still answers for: kept, or in a loss record that has not arrived."""
        found = self.readings()
        for line in self.disk.table("loss").values():
            for seq in line.record.intervals.numbers():
                for block in self.world.oracle.by_key.get((self.name, line.record.segment, seq), ()):
                    found.update((reading.owner, reading.number) for reading in block.readings)
        return found

    def _later(self, delay_s: float, what: Callable[[], None], *, any_life: bool = False) -> None:
        life = self.life

        def run() -> None:
            if any_life or (self.life == life and self.running):
                what()

        self.time.after(delay_s, run)

    # ---- sensor -----------------------------------------------------------------------------------------------

    def _sample(self) -> None:
        if not self.world.sampling:
            return
        self._later(self.time.rng.uniform(0.5, 1.5) * self.world.sample_every_s, self._sample)
        self.numbers += 1
        raw_ns = int((1.7e9 + self.time.now) * 1e9) + self.wall_offset_ns
        reading = Reading(self.owner, self.name, self.numbers, self.time.rng.getrandbits(16), raw_ns)
        try:
            self.outbox.add_row(reading)
        except DiskFullError:
            return
        self.world.oracle.accept(reading)
        if len(self.disk.table("row")) >= ROWS_A_BLOCK:
            self._seal()

    def _seal_on_time(self) -> None:
        self._later(15.0, self._seal_on_time)
        self._seal()

    def _seal(self) -> None:
        poison = self.time.chance(self.world.poison)
        try:
            block = self.outbox.seal(self.name, version=self.version, poison=poison)
        except DiskFullError:
            return
        if block is None:
            return
        self.world.oracle.sealed(block)
        self.feed(Sealed())
        excess = self.outbox.size_bytes - self.cap_bytes
        if excess > 0 and self.machine is not None:
            self.feed(Pressure(excess))
            self.world.oracle.bound("outbox", self.outbox.size_bytes, self.cap_bytes + self.shelf_bytes())

    def shelf_bytes(self) -> int:
        """Bytes under the shelf's own cap, which pressure does not touch."""
        shelved = {line.ordinal: line.shelved for line in self.disk.table("segment").values()}
        blocks = self.disk.table("block")
        return sum(block.size_bytes for (ordinal, seq), block in blocks.items() if seq in shelved[ordinal])

    # ---- link -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self.connection is not None:
            return
        connection = self.world.broker.accept_agent(self) if self.link_up else None
        if connection is None:
            self._later(self.time.rng.uniform(1, 12), self._connect)
            return
        self.connection = connection
        self.time.note(self.owner, f"connected ({connection})")
        self.feed(Connected(connection))

    def lost_connection(self, connection: int) -> None:
        """The broker or the link ended it."""
        if self.connection != connection:
            return
        self.connection = None
        if self.running:
            self.time.note(self.owner, "disconnected")
            self.feed(Disconnected(connection))
            # A unit that was pushed out by its own clone waits longer, or neither would get anything done.
            self._later(self.time.rng.uniform(1, 12) * (4 if self.world.cloned else 1), self._connect)

    def _hang_up(self) -> None:
        self.world.broker.drop_agent(self)
        self.connection = None

    def set_link(self, *, up: bool) -> None:
        self.link_up = up
        if not up:
            self.world.broker.drop_agent(self)

    def puback(self, connection: int, segment: int, seq: int, *, delivered: bool) -> None:
        if self.running:
            self.feed(Puback(connection, segment, seq, delivered))

    def receive(self, connection: int, payload: Any) -> None:
        if not self.running:
            return
        if isinstance(payload, Synced):
            self.feed(SyncedCame(connection, payload))
        elif isinstance(payload, Receipt):
            self.feed(ReceiptCame(connection, payload))

    # ---- the machine ------------------------------------------------------------------------------------------

    def feed(self, event: AgentEvent) -> None:
        """One event at a time; what carrying out an action brings up waits its turn."""
        self._waiting.append(event)
        if self._busy:
            return
        self._busy = True
        life = self.life
        try:
            while self._waiting and self.machine is not None and self.life == life:
                for action in self.machine.handle(self._waiting.pop(0), self.time.now):
                    self._carry_out(action)
        finally:
            self._busy = False
        self._check_bounds()
        self._set_alarm_clock()

    def _check_bounds(self) -> None:
        machine = self.machine
        if machine is None:
            return
        biggest = 400
        self.world.oracle.bound("window", machine.in_flight_bytes, max(machine.window_bytes, biggest))
        self.world.oracle.bound("slots", machine.slots, POLICY.socket_slots)

    def _set_alarm_clock(self) -> None:
        wake_s = self.machine.next_wake_s if self.machine is not None else None
        if wake_s is None or wake_s >= self._wake_s > self.time.now:
            return
        self._wake_s = wake_s
        self._later(max(0.001, wake_s - self.time.now), self._wake)

    def _wake(self) -> None:
        self._wake_s = float("inf")
        self.feed(Tick())

    def _carry_out(self, action: AgentAction) -> None:
        try:
            self._apply(action)
        except DiskFullError:
            self.time.note(self.owner, f"disk full: {type(action).__name__} not done")
            self._waiting.append(Undone())

    def _apply(self, action: AgentAction) -> None:  # noqa: C901 - one line per action
        oracle = self.world.oracle
        match action:
            case SendSync():
                self.world.broker.publish_up(self, action.connection, action.sync)
            case Publish():
                self._publish(action)
            case Trim():
                self.time.note(self.owner, f"trim {action.segment:x} {action.seqs}")
                oracle.trimmed(self, self.outbox.trim(action.segment, action.seqs))
            case DropStored():
                self.time.note(self.owner, f"drop stored {action.segment:x} {action.seqs}")
                oracle.dropped(self, self.outbox.drop(action.segment, action.seqs))
            case GiveUp():
                self.time.note(self.owner, f"give up {action.segment:x} {action.seqs} {action.reason}")
                given = self.outbox.give_up(
                    action.segment, action.seqs, action.readings, action.reason, shelve=action.shelve
                )
                oracle.given_up(given, action.reason)
            case Unshelve():
                self.outbox.unshelve(action.segment, action.seqs)
            case ForgetSegment():
                self.outbox.forget(action.segment)
            case Reconnect():
                self.world.broker.drop_agent(self)
                if self.connection is not None:
                    self.lost_connection(self.connection)
            case PinLineage():
                self.disk.write([("meta", "lineage", action.lineage)])
            case Alarm():
                self.alarms.append(action.kind)
                self.time.note(self.owner, f"ALARM {action.kind}: {action.detail}")

    def _publish(self, action: Publish) -> None:
        block = self.outbox.block(action.ref.segment, action.ref.seq)
        if block is None:
            self._waiting.append(BlockUnreadable(action.ref.segment, action.ref.seq))
            return
        if self.world.rules.digest_checked and digest_of(block) != block.digest:
            self._waiting.append(BlockUnreadable(action.ref.segment, action.ref.seq))
            return
        self.time.note(self.owner, f"publish {block.segment:x}:{block.seq} ({action.lane})")
        self.world.broker.publish_up(self, action.connection, block, acknowledged=action.acknowledged)

    # ---- end of the run ---------------------------------------------------------------------------------------

    def unsettled(self) -> list[SimBlock]:
        """Kept blocks that nothing explains: neither shelved nor held."""
        lines = self.disk.table("segment")
        blocks: dict[tuple[int, int], SimBlock] = self.disk.table("block")
        return [block for (ordinal, seq), block in blocks.items() if seq not in lines[ordinal].shelved]

    @property
    def settled(self) -> bool:
        """Whether everything it had is delivered, settled or on the shelf."""
        return (
            not self.disk.table("row")
            and not self.disk.table("loss")
            and not self.unsettled()
            and (self.machine is not None and (self.machine.phase is Phase.SENDING or self.world.cloned))
        )
