"""One seeded world: which parts there are, which faults strike, and how it must heal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation.agent import AgentNode
from tests.simulation.blocks import SimBlock
from tests.simulation.broker import Broker, Weather
from tests.simulation.clock import Timeline
from tests.simulation.collector import CollectorNode
from tests.simulation.disk import Disk
from tests.simulation.oracle import Oracle
from tests.simulation.rules import FULL, Rules

FAULTS_END_S = 900.0
HEAL_S = 9000.0


class World:
    """Agents, a broker, a collector with its lake, and misfortune."""

    def __init__(self, seed: int, rules: Rules = FULL, *, trace: bool = False) -> None:
        self.time = Timeline(seed, trace=trace)
        self.rules = rules
        rng = self.time.rng
        self.lineage = self.random_bytes(16)
        self.backups = rng.random() < 0.5
        self.sampling = True
        self.sample_every_s = rng.choice((4.0, 6.0, 9.0))
        self.outbox_cap_bytes = rng.choice((1_500, 4_000, 1_000_000))
        self.poison = rng.choice((0.0, 0.0, 0.05))
        self.projector_dies = False
        self.cloned = False
        self.lies = False
        self.registered = {"pi-one", "pi-two", "other-agent"}
        self.oracle = Oracle(self)
        self.broker = Broker(self.time, self.oracle, tells_no_subscribers=rng.random() < 0.5)
        self.collector = CollectorNode(self, self.lineage)
        self.impostor: CollectorNode | None = None
        self.nodes = [AgentNode(self, "pi-one", "pi-one")]
        if rng.random() < 0.4:
            self.nodes.append(AgentNode(self, "pi-two", "pi-two"))
        self.faults: list[str] = []
        self._backup: dict[str, Any] | None = None

    def random_bytes(self, length: int) -> bytes:
        return self.time.rng.getrandbits(8 * length).to_bytes(length, "big")

    def fresh_segment(self) -> int:
        return self.time.rng.getrandbits(48)

    # ---- the run ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Faults, then quiet, then the verdict."""
        self.collector.start()
        for node in self.nodes:
            node.start()
        self._plan()
        if self.backups:
            self._back_up()
        for at_s in range(60, int(FAULTS_END_S), 60):
            self.time.after(at_s, self._checkpoint)
        self.time.run_until(FAULTS_END_S)
        self._calm()
        while self.time.now < FAULTS_END_S + HEAL_S and not self._healed():
            self.time.run_until(self.time.now + 60)
        self.oracle.check_end()

    def _checkpoint(self) -> None:
        self.oracle.check_identity()

    def _calm(self) -> None:
        """All faults end; everything that was switched off comes back."""
        self.time.note("world", "faults end")
        self.broker.weather = Weather()
        self.projector_dies = False
        self.poison = 0.0
        self.sampling = False
        self.registered |= {node.name for node in self.nodes}
        self.broker.start()
        if self.impostor is not None:
            self._end_impostor()
        self.collector.disk.full = False
        self.upgrade()
        self.collector.start()
        for node in self.nodes:
            node.disk.full = False
            node.disk.lying = False
            node.disk.flush()
            node.set_link(up=True)
            node.start()

    def _healed(self) -> bool:
        return all(node.settled for node in self.nodes) and self.collector.drained

    # ---- faults -----------------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Every world meets some of the faults, at times of its own."""
        rng = self.time.rng
        kinds: list[tuple[str, float, Callable[[], None], int]] = [
            ("link", 0.6, self._cut_link, 3),
            ("agent-kill", 0.5, self._kill_agent, 3),
            ("agent-power", 0.5, self._cut_agent_power, 3),
            ("agent-stop", 0.3, self._stop_agent, 2),
            ("lying-card", 0.25, self._lie, 1),
            ("clone", 0.2, self._clone, 1),
            ("old-image", 0.12, self._put_back_old_image, 1),
            ("collector-link", 0.4, self.broker.drop_collector, 6),
            ("collector-kill", 0.5, self._kill_collector, 3),
            ("collector-power", 0.5, self._cut_collector_power, 3),
            ("broker-kill", 0.4, self._kill_broker, 2),
            ("impostor", 0.2, self._start_impostor, 1),
            ("restore", 0.7 if self.backups else 0.0, self._restore, 2),
            ("rot", 0.25, self._rot, 2),
            ("agent-disk-full", 0.2, self._fill_agent_disk, 1),
            ("collector-disk-full", 0.2, self._fill_collector_disk, 1),
            ("unregistered", 0.2, self._unregister, 1),
            ("new-version", 0.25, self._new_version, 1),
            ("clock-jump", 0.3, self._jump_clock, 2),
            ("squeeze", 0.4, self._squeeze, 3),
        ]
        for name, probability, strike, times in kinds:
            if rng.random() < probability:
                self.faults.append(name)
                for _ in range(rng.randint(1, times)):
                    self.time.after(rng.uniform(20, FAULTS_END_S - 30), strike)
        weather = self.broker.weather
        weather.loss = rng.choice((0.0, 0.05, 0.2))
        weather.repeat = rng.choice((0.0, 0.05, 0.2))
        weather.delay = rng.choice((0.0, 0.05, 0.15))
        weather.garble = rng.choice((0.0, 0.0, 0.05))
        weather.misroute = rng.choice((0.0, 0.0, 0.03))
        self.projector_dies = rng.random() < 0.3

    def _any(self) -> AgentNode:
        return self.time.rng.choice(self.nodes)

    def _soon(self, low_s: float, high_s: float, what: Callable[[], None]) -> None:
        self.time.after(self.time.rng.uniform(low_s, high_s), what)

    def _cut_link(self) -> None:
        node = self._any()
        self.time.note("world", f"link of {node.owner} down")
        node.set_link(up=False)
        self._soon(5, 150, lambda: node.set_link(up=True))

    def _kill_agent(self) -> None:
        node = self._any()
        node.kill()
        self._soon(1, 10, node.start)

    def _cut_agent_power(self) -> None:
        node = self._any()
        node.power_cut()
        self._soon(2, 40, node.start)

    def _stop_agent(self) -> None:
        node = self._any()
        node.stop()
        self._soon(1, 30, node.start)

    def _lie(self) -> None:
        node = self._any()
        self.lies = True
        self.time.note("world", f"card of {node.owner} lies from now on")
        node.disk.lying = True

        def cut() -> None:
            node.power_cut()
            node.disk.lying = self.time.chance(0.5) and self.time.now < FAULTS_END_S
            self._soon(2, 20, node.start)

        self._soon(10, 60, cut)

    def _clone(self) -> None:
        source = self.nodes[0]
        if self.cloned:
            return
        self.cloned = True
        disk = Disk()
        disk.load(source.disk.image())
        twin = AgentNode(self, source.name, f"{source.owner}-twin", disk)
        self.nodes.append(twin)
        self.oracle.lives_twice(twin.readings())
        self.time.note("world", f"card of {source.owner} cloned")
        self._soon(5, 60, twin.start)

    def _put_back_old_image(self) -> None:
        """The card is imaged after a clean stop; later the image is put back into the same unit."""
        node = self.nodes[0]
        node.stop()
        image = node.disk.image()
        self._soon(1, 5, node.start)

        def put_back() -> None:
            node.stop()
            before = node.answered_for()
            node.disk.load(image)
            self.lies = True  # the operator took readings back, as a lying card would
            self.oracle.lied(before - node.answered_for())
            self.oracle.lives_twice(node.readings())
            self.time.note("world", f"old image put back into {node.owner}")
            self._soon(1, 5, node.start)

        self._soon(20, 120, put_back)

    def _kill_collector(self) -> None:
        if self.impostor is None:
            self.collector.kill()
            self._soon(1, 20, self._start_collector)

    def _start_collector(self) -> None:
        if self.impostor is None:
            self.collector.start()

    def _cut_collector_power(self) -> None:
        if self.impostor is None:
            self.collector.power_cut()
            self._soon(2, 40, self._start_collector)

    def _kill_broker(self) -> None:
        self.broker.kill()
        self._soon(1, 30, self.broker.start)

    def _start_impostor(self) -> None:
        """Somebody points another operator's collector at this broker; the true one is away meanwhile."""
        if self.impostor is not None:
            return
        self.collector.kill()
        self.impostor = CollectorNode(self, self.random_bytes(16))
        self.time.note("world", "an impostor answers")
        self.impostor.start()
        self._soon(20, 120, self._end_impostor)

    def _end_impostor(self) -> None:
        if self.impostor is None:
            return
        self.impostor.kill()
        self.impostor = None
        self.collector.start()

    def _back_up(self) -> None:
        """Copy, then verify; only a verified backup counts. Runs to the very end."""
        self._soon(25, 70, self._back_up)
        if not self.collector.running:
            return
        image = self.collector.image()
        life = self.collector.life

        def verified() -> None:
            if self.collector.life != life or not self.collector.running or self.collector.disk.full:
                return
            self._backup = image
            rows = image["journal"].get("row", {})
            self.collector.disk.write([("backup", key, row.stored) for key, row in rows.items()])

        self._soon(2, 20, verified)

    def _restore(self) -> None:
        if self._backup is not None and self.impostor is None:
            self.collector.disk.full = False
            self.collector.restore(self._backup, lake=self.time.chance(0.6))

    def _rot(self) -> None:
        node = self._any()
        blocks: dict[Any, SimBlock] = node.disk.table("block")
        if not blocks or node.disk.full:
            return
        key = self.time.rng.choice(sorted(blocks))
        block = blocks[key]
        if not block.readings:
            return
        broken = (block.readings[0]._replace(value=block.readings[0].value ^ 1), *block.readings[1:])
        node.disk.write([("block", key, block._replace(readings=broken))])
        self.time.note("world", f"block {block.segment:x}:{block.seq} of {node.owner} rots")

    def _squeeze(self) -> None:
        """Something else needs the card: for a while the outbox may keep a few blocks only.

        Where backups are on, it lets go of what is stored and not yet safe; perhaps the store is then restored from a
        backup that lacks it, and nobody but the collector can say what is missing.
        """
        node = self._any()
        node.cap_bytes = min(node.cap_bytes, 500)
        self.time.note("world", f"outbox of {node.owner} squeezed")

        def free() -> None:
            node.cap_bytes = self.outbox_cap_bytes

        self._soon(20, 120, free)
        if self.time.chance(0.5):
            self._soon(5, 40, self._restore)

    def _fill_agent_disk(self) -> None:
        node = self._any()
        node.disk.full = True

        def free() -> None:
            node.disk.full = False

        self._soon(5, 60, free)

    def _fill_collector_disk(self) -> None:
        self.collector.disk.full = True

        def free() -> None:
            self.collector.disk.full = False

        self._soon(5, 60, free)

    def _unregister(self) -> None:
        node = self._any()
        self.registered.discard(node.name)
        self._soon(10, 100, lambda: self.registered.add(node.name))

    def _new_version(self) -> None:
        self._any().version = 2
        self._soon(60, 300, self.upgrade)

    def upgrade(self) -> None:
        """The collector learns to read version 2."""
        if self.collector.readable_version == 1 and not self.collector.disk.full:
            self.collector.readable_version = 2
            self.collector.kill()
            if self.impostor is None:
                self.collector.start()

    def _jump_clock(self) -> None:
        """Wall time steps by up to a year; nothing that decides may depend on it."""
        self._any().wall_offset_ns += self.time.rng.randint(-(10**7), 3 * 10**7) * 10**9
