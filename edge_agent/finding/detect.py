"""The whole search on a port or gateway, in the order that disturbs least: listen, ask framed sensors, ask buses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edge_agent.drivers.modbus_frames import Envelope, Rtu, Tcp
from edge_agent.drivers.serial_port import LineFormat, SerialPort
from edge_agent.drivers.shared_line import SharedLine
from edge_agent.drivers.tcp import TcpStream
from edge_agent.finding import bus, listening
from edge_agent.finding.candidates import Found

Progress = Callable[[str], None]
SDI12_FORMAT = LineFormat(1200, data_bits=7, parity="even")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What to look for.

    Attributes:
        seconds: How long to listen at each speed. [s]
        bauds: Only these speeds; empty for those of the catalogue. [1/s]
        addresses: Modbus addresses; empty for the usual ones and the factory's.
        passive: Send nothing.
        progress: Is told what is being done.
    """

    seconds: float
    bauds: Sequence[int] = ()
    addresses: Sequence[int] = ()
    passive: bool = False
    progress: Progress = lambda _words: None

    def has(self, form: LineFormat) -> bool:
        """Whether a speed is wanted."""
        return not self.bauds or form.baud in self.bauds


async def on_port(port: Path, search: Search) -> list[Found]:
    """Everything that speaks or answers on a serial port.

    Raises:
        LinkDown: It cannot be opened, or vanished.
    """
    for form in filter(search.has, _chosen(listening.formats(), search)):
        search.progress(f"{port}: listening at {form.baud} baud")
        data, found = await listening.listen(port, form, search.seconds)
        if found is not None:
            return [found]
        if not data:
            break  # what is silent at one speed is silent at all
    if search.passive:
        return []
    search.progress(f"{port}: asking framed sensors")
    return await listening.ask_framed(port, search.has) or await _on_bus(port, search)


async def _on_bus(port: Path, search: Search) -> list[Found]:
    # SDI-12 first: where there is none it costs two questions, a search for Modbus slaves a minute.
    return await _sdi12(port, search) or await _rtu(port, search)


async def _sdi12(port: Path, search: Search) -> list[Found]:
    if not search.has(SDI12_FORMAT):
        return []
    for breaks in (False, True):
        async with bus.shared(SerialPort(port, SDI12_FORMAT), gap_s=0.01) as line:
            found = await bus.probes(
                line, breaks=breaks, progress=lambda address: search.progress(f"{port}: SDI-12 address {address}")
            )
        if found:
            more = {"port": str(port)} | ({"break_by": "host"} if breaks else {})
            return [replace(each, settings=more | dict(each.settings)) for each in found]
    return []


async def _rtu(port: Path, search: Search) -> list[Found]:
    for form in filter(search.has, _chosen(bus.modbus_formats(), search)):
        # Three and a half characters of silence part two frames (serial line V1.02, 2.5.1).
        async with bus.shared(SerialPort(port, form), gap_s=max(0.002, 3.5 * form.character_s)) as line:
            found = await _modbus(line, Rtu(), search, f"{port}: Modbus at {form.baud} baud")
        if found:
            return [replace(each, settings=listening.settings_of(port, form) | dict(each.settings)) for each in found]
    return []


async def at_gateway(host: str, port: int, search: Search) -> list[Found]:
    """Modbus slaves behind a TCP address; raises ``LinkDown``."""
    async with bus.shared(TcpStream(host, port), gap_s=0.0005) as line:
        found = await _modbus(line, Tcp(), search, f"{host}:{port}: Modbus")
    return [replace(each, settings={"tcp": f"{host}:{port}"} | dict(each.settings)) for each in found]


async def _modbus(line: SharedLine, envelope: Envelope, search: Search, where: str) -> list[Found]:
    units = search.addresses or bus.modbus_addresses()
    there = await bus.slaves(line, envelope, units, lambda unit: search.progress(f"{where}, address {unit}"))
    found = []
    for slave in there:
        search.progress(f"{where}, address {slave.unit} answers; trying the catalogue")
        fits = await bus.fits(line, envelope, slave.unit)
        found.append(Found("modbus", {"unit": slave.unit}, slave.says, fits))
    return found


def _chosen(formats: list[LineFormat], search: Search) -> list[LineFormat]:
    """The catalogue's formats, and a plain one of each speed that was asked for and is not among them."""
    more = [LineFormat(baud) for baud in search.bauds if all(form.baud != baud for form in formats)]
    return [*formats, *more]
