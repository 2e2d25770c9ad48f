"""What a scenario asks of an emulated device, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.frames import Frame


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measurement of one device.

    Attributes:
        number: From 1.
        at_ns: When, in truth, UTC Unix time. [ns]
        clock_ns: When, by the device's own clock. [ns]
        true: What is there, by channel.
        sensed: What the sensor makes of it; a channel that is missing gave nothing.
    """

    number: int
    at_ns: int
    clock_ns: int
    true: Mapping[str, float]
    sensed: Mapping[str, float]


class Device(Protocol):
    """An emulated device: values in, bytes out. It keeps no clock and draws no random numbers of its own."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """What it says of a measurement."""
