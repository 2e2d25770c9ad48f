"""How each kind of emulated device can be reached, and which address it may have: one table for every command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulators.emulators.port import Model

WAYS: Final[Mapping[str, tuple[str, ...]]] = {
    "serial": ("pty:device.tty", "tcp", "udp", "mqtt"),
    "modbus": ("pty:device.tty", "tcp"),
    "sdi-12": ("pty:device.tty",),
    "directory": ("dir:./sys",),
    "mqtt": ("mqtt:127.0.0.1:1883",),
    "udp": ("udp:127.0.0.1:14550", "tcp", "pty"),
}
"""How devices of a transport can be reached; the first is where one is when nothing is said."""
BUSES: Final = frozenset({"modbus", "sdi-12"})
"""Transports on which several devices share a line, each with an address."""
_UNIT_MAX: Final = 247


def kinds_of(model: Model) -> tuple[str, ...]:
    """Kinds of carrier that reach a model; none for what is wired to pins or heard by radio."""
    ways = WAYS.get(model.transport, ())
    # Who is asked needs somebody at the other end of the very line that it answers on.
    alone = model.requests != "none" and model.transport != "modbus"
    return tuple(way.partition(":")[0] for way in (ways[:1] if alone else ways))


def address_of(model: Model, given: str | None) -> int:
    """An address as ``Model.make`` takes it; the factory's when nothing is given.

    Raises:
        ValueError: The model can have none, or not this one.
    """
    if given is None:
        return model.address
    if model.transport not in BUSES:
        raise ValueError(f"{model.id} is on no bus and has no address")
    if model.transport == "sdi-12":
        if len(given) != 1 or not given.isascii() or not given.isalnum():
            raise ValueError(f"an SDI-12 address is one of 0-9, A-Z, a-z, not {given!r}")
        return ord(given)
    if not given.isdecimal() or not 1 <= int(given) <= _UNIT_MAX:
        raise ValueError(f"an address is 1 to {_UNIT_MAX}, not {given!r}")
    return int(given)
