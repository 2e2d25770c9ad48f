"""The driver of a configured device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edge_agent.clock import Clock
from edge_agent.drivers.direction import Direction
from edge_agent.drivers.line_parser import LineParser, Wanted
from edge_agent.drivers.lines import LinesDriver
from edge_agent.drivers.nmea import NmeaDriver
from edge_agent.drivers.ports import ByteLine, ByteSource, Driver
from edge_agent.drivers.power import Supply
from edge_agent.drivers.program import Program
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.tcp import TcpStream
from edge_agent.outbox import Mark
from edge_agent.settings_devices import (
    Channel,
    Device,
    FilesDevice,
    LinesDevice,
    NmeaDevice,
    OnALine,
    PluginDevice,
    split_address,
)

if TYPE_CHECKING:
    from edge_agent.drivers.mavlink_link import MavlinkLink


@dataclass(slots=True)
class Lines:
    """What several devices share.

    Attributes:
        buses: Lines of slaves, by where they are.
        vehicles: Streams of autopilots, by where they come in.
        supplies: Power groups, by id.
        marks: How far files were read before this start.
    """

    buses: dict[str, SharedLine] = field(default_factory=dict)
    vehicles: dict[str, MavlinkLink] = field(default_factory=dict)
    supplies: dict[str, Supply] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)


def make(config: Device, clock: Clock, lines: Lines) -> tuple[Driver, str]:
    """The driver, and in words where it reads.

    Args:
        config: What ``agent.toml`` says.
        clock: Of the agent.
        lines: Of the agent's buses; a new one is put there.

    Raises:
        ProfileError: The profile is gone or does not fit the driver.
    """
    match config:
        case NmeaDevice():
            line, where = _talker(config)
            required = config.checksum == "required"
            return NmeaDriver(line, clock, require_checksum=required, silence_s=config.silence_s), where
        case LinesDevice():
            source, where = _source(config)
            return LinesDriver(source, _parser(config), clock, silence_s=config.silence_s), where
        case PluginDevice():
            from edge_agent.drivers.plugins import PluginDriver  # noqa: PLC0415 - and only then the plug-in itself

            return PluginDriver(config.plugin, config.settings, clock), f"plug-in {config.plugin}"
        case FilesDevice():
            return _files(config, clock, lines), str(config.path)
        case _:
            from edge_agent.drivers.make_profiled import make_profiled  # noqa: PLC0415 - three megabytes

            return make_profiled(config, clock, lines)


def _talker(config: NmeaDevice) -> tuple[ByteSource, str]:
    if config.gpsd is None:
        return byte_line(config, LineFormat(config.baud or 9600))
    from edge_agent.drivers.gpsd import GpsdLine  # noqa: PLC0415 - few receivers are shared

    address = split_address(config.gpsd)
    assert address is not None, "the configuration was checked"
    return GpsdLine(*address, config.gpsd_device), f"gpsd {config.gpsd}"


def _files(config: FilesDevice, clock: Clock, lines: Lines) -> Driver:
    from edge_agent.drivers.files import FilesDriver  # noqa: PLC0415 - few agents read files

    return FilesDriver(
        config.id,
        config.path,
        form=config.format,
        layout=config.map,
        clock=clock,
        marks=[mark for mark in lines.marks if mark.device == config.id],
        poll_s=config.poll_s,
        quiet_s=config.quiet_s,
        silence_s=config.silence_s,
    )


def byte_line(config: OnALine, line: LineFormat, direction: Direction | None = None) -> tuple[ByteLine, str]:
    """The line of a device, and in words where it is."""
    if config.port is not None:
        return SerialPort(config.port, line, direction), str(config.port)
    address = config.tcp_address
    assert address is not None, "the configuration was checked"
    return TcpStream(*address), f"{address[0]}:{address[1]}"


def _source(config: LinesDevice) -> tuple[ByteSource, str]:
    if config.command is not None:
        return Program(config.command), config.command[0]
    return byte_line(config, LineFormat(config.baud or 9600))


def _parser(config: LinesDevice) -> LineParser:
    return LineParser(
        format=config.format,
        separator=config.separator,
        columns=tuple(config.columns or ()),
        time_key=config.time,
        time_unit=config.time_unit,
        wanted=wanted_of(config.channels),
    )


def wanted_of(channels: Mapping[str, Channel]) -> dict[str, Wanted]:
    """Configured channels by the key that a line or message has for them."""
    return {
        channel.field if channel.field is not None else name: Wanted(name, channel.unit)
        for name, channel in channels.items()
    }
