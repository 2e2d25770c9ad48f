"""How ``harkara simulate device`` makes a device other than usual: its seed, its protocol, whose network it uses."""

from __future__ import annotations

import argparse
import hashlib
import os
import string
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulators.cli_words import count_or_none

if TYPE_CHECKING:
    from simulators.emulators.host import Values
    from simulators.emulators.port import Emulator, Model

    Devices = Sequence[tuple[Model, Emulator]]

_KEY_BYTES: Final = 32
_LINE_MAX: Final = 4096


class DeviceError(Exception):
    """What was asked for cannot be emulated; the message says what can."""

    exit_status = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--seed", type=count_or_none, default=0, metavar="N", help="other values, another field")
    parser.add_argument("--mavlink", type=int, choices=(1, 2), help="version that a vehicle speaks (default: 2)")
    parser.add_argument(
        "--sign",
        type=Path,
        metavar="KEYFILE",
        help="sign what a vehicle says; a file of mode 0600 with a passphrase or 64 hex digits in its first line",
    )
    parser.add_argument(
        "--network", choices=("chirpstack", "things-stack"), help="server of a LoRaWAN device (default: chirpstack)"
    )


def as_chosen(devices: Devices, args: argparse.Namespace) -> tuple[Devices, Values]:
    """The devices as their options say, and what is true for them."""
    from simulators.emulators.registry import UPLINKS, VEHICLES  # noqa: PLC0415 - each action loads only what it runs
    from simulators.emulators.swing import swinging  # noqa: PLC0415

    ((model, _), *_) = devices
    if args.network is not None:
        if model.id not in UPLINKS:
            raise DeviceError(f"{model.id} sends over no LoRaWAN server; --network is for {', '.join(sorted(UPLINKS))}")
        devices = [(model, UPLINKS[model.id](args.network))]
    if model.id in VEHICLES:
        return _vehicle(model, args)
    if args.mavlink is not None or args.sign is not None:
        raise DeviceError(f"{model.id} speaks no MAVLink; --mavlink and --sign are for {', '.join(VEHICLES)}")
    return devices, lambda each, at_ns: swinging(each, at_ns, args.seed)


def _vehicle(model: Model, args: argparse.Namespace) -> tuple[Devices, Values]:
    """A vehicle and its flight, which begins now."""
    from simulators.emulators.survey_flight import SurveyFlight  # noqa: PLC0415
    from simulators.emulators.vehicle import Vehicle  # noqa: PLC0415

    version = args.mavlink or 2
    if args.sign is not None and version == 1:
        raise DeviceError("MAVLink 1 has no signatures; leave out --mavlink 1 or --sign")
    key = b"" if args.sign is None else _key(args.sign)
    flight = SurveyFlight(args.seed)
    begun_ns = time.time_ns()
    vehicle = Vehicle(version=version, key=key, interval_s=1.0, mission=flight.mission)
    return [(model, vehicle)], lambda _, at_ns: flight.values((at_ns - begun_ns) / 1e9)


def _key(file: Path) -> bytes:
    """The key of a file that nobody else can read, by the rule that ground stations follow too."""
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & 0o077:
                raise DeviceError(f"--sign {file}: others can read it; chmod 600 {file}")
            text = opened.readline(_LINE_MAX).decode().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise DeviceError(f"--sign {file}: {getattr(exc, 'strerror', None) or 'its first line is no text'}") from exc
    if not text:
        raise DeviceError(f"--sign {file}: its first line is empty; write a passphrase or {2 * _KEY_BYTES} hex digits")
    if len(text) == 2 * _KEY_BYTES and all(digit in string.hexdigits for digit in text):
        return bytes.fromhex(text)
    return hashlib.sha256(text.encode()).digest()
