"""The schema of ``[[device]]`` tables; what each key means stands in `edge_agent.settings_devices`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from edge_agent import settings_devices
from edge_agent.config_device_base import (
    Asked,
    Baud,
    Channel,
    ChannelName,
    DeviceTable,
    Hertz,
    Interval,
    MessageName,
    OnABus,
    OnALine,
    ProfileId,
    Seconds,
)
from edge_agent.config_series import SeriesMap

_NAMES: Final = (
    "nmea",
    "lines",
    "serial",
    "modbus",
    "sdi-12",
    "sysfs",
    "i2c",
    "pulse",
    "broker",
    "mavlink",
    "files",
    "plugin",
)
_DRIVERS: Final = "driver = " + " or ".join(f'"{name}"' for name in _NAMES)


class NmeaDevice(OnALine):
    """``driver = "nmea"``."""

    driver: Annotated[Literal["nmea"], Field(examples=[_DRIVERS])]
    gpsd: str | None = None
    gpsd_device: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    checksum: Literal["required", "optional"] = "required"

    @field_validator("gpsd")
    @classmethod
    def _is_gpsd(cls, value: str | None) -> str | None:
        if value is not None and settings_devices.split_address(value) is None:
            raise ValueError(f"`{value}` is no address; write host:port, e.g. 127.0.0.1:2947")
        return value

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.port, self.tcp, self.gpsd)) != 1:
            raise ValueError(f"device `{self.id}` needs one source; set one of port, tcp and gpsd")
        if self.gpsd_device is not None and self.gpsd is None:
            raise ValueError(f"device `{self.id}`: gpsd_device goes with gpsd")
        return self


class LinesDevice(OnALine):
    """``driver = "lines"``."""

    driver: Annotated[Literal["lines"], Field(examples=[_DRIVERS])]
    command: Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1)] | None = None
    format: Literal["auto", "json", "csv"] = "auto"
    separator: Literal[",", ";", "\t", " ", "|"] = ","
    columns: Annotated[list[str], Field(min_length=1, max_length=256)] | None = None
    time: str = "time"
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    channels: Annotated[dict[ChannelName, Channel], Field(max_length=256)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.port, self.tcp, self.command)) != 1:
            raise ValueError(f"device `{self.id}` needs one source; set one of port, tcp and command")
        fields = [each.field if each.field is not None else name for name, each in self.channels.items()]
        for name in fields:
            if fields.count(name) > 1:
                raise ValueError(f"two channels of device `{self.id}` read the field `{name}`; keep one")
        return self


class FilesDevice(DeviceTable):
    """``driver = "files"``."""

    driver: Annotated[Literal["files"], Field(examples=[_DRIVERS])]
    path: Annotated[Path, Field(examples=['path = "/data/*.dat"'])]
    format: Literal["auto", "toa5", "csv", "json"] = "auto"
    poll_s: Interval = 1.0
    quiet_s: Seconds = 60.0
    map: SeriesMap = SeriesMap()

    @model_validator(mode="after")
    def _is_told(self) -> Self:
        if self.place_from is not None:
            raise ValueError(f"device `{self.id}` reads files, whose rows have times of their own: remove place_from")
        time = self.map.time
        if self.format == "csv" and (time.column, time.date, time.year) == (None, None, None):
            raise ValueError(f"device `{self.id}`: say in [device.map.time] which column holds the time")
        if self.format in {"csv", "toa5"} and time.zone is None and time.column is None:
            raise ValueError(f'device `{self.id}`: say in [device.map.time] the zone of its clock: zone = "+05:30"')
        return self


class PluginDevice(DeviceTable):
    """``driver = "plugin"``."""

    driver: Annotated[Literal["plugin"], Field(examples=[_DRIVERS])]
    plugin: Annotated[
        str,
        StringConstraints(min_length=1, max_length=64),
        Field(examples=['plugin = "bench-scale" (its entry point)']),
    ]
    settings: dict[str, Any] = Field(default_factory=dict)


class SerialDevice(OnABus):
    """``driver = "serial"``."""

    driver: Annotated[Literal["serial"], Field(examples=[_DRIVERS])]
    ask: Literal["as_profile", "never"] = "as_profile"


class ModbusDevice(OnABus):
    """``driver = "modbus"``."""

    driver: Annotated[Literal["modbus"], Field(examples=[_DRIVERS])]
    unit: Annotated[int, Field(ge=1, le=247)] | None = None
    timeout_s: Annotated[float, Field(ge=0.02, le=30)] | None = None


class Sdi12Device(OnABus):
    """``driver = "sdi-12"``."""

    driver: Annotated[Literal["sdi-12"], Field(examples=[_DRIVERS])]
    address: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]$")] | None = None
    break_by: Literal["adapter", "host"] = "adapter"


class SysfsDevice(Asked):
    """``driver = "sysfs"``."""

    driver: Annotated[Literal["sysfs"], Field(examples=[_DRIVERS])]
    path: Path | None = None


class I2cDevice(Asked):
    """``driver = "i2c"``."""

    driver: Annotated[Literal["i2c"], Field(examples=[_DRIVERS])]
    bus: Path = Path("/dev/i2c-1")
    address: Annotated[int, Field(ge=0x08, le=0x77)] | None = None


class PulseDevice(Asked):
    """``driver = "pulse"``."""

    driver: Annotated[Literal["pulse"], Field(examples=[_DRIVERS])]
    chip: Path = Path("/dev/gpiochip0")
    line: Annotated[int, Field(ge=0, le=1023, examples=["line = 17"])]
    debounce_ms: Annotated[float, Field(ge=0, le=1000)] = 10.0
    count_file: Path | None = None


class BrokerDevice(DeviceTable):
    """``driver = "broker"``."""

    driver: Annotated[Literal["broker"], Field(examples=[_DRIVERS])]
    host: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^\S+$")] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    password_file: Path | None = None
    dev_eui: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{16}$")] | None = None
    topic: Annotated[str, StringConstraints(min_length=1, max_length=1024, pattern=r"^[^\x00]+$")] | None = None
    time: str = "time"
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    channels: Annotated[dict[ChannelName, Channel], Field(max_length=256)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _uplinks_or_json(self) -> Self:
        if self.dev_eui is not None and self.profile is None:
            raise ValueError(f"device `{self.id}` has a dev_eui; say its profile too (harkara profile list)")
        if self.dev_eui is None and self.topic is None:
            raise ValueError(f"device `{self.id}` needs a dev_eui (LoRaWAN) or a topic (any JSON)")
        if self.dev_eui is not None and self.channels:
            raise ValueError(f"device `{self.id}`: the profile names the channels of a LoRaWAN device; remove them")
        return self


class MavlinkDevice(OnALine):
    """``driver = "mavlink"``."""

    driver: Annotated[Literal["mavlink"], Field(examples=[_DRIVERS])]
    profile: Annotated[ProfileId, Field(examples=['profile = "mavlink/position" (see: harkara profile list)'])]
    baud: Baud | None = None
    udp: str | None = None
    udp_out: str | None = None
    system: Annotated[int, Field(ge=0, le=255)] = 0
    component: Annotated[int, Field(ge=0, le=255)] = 1
    interval_s: Seconds = 0.0
    rates: Annotated[dict[MessageName, Hertz], Field(max_length=32)] = Field(default_factory=dict)
    once: Annotated[tuple[MessageName, ...], Field(max_length=32)] = ()
    signing: Literal["label", "require"] | None = None
    signing_key_file: Path | None = None
    signing_file: Path | None = None
    dialect: Path | None = None

    @field_validator("udp", "udp_out")
    @classmethod
    def _is_address_of_udp(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and settings_devices.split_address(value) is None:
            raise ValueError(f"{info.field_name} is host:port, e.g. 0.0.0.0:14550")
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if sum(source is not None for source in (self.port, self.tcp, self.udp, self.udp_out)) != 1:
            raise ValueError(f"device `{self.id}` needs one source; set one of port, tcp, udp and udp_out")
        if (self.signing is None) != (self.signing_key_file is None):
            raise ValueError(f"device `{self.id}`: signing and signing_key_file go together")
        return self


TRANSPORTS: Final[Mapping[str, frozenset[str]]] = {
    "serial": frozenset({"serial", "ascii", "ve.direct", "ubx", "umb", "nmea", "meter-ddi"}),
    "modbus": frozenset({"modbus-rtu", "modbus-tcp"}),
    "sdi-12": frozenset({"sdi-12"}),
    "sysfs": frozenset({"iio", "hwmon", "w1"}),
    "i2c": frozenset({"i2c"}),
    "pulse": frozenset({"pulse"}),
    "broker": frozenset({"lorawan"}),
    "mavlink": frozenset({"mavlink"}),
}
"""Which transports of profiles a driver serves; drivers that are not here take any profile, for the name alone."""


def share_a_bus(one: Device, other: Device) -> bool:
    """Whether two devices may have one port: slaves of one bus, each with an address of its own.

    Raises:
        ValueError: They could, but for their address.
    """
    if isinstance(one, MavlinkDevice) and isinstance(other, MavlinkDevice):
        keys = {(each.signing, each.signing_key_file) for each in (one, other) if each.signing is not None}
        if len(keys) > 1:
            raise ValueError(f"devices `{one.id}` and `{other.id}` share a stream; give both the same signing")
        return True  # each takes its own messages out of one stream
    if isinstance(one, ModbusDevice) and isinstance(other, ModbusDevice):
        key = "unit"
        places: tuple[int | str | None, ...] = (one.unit, other.unit)
    elif isinstance(one, Sdi12Device) and isinstance(other, Sdi12Device):
        key, places = "address", (one.address, other.address)
    else:
        return False
    if None in places or places[0] == places[1]:
        raise ValueError(f"devices `{one.id}` and `{other.id}` share a bus; give each its own {key}")
    return True


def driver_problem(driver: str, transports: Iterable[str], profile: str) -> tuple[str, str] | None:
    """Why a driver cannot read devices of a profile, and what to write instead; None when it can."""
    served = TRANSPORTS.get(driver)
    reached = set(transports)
    if served is None or served & reached:
        return None
    fits = [f'driver = "{name}"' for name, kinds in TRANSPORTS.items() if kinds & reached]
    how = " or ".join(fits) or "a gateway delivers it; no driver of this agent reads it"
    return f'{profile} comes over {", ".join(sorted(reached))}, which driver "{driver}" does not read', how


Device = (
    NmeaDevice
    | LinesDevice
    | PluginDevice
    | FilesDevice
    | SerialDevice
    | ModbusDevice
    | Sdi12Device
    | SysfsDevice
    | I2cDevice
    | PulseDevice
    | BrokerDevice
    | MavlinkDevice
)
AnyDevice = Annotated[Device, Field(discriminator="driver")]
