"""What can be wrong with the devices of a configuration, from outside: nothing is opened that an agent may have."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from device_profiles import catalogue
from edge_agent import config as configuration
from edge_agent.clock import SystemClock
from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.sysfs import SysfsInstrument
from edge_agent.settings import Config
from edge_agent.settings_devices import (
    BrokerDevice,
    Device,
    I2cDevice,
    OnALine,
    PulseDevice,
    SysfsDevice,
    split_address,
)
from harkara_io import control_socket
from harkara_io.cli_doctor import Finding
from harkara_io.control_socket import ControlError, NotRunning
from harkara_io.errors import ConfigError
from harkara_io.serial_ports import found_ports

CONNECT_S_MAX: Final = 3.0
_GROUPS: Final = {"tty": "dialout", "i2c": "i2c", "gpio": "gpio"}


def findings(path: Path) -> Iterator[Finding]:
    """The configuration, whether its agent runs, and each device's way."""
    try:
        config = configuration.load(path)
    except ConfigError as exc:
        for problem in exc.problems:
            where = f"{path}:{problem.line}" if problem.line is not None else str(path)
            yield Finding("configuration", "broken", f"{where}: {problem.what}", problem.hint)
        return
    yield from _agent(config)
    for device in config.device:
        yield from _device(device)


def _agent(config: Config) -> Iterator[Finding]:
    try:
        status = control_socket.call(config.socket_used, "status")
    except NotRunning:
        yield Finding("agent", "note", "not running", "harkara agent run")
        return
    except ControlError as exc:
        yield Finding("agent", "warning", str(exc))
        return
    for device in status["devices"]:
        if device["state"] not in {"up", "opening"}:
            yield Finding(f"device {device['id']}", "warning", f"{device['state']}: {device['detail']}")
    if status["disk_detail"]:
        yield Finding(
            "outbox", "broken", status["disk_detail"], "look at the disk; readings are kept in memory meanwhile"
        )
    yield Finding("agent", "ok", f"runs, {status['pending']} readings wait, link {status['link']}")


def _device(device: Device) -> Iterator[Finding]:
    name = f"device {device.id}"
    if device.profile is not None and device.driver not in {"nmea", "lines"}:
        catalogue.load(device.profile)
    match device:
        case OnALine(port=Path() as port):
            yield _file(name, port, "tty", "is the device plugged in?")
            yield from _steady(name, port)
        case OnALine(tcp=str() as address):
            yield _reached(name, *(split_address(address) or ("", 0)))
        case I2cDevice():
            yield _file(name, device.bus, "i2c", "turn I2C on: dtparam=i2c_arm=on in the boot configuration")
        case PulseDevice():
            yield _file(name, device.chip, "gpio", "gpiodetect shows the chips of this machine")
        case SysfsDevice():
            yield _kernel(name, device)
        case BrokerDevice():
            yield _reached(name, device.host, device.port)
        case _:
            return


def _file(name: str, path: Path, kind: str, hint: str) -> Finding:
    if not path.exists():
        return Finding(name, "broken", f"{path} is not there", hint)
    if not os.access(path, os.R_OK | os.W_OK):
        user = os.environ.get("USER", "$USER")
        mend = f"sudo usermod -aG {_GROUPS[kind]} {user}, then log in again"
        return Finding(name, "broken", f"{path} is not for this user", mend)
    return Finding(name, "ok", f"{path} is there")


def _steady(name: str, port: Path) -> Iterator[Finding]:
    """A name such as ttyUSB0 goes to whichever adapter is found first."""
    if port.parent != Path("/dev"):
        return
    for found in found_ports():
        if found.device == port and found.path != port:
            yield Finding(name, "note", f"{port} may be another port after a restart", f'port = "{found.path}"')


def _reached(name: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), CONNECT_S_MAX):
            return Finding(name, "ok", f"{host}:{port} listens")
    except socket.gaierror:
        return Finding(
            name, "broken", f"the name {host} is not known", "is it spelled right, does name resolution work?"
        )
    except OSError as exc:
        return Finding(name, "broken", f"{host}:{port}: {exc.strerror or exc}", "is it switched on, is the port right?")


def _kernel(name: str, device: SysfsDevice) -> Finding:
    assert device.profile is not None, "the configuration was checked"
    instrument = SysfsInstrument(catalogue.load(device.profile), SystemClock(), folder=device.path)
    try:
        asyncio.run(instrument.open())
    except LinkDown as exc:
        return Finding(name, "broken", str(exc), "load its kernel driver or device tree overlay")
    return Finding(name, "ok", "the kernel shows it")
