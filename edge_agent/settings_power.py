"""The settings of ``[[power]]`` as plain values: supplies that devices share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_agent.settings_devices import split_address


@dataclass(frozen=True, kw_only=True)
class Relay:
    """A coil of a Modbus relay board.

    Attributes:
        port: Serial device; the bus of that port where other devices have it too.
        tcp: ``host:port`` instead.
        baud: Speed; what the other devices of the port have, else 9600, when left out. [1/s]
        unit: Address of the board.
        coil: Number of the coil, from nought.
    """

    port: Path | None = None
    tcp: str | None = None
    baud: int | None = None
    unit: int
    coil: int

    @property
    def tcp_address(self) -> tuple[str, int] | None:
        """Host and port of ``tcp``."""
        return split_address(self.tcp) if self.tcp is not None else None


@dataclass(frozen=True, kw_only=True)
class Power:
    """A supply that is on only while a member is being read.

    Attributes:
        id: Named by the devices that it feeds.
        chip: The GPIO chip's device file.
        line: Number of the line on it that turns the supply.
        active_low: Whether the line turns it on when it is low.
        relay: A relay's coil instead.
        command_on: A program with its arguments instead, and ``command_off``.
        command_off: Ends well only when the supply is off; also run when the agent starts.
        settle_s: How long after it is on its members can be read; a profile may want more. [s]
        on_max_s: It is cut off when it was on for this long, whoever still holds it. [s]
        off_at_exit: Whether it is turned off when the agent ends.
    """

    id: str
    chip: Path = Path("/dev/gpiochip0")
    line: int | None = None
    active_low: bool = False
    relay: Relay | None = None
    command_on: tuple[str, ...] | None = None
    command_off: tuple[str, ...] | None = None
    settle_s: float = 1.0
    on_max_s: float = 120.0
    off_at_exit: bool = True
