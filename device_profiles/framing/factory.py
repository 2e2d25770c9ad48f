"""The framer of a profile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from device_profiles.engine.profile import Profile
from device_profiles.errors import profile_error
from device_profiles.framing import binary, delimited
from device_profiles.framing.base import Framer, Verify
from device_profiles.framing.nmea import NmeaFramer

Table = Mapping[str, Any]


def framer(profile: Profile) -> Framer:
    """A new framer for a byte stream of the profile's devices.

    Raises:
        ProfileError: Its transport is no byte stream (LoRaWAN, BLE, sysfs …).
    """
    table: Table = profile.document.get("framing") or {}
    make = _FRAMERS.get(profile.framing)
    if make is None:
        raise profile_error(f"{profile.id}: {profile.transport} carries whole frames, no byte stream")
    return make(table, binary.verify_with(profile.unwrap))


def _bytes(table: Table, key: str) -> bytes:
    return bytes.fromhex(str(table.get(key) or ""))


def _delimiter(table: Table, _verify: Verify) -> Framer:
    return delimited.DelimiterFramer(_bytes(table, "end") or b"\n", int(table.get("max_bytes") or 1024))


def _length(table: Table, verify: Verify) -> Framer:
    field = table["length"]
    return binary.with_length(
        _bytes(table, "start"),
        at=int(field["at"]),
        kind=str(field["type"]),
        add=int(field.get("add") or 0),
        verify=verify,
        max_bytes=int(table.get("max_bytes") or 1024),
    )


def _stx_etx(table: Table, verify: Verify) -> Framer:
    trailer = int(table.get("size") or 0)
    return delimited.stx_etx(
        _bytes(table, "start") or b"\x02",
        _bytes(table, "end") or b"\x03",
        verify,
        int(table.get("max_bytes") or 1024),
        trailer,
    )


_FRAMERS: Final[dict[str, Callable[[Table, Verify], Framer]]] = {
    "delimiter": _delimiter,
    "stx-etx": _stx_etx,
    "length": _length,
    "fixed": lambda table, verify: binary.fixed(_bytes(table, "start"), int(table["size"]), verify),
    "shdlc": lambda table, verify: delimited.shdlc(verify, int(table.get("max_bytes") or 1024)),
    "ubx": lambda _table, verify: binary.ubx(verify),
    "umb": lambda _table, verify: binary.umb(verify),
    "mavlink": lambda _table, verify: binary.mavlink(verify),
    "modbus-rtu": lambda _table, verify: binary.modbus_rtu(verify),
    "modbus-tcp": lambda _table, verify: binary.modbus_tcp(verify),
    "ve.direct": lambda _table, _verify: delimited.VeDirectFramer(),
    "sdi-12": lambda _table, _verify: delimited.DelimiterFramer(b"\r\n", 256),
    "meter-ddi": lambda _table, verify: delimited.stx_etx(b"\t", b"\r", verify, 128, 3),
    "nmea": lambda _table, _verify: NmeaFramer(),
}
