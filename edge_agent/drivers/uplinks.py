"""LoRaWAN uplinks as network servers publish them. Pure: a message in, what the device sent out."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from device_profiles.rejects import FrameRejected, RejectReason, reject
from edge_agent.drivers.line_times import TimeUnreadable, time_ns

MESSAGE_BYTES_MAX: Final = 65_536
"""An uplink with all its gateways' reports is a few kilobytes. [bytes]"""

TOPICS: Final = ("application/+/device/{eui}/event/up", "v3/+/devices/+/up")
"""Where ChirpStack 4 and The Things Stack 3 publish uplinks; the second does not name the EUI."""


class Uplink(NamedTuple):
    """What one device sent.

    Attributes:
        eui: Its 64-bit id, 16 hexadecimal digits in lower case.
        port: LoRaWAN FPort; 0 where there was no payload.
        counter: Frame counter, None when the message has none.
        data: Payload.
        received_ns: When the network received it, UTC Unix time; None when it does not say. [ns]
    """

    eui: str
    port: int
    counter: int | None
    data: bytes
    received_ns: int | None


def parse(message: bytes) -> Uplink | FrameRejected:
    """Read an uplink message of ChirpStack 4 or The Things Stack 3 (JSON)."""
    if len(message) > MESSAGE_BYTES_MAX:
        return reject(RejectReason.TOO_LONG, f"{len(message)} bytes, at most {MESSAGE_BYTES_MAX}", message)
    try:
        found = json.loads(message)
    except (ValueError, RecursionError) as exc:
        return reject(RejectReason.SHAPE, f"no JSON: {exc!s:.80}", message)
    try:
        if isinstance(found, dict) and "deviceInfo" in found:
            return _chirpstack(found)
        if isinstance(found, dict) and "uplink_message" in found:
            return _things_stack(found)
    except (KeyError, TypeError, ValueError, AttributeError, TimeUnreadable, binascii.Error) as exc:
        return reject(RejectReason.SHAPE, f"no uplink: {type(exc).__name__} {exc!s:.60}", message)
    return reject(RejectReason.SHAPE, "neither a ChirpStack nor a Things Stack uplink", message)


def _chirpstack(found: Mapping[str, Any]) -> Uplink:
    return Uplink(
        eui=_eui(found["deviceInfo"]["devEui"]),
        port=_whole(found.get("fPort"), 255) or 0,
        counter=_whole(found.get("fCnt"), 2**32 - 1),
        data=base64.b64decode(found.get("data") or "", validate=True),
        received_ns=_time(found.get("time")),
    )


def _things_stack(found: Mapping[str, Any]) -> Uplink:
    uplink = found["uplink_message"]
    return Uplink(
        eui=_eui(found["end_device_ids"]["dev_eui"]),
        port=_whole(uplink.get("f_port"), 255) or 0,
        # Protobuf's JSON leaves a nought out.
        counter=_whole(uplink.get("f_cnt", 0), 2**32 - 1),
        data=base64.b64decode(uplink.get("frm_payload") or "", validate=True),
        received_ns=_time(uplink.get("received_at") or found.get("received_at")),
    )


def _eui(given: str) -> str:
    if len(given) != 16 or int(given, 16) < 0:
        raise ValueError(f"device id {given!r:.30}")
    return given.lower()


def _whole(given: object, most: int) -> int | None:
    if given is None:
        return None
    if not isinstance(given, int) or not 0 <= given <= most:
        raise ValueError(f"{given!r:.30} is no number up to {most}")
    return given


def _time(given: object) -> int | None:
    return None if not given else time_ns(given, "s")
