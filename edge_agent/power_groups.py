"""The power groups of ``agent.toml``, made."""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.clock import Clock
from edge_agent.drivers.gpio_line import GpiodLine
from edge_agent.drivers.make import Lines
from edge_agent.drivers.modbus_frames import Rtu, Tcp
from edge_agent.drivers.power import PowerGroup, Switch
from edge_agent.drivers.power_switches import CommandSwitch, GpioSwitch, RelaySwitch
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.tcp import TcpStream
from edge_agent.settings_power import Power, Relay


def build_all(configs: Sequence[Power], clock: Clock, lines: Lines) -> list[PowerGroup]:
    """Groups, found by devices in ``lines``; to be started when the devices have been made."""
    groups = [build(config, clock, lines) for config in configs]
    lines.supplies.update({group.id: group for group in groups})
    return groups


def build(config: Power, clock: Clock, lines: Lines) -> PowerGroup:
    """A group; its relay finds the bus of its port when it is first turned, when all devices have been made.

    Args:
        config: What ``agent.toml`` says.
        clock: Of the agent.
        lines: Of the agent.
    """
    return PowerGroup(
        config.id,
        _switch(config, clock, lines),
        clock,
        settle_s=config.settle_s,
        on_max_s=config.on_max_s,
        off_at_exit=config.off_at_exit,
    )


def _switch(config: Power, clock: Clock, lines: Lines) -> Switch:
    if config.relay is not None:
        relay = config.relay
        envelope = Rtu() if relay.port is not None else Tcp()
        return RelaySwitch(lambda: _bus(relay, clock, lines), envelope, relay.unit, relay.coil)
    if config.line is not None:
        name = f"harkara {config.id}"
        return GpioSwitch(GpiodLine(config.chip, config.line, name=name, active_low=config.active_low))
    assert config.command_on is not None, "the configuration was checked"
    assert config.command_off is not None, "the configuration was checked"
    return CommandSwitch(config.command_on, config.command_off)


def _bus(relay: Relay, clock: Clock, lines: Lines) -> SharedLine:
    address = relay.tcp_address
    if address is not None:
        where = f"{address[0]}:{address[1]}"
        return lines.buses.setdefault(where, SharedLine(TcpStream(*address), clock, gap_s=0.0005))
    assert relay.port is not None, "the configuration was checked"
    form = LineFormat(relay.baud or 9600)
    fresh = SharedLine(
        SerialPort(relay.port, form), clock, gap_s=max(0.00175, 3.5 * form.character_s), character_s=form.character_s
    )
    return lines.buses.setdefault(str(relay.port), fresh)
