"""A pump between a real journal, a real lake and a store that fails when told to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from collector.lake.projector import Projector
from collector.stores.offset import OffsetFile
from collector.stores.options import PumpOptions
from collector.stores.pump import Pump
from tests.lake.stations import Bench, block, store
from tests.stores.small_store import SmallStore, small_pump


class World:
    """Real journal and lake, a store that fails, and the pump between them."""

    def __init__(self, folder: Path, options: PumpOptions | None = None) -> None:
        self.bench = Bench(folder)
        self.store = SmallStore()
        self.made: list[bytes] = []
        self.file = OffsetFile(folder / "stores", "small")
        self.options = options
        self.pump = self.start()

    def start(self) -> Pump:
        """A collector's pump, as after a crash: what it did not write down, it does not know."""
        self.pump = small_pump(self.store, self.bench.journal, self.bench.lake, self.file, options=self.options)
        return self.pump

    def blocks(self, count: int, *, told: bool = True) -> None:
        fresh = [block(len(self.made) + number, agent=f"station-{number % 3}") for number in range(1, count + 1)]
        self.made += fresh
        entries = store(self.bench.journal, fresh)
        if told:
            self.pump.offer(entries)

    def work(self, rounds: int = 3, seconds: float = 1.0) -> None:
        for _ in range(rounds):
            self.store.run_for(seconds)
            self.pump.step()
            self.pump.courier.turn()
            # A back-fill is read in a thread of its own: give it the time to bring its piece.
            until_s = time.monotonic() + 5
            while self.pump._filling.is_reading and time.monotonic() < until_s:
                time.sleep(0.001)

    def trim(self) -> None:
        self.bench.project()
        self.bench.projector._mark()
        self.bench.journal.trim(age_ns_max=0, bytes_max=0)

    def replace_journal(self) -> None:
        """As a restore from a backup does."""
        self.bench.journal.new_generation()
        bench = self.bench
        bench.projector = Projector(
            bench.lake, bench.journal, bench.latest, bench.accounts, poison=bench.poison, options=bench.options
        )
        self.start()

    def finish(self) -> None:
        """Let all be well and wait until everything is safe."""
        self.store.stopped = False
        self.store.failing.clear()
        if self.pump.is_paused:
            self.pump.resume()
        for _ in range(600):
            self.work(1)
            if self.pump.safe == self.bench.journal.head and not self.pump.jobs:
                return
        pytest.fail(f"never done: at {self.pump.safe} of {self.bench.journal.head}, {self.pump.jobs}")

    def close(self) -> None:
        self.pump._filling.stop()
        self.bench.lake.close()
        self.bench.journal.close()
