"""The schema of ``[[power]]`` tables; what each key means stands in `edge_agent.settings_power`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from edge_agent.config_device_base import Asked, Baud, DeviceId, Table
from edge_agent.config_devices import Device, ModbusDevice, PulseDevice, SerialDevice
from edge_agent.settings_devices import split_address

Command = Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1)]


class Relay(Table):
    """``relay = { … }``."""

    port: Path | None = None
    tcp: str | None = None
    baud: Baud | None = None
    unit: Annotated[int, Field(ge=1, le=247, examples=["unit = 16"])]
    coil: Annotated[int, Field(ge=0, le=65535, examples=["coil = 0"])]

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.port is None) == (self.tcp is None):
            raise ValueError("a relay is reached by either port or tcp; set one")
        if self.tcp is not None and split_address(self.tcp) is None:
            raise ValueError(f"`{self.tcp}` is no address; write host:port, e.g. 192.168.1.30:502")
        return self


class Power(Table):
    """``[[power]]``."""

    id: Annotated[DeviceId, Field(examples=['id = "probes"'])]
    chip: Path = Path("/dev/gpiochip0")
    line: Annotated[int, Field(ge=0, le=1023)] | None = None
    active_low: bool = False
    relay: Relay | None = None
    command_on: Command | None = None
    command_off: Command | None = None
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 1.0
    on_max_s: Annotated[float, Field(ge=1, le=86_400)] = 120.0
    off_at_exit: bool = True

    @model_validator(mode="after")
    def _one_switch(self) -> Self:
        if (self.command_on is None) != (self.command_off is None):
            raise ValueError("command_on and command_off belong together; set both or none")
        if sum(switch is not None for switch in (self.line, self.relay, self.command_on)) != 1:
            raise ValueError(f"power group `{self.id}` needs one switch: line, relay, or command_on and command_off")
        if self.settle_s >= self.on_max_s:
            raise ValueError(f"power group `{self.id}` settles longer (settle_s) than it may be on (on_max_s)")
        return self

    @field_validator("command_on", "command_off")
    @classmethod
    def _is_a_program(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and " " in value[0] and not Path(value[0]).exists():
            raise ValueError('a command is a list: ["/usr/local/bin/supply", "on"]')
        return value


def check_power(devices: Sequence[Device], groups: Sequence[Power]) -> None:
    """Whether devices name groups that are there, and groups have a name each.

    Raises:
        ValueError: Not so.
    """
    known = [group.id for group in groups]
    for name in known:
        if known.count(name) > 1:
            raise ValueError(f"two power groups have the id `{name}`; each needs its own")
    for device in devices:
        if isinstance(device, Asked) and device.power is not None and device.power not in known:
            raise ValueError(f"device `{device.id}`: no power group `{device.power}`; there are {known or 'none'}")
        if isinstance(device, PulseDevice) and device.power is not None:
            raise ValueError(f"device `{device.id}` is counted all the time; leave its power out")
        if isinstance(device, SerialDevice) and device.ask == "never" and device.power is not None:
            raise ValueError(f"device `{device.id}`: with a power group it is asked by switching it on; leave ask out")
    units = {(str(each.port), each.unit) for each in devices if isinstance(each, ModbusDevice) and each.port}
    for group in groups:
        relay = group.relay
        if relay is not None and (str(relay.port), relay.unit) in units:
            raise ValueError(f"power group `{group.id}`: a device has unit {relay.unit} of {relay.port} too")
