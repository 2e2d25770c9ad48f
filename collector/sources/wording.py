"""What a broker's no means for the caller: come again, or tell a person. The words are those of ``harkara_io``."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Final

from collector.sources.ports import BrokerAddress, LinkDown, SourceError, SourceRefused
from harkara_io.mqtt_errors import explain

# MQTT Version 5.0 (OASIS, 7 March 2019), table 3-1: unsupported version, client id, user or password, not authorised,
# banned, authentication method.
REFUSED_FOR_GOOD: Final = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C})
"""CONNACK codes that will come again however often we ask. The libraries turn those of 3.1.1 into these."""


@dataclass(frozen=True, slots=True)
class _Code:
    value: int


class _Said(Exception):
    """A reason code in the shape in which MQTT libraries raise it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"reason code {code:#04x}")
        self.rc = _Code(code)


def refused(address: BrokerAddress, code: int) -> SourceError:
    """The error for a CONNACK code: refused for good, or only now."""
    text = explain(_Said(code), host=address.host, port=address.port, username=address.username)
    return SourceRefused(text) if code in REFUSED_FOR_GOOD else LinkDown(text)


def denied_subscription(address: BrokerAddress) -> SourceError:
    """The error for a SUBACK that says no."""
    return SourceRefused(
        f"broker {address.host}:{address.port}: user {address.username or '(none)'} may not read the agents' topics: "
        "see the broker's access list"
    )


def ended(address: BrokerAddress, code: int) -> str:
    """Why the broker sent DISCONNECT."""
    return explain(_Said(code), host=address.host, port=address.port, username=address.username)


def unreachable(address: BrokerAddress, exc: OSError) -> SourceError:
    """The error for what the operating system or TLS said while connecting."""
    text = explain(exc, host=address.host, port=address.port, username=address.username)
    return SourceRefused(text) if isinstance(exc, ssl.SSLError) else LinkDown(text)
