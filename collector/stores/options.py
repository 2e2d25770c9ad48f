"""How a store is served."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PumpOptions:
    """How a store is served.

    Attributes:
        durable_after_s: How long it must be seen alive after its answer until what it has is safe there; 0 where its
            answer promises that. [s]
        since: What of the past a new store is given: None for all, "now" for nothing, else UTC Unix time. [ns]
        paused: Paused by the configuration.
        unit_ns: Unit of the times in lines. [ns]
        piece_readings: Readings made into lines in one go, and sent on all lanes at once; bounds memory.
        gather_s: How long new blocks are gathered after a piece of few: a request for each would cost collector and
            store many times as much, and nobody sees the difference. [s]
        pulse_every_s: How often a sign of life is asked for. [s]
        save_every_s: How often the offset is written. [s]
    """

    durable_after_s: float = 0.0
    since: int | str | None = None
    paused: bool = False
    unit_ns: int = 1
    piece_readings: int = 196_608
    gather_s: float = 0.25
    pulse_every_s: float = 1.0
    save_every_s: float = 1.0
