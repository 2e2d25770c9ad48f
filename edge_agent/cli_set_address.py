"""``harkara agent set-address``: move a bus device, verified by asking it at its new address."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict

from device_profiles import catalogue
from device_profiles.engine.compile_selectors import zero_based
from edge_agent import config as configuration
from edge_agent.drivers.make import byte_line
from edge_agent.drivers.make_parts import line_format
from edge_agent.drivers.modbus_frames import Rtu, Tcp
from edge_agent.finding.bus import SDI12_ADDRESSES, shared
from edge_agent.finding.moving import Moved, NotMoved, move_probe, move_slave
from edge_agent.settings_devices import Device, ModbusDevice, Sdi12Device
from harkara_io import control_socket
from harkara_io.control_socket import NotRunning
from harkara_io.errors import ConfigError


def run(args: argparse.Namespace) -> int:
    """Move it.

    Raises:
        ConfigError: The configuration or the address cannot be used, or the agent has the line.
        LinkDown: The line cannot be opened.
        NotMoved: The device did not answer, or stayed.
    """
    config = configuration.load(args.config)
    device = configuration.device_named(config, args.device, args.config)
    try:
        control_socket.call(config.socket_used, "ping")
    except NotRunning:
        pass
    else:
        raise ConfigError("the agent runs and has the line", hint="stop it, move the device, start it again")
    moved = asyncio.run(_move(device, args.address, args.register))
    key = "address" if isinstance(device, Sdi12Device) else "unit"
    value = f'"{moved.new}"' if isinstance(device, Sdi12Device) else moved.new
    if args.json:
        print(json.dumps({"device": device.id, **asdict(moved)}))
    else:
        print(f"{device.id} answers at {moved.new} now ({moved.says}); write {key} = {value} into {args.config}")
    return 0


async def _move(device: Device, new: str, register: int | None) -> Moved:
    match device:
        case Sdi12Device():
            return await _probe(device, new)
        case ModbusDevice():
            return await _slave(device, new, register)
    raise ConfigError(f"a device of driver `{device.driver}` has no address to set", hint="modbus and sdi-12 have")


async def _probe(device: Sdi12Device, new: str) -> Moved:
    if len(new) != 1 or new not in SDI12_ADDRESSES:
        raise ConfigError(f"`{new}` is no SDI-12 address", hint="one of 0-9, A-Z, a-z")
    assert device.profile is not None, "the configuration was checked"
    document = catalogue.load(device.profile).document
    old = device.address or str(document["transport"].get("address") or "0")
    line, _ = byte_line(device, line_format(document, device.baud))
    _differ(old, new)
    async with shared(line, gap_s=0.01) as bus:
        return await move_probe(bus, old, new, breaks=device.break_by == "host")


async def _slave(device: ModbusDevice, new: str, register: int | None) -> Moved:
    if not (new.isdecimal() and 1 <= int(new) <= 247):
        raise ConfigError(f"`{new}` is no Modbus address", hint="1 to 247")
    assert device.profile is not None, "the configuration was checked"
    document = catalogue.load(device.profile).document
    transport = document["transport"]
    if register is None:
        kept = transport.get("address_register")
        if kept is None:
            raise ConfigError(
                f"{device.profile} does not say which register keeps the address",
                hint="look into the model's manual and give --register, counted from nought",
            )
        register = zero_based(int(kept), str(transport.get("numbering") or "0"))
    old = device.unit or int(transport.get("unit_id") or 1)
    _differ(str(old), new)
    form = line_format(document, device.baud)
    line, _ = byte_line(device, form)
    over_tcp = device.tcp is not None
    async with shared(line, gap_s=0.0005 if over_tcp else max(0.002, 3.5 * form.character_s)) as bus:
        return await move_slave(bus, Tcp() if over_tcp else Rtu(), old, int(new), register)


def _differ(old: str, new: str) -> None:
    if old == new:
        raise NotMoved(f"it has address {old} already, as far as the configuration goes")
