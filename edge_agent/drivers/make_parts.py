"""What drivers are put together from, as ``agent.toml`` and the profile say: line, direction, supply, schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from edge_agent.clock import Clock
from edge_agent.drivers.direction import Direction, GpioDirection, KernelDirection
from edge_agent.drivers.gpio_line import GpiodLine
from edge_agent.drivers.make import Lines, byte_line
from edge_agent.drivers.power import ALWAYS, Supply
from edge_agent.drivers.questions import askings_of, usual_s, warm_up_s
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.serial_port import LineFormat
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.settings_devices import Asked, ModbusDevice, OnABus, Sdi12Device


def format_of(document: Mapping[str, Any], config: OnABus) -> LineFormat:
    """Speed and character of a device's line: the profile's, or what the device was set to instead."""
    usual = line_format(document, config.baud)
    return LineFormat(
        usual.baud,
        config.data_bits or usual.data_bits,
        config.parity or usual.parity,
        config.stop_bits or usual.stop_bits,
    )


def line_format(document: Mapping[str, Any], baud: int | None = None) -> LineFormat:
    """Speed and character of a profile's line; ``baud`` where the device was set to another speed. [1/s]."""
    transport = document["transport"]
    factory = transport.get("baud")
    if isinstance(factory, list):
        factory = factory[0]
    return LineFormat(
        baud or int(factory or 9600),
        int(transport.get("data_bits") or 8),
        str(transport.get("parity") or "none"),
        int(transport.get("stop_bits") or 1),
    )


def profile_of(config: Asked) -> Profile:
    """The profile of a device; raises ``ProfileError`` when it is gone."""
    assert config.profile is not None, "the configuration was checked"
    return catalogue.load(config.profile)


def schedule_of(config: Asked, clock: Clock, usual_s: float, supply: Supply, profile: Profile) -> Schedule:
    """When a device is asked: as configured, else as its profile says."""
    # Switched on before the instant, so that what is read is of the instant.
    settle_s = 0.0 if supply is ALWAYS else max(supply.settle_s, warm_up_s(profile.document))
    return Schedule(config.poll_s or usual_s, clock, offset_s=-settle_s, jitter_s=config.jitter_s)


def direction_of(config: OnABus) -> Direction | None:
    """What turns a device's transceiver; None where the adapter does it."""
    turned = config.direction
    if turned is None:
        return None
    if turned.line is None:
        return KernelDirection(before_ms=turned.before_ms, after_ms=turned.after_ms)
    line = GpiodLine(turned.chip, turned.line, name=f"harkara {config.id}")
    return GpioDirection(line, before_ms=turned.before_ms, after_ms=turned.after_ms)


def supply_of(config: Asked, lines: Lines) -> Supply:
    """What feeds a device."""
    return lines.supplies[config.power] if config.power is not None else ALWAYS


def bus_schedule(
    config: ModbusDevice | Sdi12Device, profile: Profile, clock: Clock, lines: Lines, asked_by: str
) -> Schedule:
    """As `schedule_of`, by those requests that have the key ``asked_by``."""
    tables = [asking.table for asking in askings_of(profile, asked_by)]
    return schedule_of(config, clock, usual_s(profile.document, tables), supply_of(config, lines), profile)


def bus_of(
    config: ModbusDevice | Sdi12Device, form: LineFormat, clock: Clock, lines: Lines, *, gap_s: float
) -> tuple[SharedLine, str]:
    """The line that devices share, and where it is; the slowest of them says how long its silences are."""
    line, where = byte_line(config, form, direction_of(config))
    shared = lines.buses.get(where)
    if shared is None:
        on_wire_s = form.character_s if config.tcp is None else 0.0
        shared = lines.buses[where] = SharedLine(line, clock, gap_s=gap_s, character_s=on_wire_s)
    shared.gap_s = max(shared.gap_s, gap_s)
    return shared, where
