"""What ``[[device]]`` tables have in common; what each key means stands in `edge_agent.settings_devices`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from edge_agent import settings_devices

DeviceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]
Seconds = Annotated[float, Field(ge=0, le=86_400)]
Interval = Annotated[float, Field(ge=0.01, le=86_400)]
Baud = Annotated[int, Field(ge=50, le=4_000_000)]
MessageName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
Hertz = Annotated[float, Field(gt=0, le=400)]
ProfileId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Table(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Channel(Table):
    """A channel in ``[device.channels]``."""

    unit: Annotated[str, StringConstraints(max_length=40, pattern=r"^[\x21-\x7e]*$")] = ""
    field: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None


class DeviceTable(Table):
    """What all drivers share."""

    id: Annotated[DeviceId, Field(examples=['id = "weather"'])]
    profile: ProfileId | None = None
    seal_after_s: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    silence_s: Seconds = 0.0
    reconnect_s_max: Annotated[float, Field(ge=0.2, le=3600)] = 5.0
    place_from: DeviceId | None = None
    attitude_from: DeviceId | None = None
    latency_s: Annotated[float, Field(ge=-60, le=60)] = 0.0

    @model_validator(mode="after")
    def _late_for_a_place(self) -> Self:
        if self.latency_s and self.place_from is None and self.attitude_from is None:
            raise ValueError(f"device `{self.id}`: latency_s goes with place_from or attitude_from")
        return self


class OnALine(DeviceTable):
    """What all devices share that are a stream of bytes."""

    port: Path | None = None
    baud: Baud | None = 9600
    tcp: str | None = None

    @field_validator("tcp")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and settings_devices.split_address(value) is None:
            raise ValueError(f"`{value}` is no address; write host:port, e.g. 192.168.1.20:10110")
        return value


class OneSource(OnALine):
    """A line that has either a port or an address."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.port is None) == (self.tcp is None):
            raise ValueError(f"device `{self.id}` needs one source; set either port or tcp")
        return self


class Asked(DeviceTable):
    """What all devices share that are read through their profile."""

    profile: Annotated[ProfileId, Field(examples=['profile = "plantower/pms5003" (see: harkara profile list)'])]
    poll_s: Interval | None = None
    jitter_s: Seconds = 0.0
    power: DeviceId | None = None


class Direction(Table):
    """``direction = { … }`` of a device on a line."""

    by: Annotated[Literal["kernel", "gpio"], Field(examples=['by = "kernel" or by = "gpio" with chip and line'])]
    chip: Path = Path("/dev/gpiochip0")
    line: Annotated[int, Field(ge=0, le=1023)] | None = None
    before_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0
    after_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0

    @model_validator(mode="after")
    def _has_a_line(self) -> Self:
        if (self.by == "gpio") != (self.line is not None):
            raise ValueError('direction by = "gpio" has a line, by = "kernel" has none')
        return self


class OnABus(Asked, OneSource):
    """What all devices share that are read through their profile over a line."""

    baud: Baud | None = None
    data_bits: Literal[7, 8] | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stop_bits: Literal[1, 2] | None = None
    direction: Direction | None = None

    @field_validator("direction", mode="before")
    @classmethod
    def _in_short(cls, value: object) -> object:
        if value == "adapter":
            return None
        if value == "kernel":
            return {"by": "kernel"}
        return {"by": "gpio", **value} if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _turned_here(self) -> Self:
        if self.direction is not None and self.port is None:
            raise ValueError(f"device `{self.id}`: direction is of a port of this machine; remove it")
        return self
