"""One store of others: what serves it, and how it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.lake.lake import Lake
from collector.lake.ports import JournalSource
from collector.stores.config import StoreConfig
from collector.stores.connect import PULSE_S_MAX, Client, connect
from collector.stores.delivery import Delivery
from collector.stores.encoder import Encoder
from collector.stores.lane import LANES, Lane
from collector.stores.offset import Job, OffsetFile
from collector.stores.options import PumpOptions
from collector.stores.ports import SeriesFacts
from collector.stores.pump import Pump
from collector.stores.quarantine import Quarantine
from collector.stores.sites import Sites
from collector.stores.state import Herald, State, state_of


@dataclass(slots=True)
class Health:
    """Lines about ourselves, which go to a store beside the readings.

    Attributes:
        client: Their way.
        due_s: When the next are sent, monotonic. [s]
        missed: Rounds that the store did not take, or was not well enough to be asked.
    """

    client: Client
    due_s: float = 0.0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Served:
    """One store and what serves it."""

    config: StoreConfig
    pump: Pump
    delivery: Delivery
    quarantine: Quarantine
    encoder: Encoder
    pulses: Client
    herald: Herald
    sites: Sites
    health: Health

    def state(self, journal_head: int, now_ns: int) -> State:
        """How it does."""
        paused = "by collector.toml" if self.config.paused else "by a person" if self.pump.is_paused else ""
        return state_of(
            paused=paused,
            trouble=self.pump.trouble,
            forgets=self.pump.forgets,
            lag_s=self.pump.lag_s(now_ns),
            lag_blocks=journal_head - self.pump.sent,
        )

    def close(self) -> None:
        """Let go of its connections."""
        self.delivery.close()
        self.pulses.close()
        self.health.client.close()

    def as_json(self, journal_head: int, now_ns: int) -> dict[str, Any]:
        """How it does, as `collector stores --json` shows it."""
        pump, delivery, tally = self.pump, self.delivery, self.pump.tally
        state = self.state(journal_head, now_ns)
        return {
            "name": self.config.name,
            "kind": self.config.kind,
            "url": self.config.url,
            "state": state.word,
            "why": state.why,
            "position": pump.sent,
            "safe_position": pump.safe,
            "journal_position": journal_head,
            "lag_blocks": max(0, journal_head - pump.sent),
            "lag_s": round(pump.lag_s(now_ns), 1),
            "held_bytes": pump.held_bytes,
            "blocks": tally.blocks,
            "values": tally.values,
            "left_out": dict(tally.left_out),
            "inexact": self.encoder.inexact,
            "flags_left_out": self.encoder.flags_left_out,
            "refused": dict(delivery.refused),
            "refused_fields": list(delivery.refused_fields),
            "quarantine_lines": self.quarantine.lines,
            "quarantine_evicted": self.quarantine.evicted,
            "quarantine_unkept": self.quarantine.unkept,
            "ignored": dict(pump.watch.ignored),
            "resent": pump.resent,
            "series": len(self.encoder.names),
            "told_apart": list(self.encoder.names.told_apart),
            "jobs": [_job_fields(job) for job in pump.jobs],
            "advice": list(pump.watch.advice),
            "offset_trouble": pump.written_trouble,
            "health_missed": self.health.missed,
        }


def serve(
    config: StoreConfig,
    folder: Path,
    *,
    journal: JournalSource,
    lake: Lake,
    sites: Sites,
    known: Sequence[SeriesFacts],
) -> Served:
    """Make what serves one store; nothing runs yet.

    Args:
        config: The store.
        folder: Of offsets and quarantines.
        journal: Where new blocks come from.
        lake: Where the past comes from.
        sites: Where the agents are.
        known: The lake's series, in the order in which they first came.

    Raises:
        ConfigError: A token's or an authority's file cannot be used.
    """
    encoder = Encoder(config.mapping(), sites.of)
    # Always in one order, so that of two series with one name the same one keeps it after every start.
    for facts in known:
        encoder.names.of_table([facts])
    writes, pulses = connect(config), connect(config, timeout_s=PULSE_S_MAX)
    quarantine = Quarantine(folder / f"{config.name}.quarantine", keep_mb=config.quarantine_mb)
    beside = [Lane(config.name, connect(config)) for _ in range(LANES - 1)]
    delivery = Delivery(writes, quarantine, beside=beside)
    pump = Pump(
        config.name,
        journal=journal,
        lake=lake,
        encode=encoder.encode,
        delivers=delivery,
        pulses=pulses,
        file=OffsetFile(folder, config.name),
        options=PumpOptions(
            durable_after_s=config.seen_alive_s,
            since=config.since_ns(),
            paused=config.paused,
            unit_ns=encoder.options.unit_ns,
            pulse_every_s=1.0 if config.seen_alive_s else 10.0,
        ),
    )
    health = Health(connect(config, timeout_s=PULSE_S_MAX))
    return Served(config, pump, delivery, quarantine, encoder, pulses, Herald(), sites, health)


def _job_fields(job: Job) -> dict[str, Any]:
    return {"number": job.number, "why": job.why, "readings": job.readings, "total": job.total}
