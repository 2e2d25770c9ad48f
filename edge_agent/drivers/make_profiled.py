"""The drivers that read through profiles, or speak to more than a line; loaded by agents that have such devices."""

from __future__ import annotations

import socket

from device_profiles import catalogue
from device_profiles.catalogue import number_of, own_messages
from device_profiles.engine.profile import Profile
from edge_agent.clock import Clock
from edge_agent.drivers.broker import BrokerDriver, JsonReader, Reader, UplinkReader, client_of
from edge_agent.drivers.framed import FramedDriver
from edge_agent.drivers.i2c import I2cInstrument, SmbusBus
from edge_agent.drivers.line_parser import LineParser
from edge_agent.drivers.make import Lines, byte_line, wanted_of
from edge_agent.drivers.make_parts import (
    bus_of,
    bus_schedule,
    direction_of,
    format_of,
    profile_of,
    schedule_of,
    supply_of,
)
from edge_agent.drivers.modbus import ModbusDriver
from edge_agent.drivers.modbus_frames import Rtu, Tcp
from edge_agent.drivers.polled import Instrument, PolledDriver
from edge_agent.drivers.ports import ByteLine, Driver
from edge_agent.drivers.power import ALWAYS
from edge_agent.drivers.pulse import GpioEdges, PulseDriver, has_running_count
from edge_agent.drivers.questions import conversation, warm_up_s
from edge_agent.drivers.sdi12 import Sdi12Driver
from edge_agent.drivers.serial_port import LineFormat
from edge_agent.drivers.sysfs import SysfsInstrument
from edge_agent.drivers.udp import UdpInput, UdpOutput
from edge_agent.drivers.uplinks import TOPICS
from edge_agent.mqtt_client import read_password
from edge_agent.settings_devices import (
    Asked,
    BrokerDevice,
    I2cDevice,
    MavlinkDevice,
    ModbusDevice,
    PulseDevice,
    Sdi12Device,
    SerialDevice,
    SysfsDevice,
    split_address,
)

Profiled = (
    SerialDevice | ModbusDevice | Sdi12Device | SysfsDevice | I2cDevice | PulseDevice | BrokerDevice | MavlinkDevice
)


def make_profiled(config: Profiled, clock: Clock, lines: Lines) -> tuple[Driver, str]:  # noqa: PLR0911 - a case each
    """As `edge_agent.drivers.make.make`."""
    match config:
        case SerialDevice():
            return _serial(config, clock, lines)
        case ModbusDevice():
            return _modbus(config, clock, lines)
        case Sdi12Device():
            return _sdi12(config, clock, lines)
        case SysfsDevice():
            profile = profile_of(config)
            instrument = SysfsInstrument(profile, clock, folder=config.path)
            return _polled(config, instrument, profile, clock, lines), str(config.path or instrument.sought)
        case I2cDevice():
            profile = profile_of(config)
            chip = I2cInstrument(profile, clock, bus=config.bus, address=config.address, open_bus=SmbusBus)
            return _polled(config, chip, profile, clock, lines), str(config.bus)
        case PulseDevice():
            return _pulse(config, clock)
        case BrokerDevice():
            return _broker(config, clock)
        case MavlinkDevice():
            return _mavlink(config, clock, lines)


def _polled(config: Asked, instrument: Instrument, profile: Profile, clock: Clock, lines: Lines) -> PolledDriver:
    supply = supply_of(config, lines)
    schedule = schedule_of(config, clock, conversation(profile.document).every_s, supply, profile)
    return PolledDriver(
        instrument, schedule, clock, supply=supply, warm_up_s=warm_up_s(profile.document), silence_s=config.silence_s
    )


def _modbus(config: ModbusDevice, clock: Clock, lines: Lines) -> tuple[Driver, str]:
    profile = profile_of(config)
    form = format_of(profile.document, config)
    over_tcp = config.tcp is not None
    # Three and a half characters of silence part two frames; above 19200 baud it is 1.75 ms (serial line V1.02, 2.5.1).
    polling = profile.document.get("polling") or {}
    gap_s = max(0.00175, 3.5 * form.character_s, float(polling.get("frame_gap_ms") or 0) / 1000)
    shared, where = bus_of(config, form, clock, lines, gap_s=0.0005 if over_tcp else gap_s)
    unit = config.unit or int(profile.document["transport"].get("unit_id") or 1)
    envelope = Tcp() if over_tcp else Rtu()
    schedule = bus_schedule(config, profile, clock, lines, "function")
    driver = ModbusDriver(shared, envelope, unit, profile, clock, schedule, timeout_s=config.timeout_s)
    driver.silence_s, driver.supply = config.silence_s, supply_of(config, lines)
    return driver, f"{where} unit {unit}"


def _sdi12(config: Sdi12Device, clock: Clock, lines: Lines) -> tuple[Driver, str]:
    profile = profile_of(config)
    shared, where = bus_of(config, format_of(profile.document, config), clock, lines, gap_s=0.01)
    address = config.address or str(profile.document["transport"].get("address") or "0")
    schedule = bus_schedule(config, profile, clock, lines, "command")
    driver = Sdi12Driver(shared, address, profile, clock, schedule, breaks=config.break_by == "host")
    driver.silence_s, driver.supply = config.silence_s, supply_of(config, lines)
    return driver, f"{where} probe {address}"


def _pulse(config: PulseDevice, clock: Clock) -> tuple[Driver, str]:
    profile = profile_of(config)
    edges = GpioEdges(config.chip, config.line, debounce_ms=config.debounce_ms, name=config.id)
    file = config.count_file if has_running_count(profile) else None
    schedule = schedule_of(config, clock, conversation(profile.document).every_s, ALWAYS, profile)
    return PulseDriver(edges, profile, clock, schedule, file=file), f"{config.chip} line {config.line}"


def _broker(config: BrokerDevice, clock: Clock) -> tuple[Driver, str]:
    password = read_password(config.password_file) if config.password_file is not None else None
    client = client_of(
        config.host,
        config.port,
        identifier=f"harkara-{socket.gethostname()}-{config.id}"[:64],
        username=config.username,
        password=password,
    )
    reader: Reader
    if config.dev_eui is not None:
        assert config.profile is not None, "the configuration was checked"
        reader = UplinkReader(catalogue.load(config.profile), config.dev_eui)
        usual = [topic.format(eui=config.dev_eui.lower()) for topic in TOPICS]
    else:
        reader, usual = JsonReader(_json_parser(config)), []
    topics = [config.topic] if config.topic is not None else usual
    where = (config.host, config.port)
    return BrokerDriver(client, topics, reader, clock, where=where), f"broker {config.host}:{config.port}"


def _mavlink(config: MavlinkDevice, clock: Clock, lines: Lines) -> tuple[Driver, str]:
    from edge_agent.drivers.mavlink import MavlinkDriver  # noqa: PLC0415 - only who reads an autopilot needs it
    from edge_agent.drivers.mavlink_link import MavlinkLink  # noqa: PLC0415
    from edge_agent.drivers.mavlink_signed import Signed, read_key  # noqa: PLC0415

    assert config.profile is not None, "the configuration was checked"
    source: ByteLine
    if config.udp is not None or config.udp_out is not None:
        address = split_address(config.udp or config.udp_out or "")
        assert address is not None, "the configuration was checked"
        source, where = (UdpInput if config.udp else UdpOutput)(*address), f"udp {config.udp or config.udp_out}"
    else:
        source, where = byte_line(config, LineFormat(config.baud or 57_600))
    link = lines.vehicles.get(where)
    if link is None:
        link = lines.vehicles[where] = MavlinkLink(source, clock)
    own = own_messages(config.profile, config.dialect)
    link.talk.calls = link.talk.calls or config.udp_out is not None
    for name, hertz in config.rates.items():
        number = number_of(name, own)
        link.talk.hertz[number] = max(hertz, link.talk.hertz.get(number, 0.0))
    link.talk.once += [number for name in config.once if (number := number_of(name, own)) not in link.talk.once]
    if config.signing_key_file is not None and link.signed is None:
        key, require = read_key(config.signing_key_file), config.signing == "require"
        link.signed = Signed(key, require=require, file=config.signing_file)
    driver = MavlinkDriver(
        link,
        catalogue.load(config.profile, dialect=config.dialect),
        clock,
        system=config.system,
        component=config.component,
        interval_s=config.interval_s,
        silence_s=config.silence_s,
        own=own,
    )
    return driver, where


def _json_parser(config: BrokerDevice) -> LineParser:
    return LineParser(
        format="json", time_key=config.time, time_unit=config.time_unit, wanted=wanted_of(config.channels)
    )


def _serial(config: SerialDevice, clock: Clock, lines: Lines) -> tuple[Driver, str]:
    profile = profile_of(config)
    talk = conversation(profile.document)
    line, where = byte_line(config, format_of(profile.document, config), direction_of(config))
    supply = supply_of(config, lines)
    # What speaks when it is switched on is asked by switching it on.
    asks = config.ask != "never" and (talk.each or talk.first or supply is not ALWAYS)
    schedule = schedule_of(config, clock, talk.every_s, supply, profile) if asks else None
    driver = FramedDriver(line, profile, clock, schedule=schedule, silence_s=config.silence_s)
    driver.supply = supply
    return driver, where
