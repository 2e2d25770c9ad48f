"""Faults of a sensor: what it senses is not what is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.faults.schedule import Schedule, Times

Values = NDArray[np.float64]
SIZES: Final = {"spike": 10.0, "drift": 1.0, "noise": 2.0, "sentinel": -999.0}
"""Usual sizes, in the channel's unit; a drift's is per hour."""
_UNIT_FLIPS: Final[dict[str, tuple[float, float]]] = {
    "air_temperature": (1.8, 32.0),
    "soil_temperature": (1.8, 32.0),
    "wind_speed": (3.6, 0.0),
    "air_pressure": (0.02953, 0.0),
    "precipitation_rate": (1 / 25.4, 0.0),
    "water_level": (3.28084, 0.0),
}
"""Factor and offset to the unit a firmware might send instead: °F, km/h, inHg, in/h, ft."""


@dataclass(slots=True)
class SensorFault:
    """One fault of one channel; a stage keeps what it held, so feed it samples in order of time.

    Attributes:
        kind: A word of ``SENSOR_FAULTS``.
        channel: Of the device; empty for all.
        schedule: When.
        size: See ``SIZES``.
        share: Part of the samples in its time that it strikes.
    """

    kind: str
    channel: str
    schedule: Schedule
    size: float | None = None
    share: float = 1.0
    _held: dict[tuple[str, int], float] = field(default_factory=dict)

    def apply(
        self, channel: str, values: Values, since_ns: Times, draws: np.random.Generator
    ) -> tuple[Values, NDArray[np.bool_]]:
        """Spoil some samples of one channel.

        Args:
            channel: Which.
            values: In the channel's unit; not changed. NaN is no value.
            since_ns: Their times after the scenario's start, ascending. [ns]
            draws: Of this fault, channel and chunk alone.

        Returns:
            The spoilt values, and where they are spoilt.
        """
        rounds = self.schedule.rounds(since_ns)
        struck = rounds >= 0
        if self.channel not in {"", channel} or not struck.any():
            return values, np.zeros(len(values), np.bool_)
        if self.share < 1.0:
            struck &= draws.random(len(values)) < self.share
        out = values.copy()
        out[struck] = _STAGES[self.kind](self, channel, values, since_ns, rounds, draws)[struck]
        return out, struck

    def _sized(self) -> float:
        return SIZES[self.kind] if self.size is None else self.size

    def _dropout(self, _c: str, values: Values, _t: Times, _r: Times, _d: np.random.Generator) -> Values:
        return np.full(len(values), np.nan)

    def _stuck(self, channel: str, values: Values, _t: Times, rounds: Times, _d: np.random.Generator) -> Values:
        out = values.copy()
        for number in np.unique(rounds[rounds >= 0]).tolist():
            inside = rounds == number
            out[inside] = self._held.setdefault((channel, number), float(values[inside][0]))
        return out

    def _spike(self, _c: str, values: Values, _t: Times, _r: Times, draws: np.random.Generator) -> Values:
        out: Values = values + self._sized() * np.where(draws.random(len(values)) < 0.5, -1.0, 1.0)
        return out

    def _drift(self, _c: str, values: Values, since_ns: Times, rounds: Times, _d: np.random.Generator) -> Values:
        began_ns = self.schedule.at_ns + np.maximum(rounds, 0) * (self.schedule.every_ns or 0)
        out: Values = values + self._sized() * (since_ns - began_ns) / 3.6e12
        return out

    def _noise(self, _c: str, values: Values, _t: Times, _r: Times, draws: np.random.Generator) -> Values:
        out: Values = values + self._sized() * draws.standard_normal(len(values))
        return out

    def _sentinel(self, _c: str, values: Values, _t: Times, _r: Times, _d: np.random.Generator) -> Values:
        return np.full(len(values), self._sized())

    def _unit_flip(self, channel: str, values: Values, _t: Times, _r: Times, _d: np.random.Generator) -> Values:
        factor, offset = _UNIT_FLIPS.get(channel, (1000.0, 0.0))
        out: Values = values * factor + offset
        return out


_Stage = Callable[[SensorFault, str, Values, Times, Times, np.random.Generator], Values]
_STAGES: Final[dict[str, _Stage]] = {
    "dropout": SensorFault._dropout,  # noqa: SLF001 - the table of the class above
    "stuck": SensorFault._stuck,  # noqa: SLF001
    "spike": SensorFault._spike,  # noqa: SLF001
    "drift": SensorFault._drift,  # noqa: SLF001
    "noise": SensorFault._noise,  # noqa: SLF001
    "sentinel": SensorFault._sentinel,  # noqa: SLF001
    "unit_flip": SensorFault._unit_flip,  # noqa: SLF001
}
