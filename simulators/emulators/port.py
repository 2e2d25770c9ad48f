"""What every emulated sensor is: true values in, bytes out; pure, so that the same values give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from simulators.frames import Frame

Transport = Literal["serial", "modbus", "sdi-12", "directory", "mqtt", "i2c", "udp", "pulse", "ble"]
"""How it is reached; ``modbus`` is bytes of RTU, ``directory`` has a path as a frame's channel, ``mqtt`` a topic."""

Requests = Literal["none", "rtu", "sdi-12", "line", "shdlc", "i2c"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What is true where the device stands, at one instant.

    Attributes:
        number: Of the measurement, from 1.
        at_ns: True time, UTC Unix time. [ns]
        clock_ns: What the device's own clock shows, where it has one. [ns]
        values: By the catalogue's channel name, in the catalogue's unit; None where the sensing part gives nothing.
    """

    number: int
    at_ns: int
    clock_ns: int
    values: Mapping[str, float | None]


class Emulator(Protocol):
    """One device of one model."""

    def measure(self, measurement: Measurement) -> Sequence[Frame]:
        """Sense; what it says by itself, which is nothing for a device that waits to be asked."""

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:
        """What it answers: nothing when it is not addressed or the request is damaged.

        Args:
            request: One whole request.
            at_ns: True time, UTC Unix time. [ns]
        """


class Talker:
    """What a device has that is never asked, or takes no orders."""

    def answer(self, request: bytes, at_ns: int) -> Sequence[Frame]:  # noqa: ARG002 - whatever it is
        """Nothing."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An emulated model of the catalogue.

    Attributes:
        id: The catalogue's id.
        transport: How it is reached.
        period_s: Between two measurements. [s]
        channels: What it wants to know, with a usual value each, in the catalogue's units.
        make: A device at power-on; its argument is the bus address (ignored where there is none).
        address: Bus address it leaves the factory with.
        requests: How a request to it ends; ``none`` for what is never asked.
    """

    id: str
    transport: Transport
    period_s: float
    channels: Mapping[str, float]
    make: Callable[[int], Emulator]
    address: int = 0
    requests: Requests = "none"
