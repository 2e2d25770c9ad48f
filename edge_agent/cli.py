"""``harkara agent run | init | status | import | detect | read | set-address | doctor``."""

from __future__ import annotations

import argparse
import importlib
import re
from datetime import datetime
from pathlib import Path
from typing import Final

from edge_agent.settings_devices import split_address

DEFAULT_CONFIG: Final = Path("agent.toml")

_EXAMPLE = """example:
  harkara agent run --config agent.toml
  harkara agent init --port /dev/ttyUSB0
  harkara agent import flight.tlog --dry-run"""
_RUN_EXAMPLE: Final = """example:
  harkara agent run --config /etc/harkara/agent.toml

Runs in the foreground until SIGTERM or SIGINT, then seals what is open and sends what it can.
A broker that refuses or cannot be reached ends nothing: one line says why, readings wait in the outbox.
exit status: 0 stopped on request, 1 a fault, 2 configuration or another process in the way"""

_INIT_EXAMPLE: Final = """examples:
  harkara agent init                                  look at every serial port of this machine
  harkara agent init --port /dev/ttyUSB0 --out -      one port, print instead of writing
  harkara agent init --agent ridge-03 --broker mqtt.example.org

Listens to each port for a few seconds at the usual speeds for NMEA, JSON or CSV lines.
exit status: 0 written, 1 nothing was heard (a commented template is written), 2 wrong usage or the file is there"""

_STATUS_EXAMPLE: Final = """examples:
  harkara agent status --config /etc/harkara/agent.toml
  harkara agent status --json | jq .pending
  harkara agent status --follow

exit status: 0 the agent answered, 1 it is not running or does not answer, 2 configuration"""


_IMPORT_EXAMPLE: Final = """examples:
  harkara agent import flight.tlog --dry-run --json           look, write nothing
  harkara agent import flight.tlog --device survey-drone      into the outbox of agent.toml
  harkara agent import link.mav --started 2026-05-14T06:30:00+05:30
  harkara agent import CR1000_Hourly.dat --zone +05:30
  harkara agent import may.csv --device weather --columns 'timestamp=time,temp=air_temperature:Cel' --zone UTC
  harkara agent import station.dat --device ridge --map station.toml

Reads MAVLink logs (tlog, or frames alone), ULog, NMEA and UBX, Campbell TOA5, and tables of any program.
Giving a file twice adds nothing. A running agent is handed the rows; its own devices' names are refused.
exit status: 0 imported, 1 the outbox is full, 2 a file or the configuration cannot be used"""


_DETECT_EXAMPLE: Final = """examples:
  harkara agent detect                                  every serial port of this machine
  harkara agent detect --port /dev/ttyUSB0 --addresses 1-32
  harkara agent detect --port /dev/ttyUSB0 --passive    only listen
  harkara agent detect --tcp 192.168.1.20:502 --json

First listens at the usual speeds; where nothing speaks, asks: framed sensors of the catalogue, Modbus addresses at
the speeds of the catalogue, SDI-12 addresses. Nothing is written to a device.
exit status: 0 something was found, 1 nothing, 2 wrong usage"""

_READ_EXAMPLE: Final = """examples:
  harkara agent read wind                               of agent.toml, also while the agent runs
  harkara agent read soil --seconds 90 --json

Asks a device that is asked, waits for one that speaks by itself; prints the numbers and the bytes. Of a running
agent the readings go their way as always; without one nothing is kept.
exit status: 0 read, 1 nothing was read, 2 configuration"""

_DOCTOR_EXAMPLE: Final = """examples:
  harkara agent doctor --config /etc/harkara/agent.toml
  harkara agent doctor --json | jq '.[] | select(.level != "ok")'

Looks at machine, disk, clock, broker and its certificate, and at each device's port, bus or address.
exit status: 0 nothing is broken, 1 something is"""

_ADDRESS_EXAMPLE: Final = """examples:
  harkara agent set-address soil-2 3                    SDI-12 (aAb!) or Modbus (register of the profile)
  harkara agent set-address pump 7 --register 0x07D0    a Modbus slave whose profile names no register

Two new probes both answer at the factory's address: connect one, move it, connect the next. The move is verified by
asking at the new address. Stop the agent meanwhile; then write the new address into agent.toml.
exit status: 0 moved and verified, 1 it did not answer or not move, 2 configuration or wrong usage"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions; nothing else is imported for it."""
    parser.epilog = _EXAMPLE
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    raw = argparse.RawDescriptionHelpFormatter

    run_parser = actions.add_parser("run", help="run the agent", epilog=_RUN_EXAMPLE, formatter_class=raw)
    _add_config(run_parser)
    run_parser.add_argument("--check", action="store_true", help="only check the configuration; open nothing")

    init = actions.add_parser(
        "init", help="write agent.toml from what is found on the ports", epilog=_INIT_EXAMPLE, formatter_class=raw
    )
    init.add_argument("--agent", default=None, help="agent id (default: made from the host name)")
    init.add_argument("--broker", default="localhost", help="host of the MQTT broker (default: %(default)s)")
    init.add_argument(
        "--port", action="append", type=Path, default=None, help="listen to this port only; may be given again"
    )
    init.add_argument(
        "--seconds", type=_seconds, default=2.5, help="how long to listen at each speed (default: %(default)s)"
    )
    init.add_argument(
        "--out", type=Path, default=DEFAULT_CONFIG, help="file to write, - to print (default: %(default)s)"
    )
    init.add_argument("--force", action="store_true", help="overwrite the file")

    bring = actions.add_parser(
        "import", help="take recorded files into the outbox", epilog=_IMPORT_EXAMPLE, formatter_class=raw
    )
    _add_import(bring)

    detect = actions.add_parser(
        "detect", help="find out which models answer on a port", epilog=_DETECT_EXAMPLE, formatter_class=raw
    )
    where = detect.add_mutually_exclusive_group()
    where.add_argument("--port", action="append", type=Path, default=None, help="this port; may be given again")
    where.add_argument("--tcp", type=_address, default=None, metavar="HOST:PORT", help="a Modbus TCP gateway")
    detect.add_argument("--baud", action="append", type=int, default=None, help="only this speed; may be given again")
    detect.add_argument(
        "--addresses",
        type=_addresses,
        default=None,
        metavar="A-B",
        help="Modbus addresses to ask (default: 1-16 and those of the catalogue)",
    )
    detect.add_argument(
        "--seconds", type=_seconds, default=2.5, help="how long to listen at a speed (default: %(default)s)"
    )
    detect.add_argument("--passive", action="store_true", help="only listen, send nothing")
    detect.add_argument("--json", action="store_true", help="one JSON object")

    look = actions.add_parser("read", help="one reading of a device now", epilog=_READ_EXAMPLE, formatter_class=raw)
    _add_config(look)
    look.add_argument("device", metavar="DEVICE", help="its id in the configuration")
    look.add_argument("--seconds", type=_seconds, default=15.0, help="how long to wait (default: %(default)s)")
    look.add_argument("--json", action="store_true", help="one JSON object")

    doctor = actions.add_parser(
        "doctor",
        help="what is wrong with this station, and how to mend it",
        epilog=_DOCTOR_EXAMPLE,
        formatter_class=raw,
    )
    _add_config(doctor)
    doctor.add_argument("--json", action="store_true", help="a JSON array of findings")

    move = actions.add_parser(
        "set-address", help="give a bus device another address", epilog=_ADDRESS_EXAMPLE, formatter_class=raw
    )
    _add_config(move)
    move.add_argument("device", metavar="DEVICE", help="its id in the configuration")
    move.add_argument("address", metavar="NEW", help="SDI-12: one of 0-9, A-Z, a-z; Modbus: 1 to 247")
    move.add_argument(
        "--register",
        type=lambda text: int(text, 0),
        default=None,
        help="Modbus: the register that keeps it, from nought",
    )
    move.add_argument("--json", action="store_true", help="one JSON object")

    status = actions.add_parser("status", help="ask the running agent", epilog=_STATUS_EXAMPLE, formatter_class=raw)
    _add_config(status)
    status.add_argument("--json", action="store_true", help="one JSON object (with --follow: one per line)")
    status.add_argument("--follow", action="store_true", help="ask again every --every seconds until interrupted")
    status.add_argument("--every", type=_seconds, default=2.0, help="seconds between questions (default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; exit statuses as the help of each action says."""
    # Each action loads only its own needs.
    action = importlib.import_module(f"edge_agent.cli_{args.action.replace('-', '_')}")
    status: int = action.run(args)
    return status


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="configuration (default: %(default)s)"
    )


def _add_import(bring: argparse.ArgumentParser) -> None:
    _add_config(bring)
    bring.add_argument("file", nargs="+", type=Path, help="a log")
    bring.add_argument(
        "--device", type=_device, default=None, help="device id, or how those of a vehicle begin (default: by the file)"
    )
    bring.add_argument(
        "--format",
        choices=("auto", "mavlink", "ulog", "gnss", "toa5", "csv"),
        default="auto",
        help="what the files are (default: what they look like)",
    )
    _add_series(bring)
    bring.add_argument(
        "--started",
        type=_instant,
        default=None,
        metavar="TIME",
        help="when the vehicle was switched on",
    )
    bring.add_argument("--dry-run", action="store_true", help="read and count; write nothing")
    bring.add_argument("--json", action="store_true", help="end with one JSON object")


def _add_series(bring: argparse.ArgumentParser) -> None:
    """What is said about tables."""
    how = bring.add_mutually_exclusive_group()
    how.add_argument("--map", type=Path, default=None, metavar="FILE", help="TOML file that says which column is what")
    how.add_argument(
        "--columns", default=None, metavar="COLUMN=CHANNEL:UNIT,...", help="the same in short; COLUMN=time for the time"
    )
    bring.add_argument("--zone", type=_zone, default=None, help="of times that say none, such as +05:30")
    bring.add_argument(
        "--stamp", choices=("end", "start"), default=None, help="what of its interval a row is stamped with"
    )
    bring.add_argument("--interval", type=_interval, default=None, metavar="SECONDS", help="how long an interval is")
    bring.add_argument(
        "--first-year", type=int, default=2020, help="receivers are believed from this year (default: %(default)s)"
    )


def _zone(text: str) -> str:
    from edge_agent.series.zones import ZoneUnknown, zone  # noqa: PLC0415

    try:
        zone(text)
    except ZoneUnknown as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None
    return text


def _interval(text: str) -> float:
    value = float(text)
    if not 0 < value <= 366 * 86_400:
        raise argparse.ArgumentTypeError("give seconds above 0, at most a year")
    return value


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 time, such as 2026-05-14T06:30:00+05:30") from None
    if found.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone: add Z or +05:30")
    return found


def _device(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", text):
        raise argparse.ArgumentTypeError("give 1 to 40 letters, digits, - or _")
    return text


def _address(text: str) -> tuple[str, int]:
    found = split_address(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"`{text}` is no address; write host:port, e.g. 192.168.1.20:502")
    return found


def _addresses(text: str) -> tuple[int, ...]:
    match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match is not None else (0, 0)
    if not 1 <= first <= last <= 247:
        raise argparse.ArgumentTypeError(f"`{text}` are no Modbus addresses; write 7 or 1-32, at most 247")
    return tuple(range(first, last + 1))


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.05 <= value <= 3600:
        raise argparse.ArgumentTypeError("give seconds between 0.05 and 3600")
    return value
