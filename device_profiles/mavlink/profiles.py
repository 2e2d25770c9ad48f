"""A profile of any messages, made from their definitions: every field a channel, with unit, scale and sentinels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from device_profiles.engine.compile import compile_profile
from device_profiles.engine.profile import Profile
from device_profiles.errors import profile_error
from device_profiles.mavlink import table
from device_profiles.mavlink.definitions import Dialect, Member, Message
from device_profiles.mavlink.members import expand
from device_profiles.mavlink.sense import unit_of
from device_profiles.mavlink.xml_reader import MAX_XML_BYTES, read_dialect

MAX_ELEMENTS: Final = 40
"""Longer arrays are data for others (files, correction streams), not readings."""
_TIMES: Final = {"time_unix_usec": "unix_us", "time_utc": "unix_us"}
_PLACES: Final = {"lat": "latitude", "lon": "longitude", "latitude": "latitude", "longitude": "longitude"}


def load_dialect(path: Path) -> Dialect:
    """Messages of a definition file of the user's; included files are looked for beside it, then in the table.

    Raises:
        ProfileError: It cannot be read or is no definition.
    """
    return read_dialect(_read(path), path.name, lambda wanted: _include(path.parent / wanted))


def _include(path: Path) -> bytes | Dialect:
    if path.is_file():
        return _read(path)
    if path.stem in (*table.SETS, "all", "development"):
        return table.public()
    raise profile_error(f"no file {path}, and the table does not hold it", hint=f"it holds {', '.join(table.SETS)}")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_XML_BYTES:
            raise profile_error(f"{path} is larger than {MAX_XML_BYTES} bytes")
        return path.read_bytes()
    except OSError as exc:
        raise profile_error(f"{path}: {exc.strerror}") from exc


def message_profile(messages: Iterable[Message], dialect: Dialect | None = None) -> Profile:
    """A profile that decodes these messages, with channels named ``message_field``.

    Args:
        messages: Which.
        dialect: Where their enumerations are; default the table.
    """
    listed = list(messages)
    channels: dict[str, Any] = {}
    frames = [_frame(message, channels, dialect) for message in listed]
    own = Dialect("", {message.id: message for message in listed})
    document = {
        "language": 1,
        "vendor": "MAVLink",
        "model": "messages",
        "version": 1,
        "title": {"en": "Messages by their definition", "hi": "परिभाषा के अनुसार संदेश"},
        "documents": [{"title": "MAVLink message definitions", "kind": "standard"}],
        "transport": {"kind": "mavlink", "dialect": "given"},
        "channels": channels,
        "frames": frames,
    }
    seed = "".join(f"{message.id} {message.name} {message.crc_extra}\n" for message in listed)
    digest = hashlib.blake2b(seed.encode("ascii"), digest_size=64).digest()[:8]
    return compile_profile(expand(document, lambda _: own), profile_id="mavlink/messages", digest=digest)


def _frame(message: Message, channels: dict[str, Any], dialect: Dialect | None) -> dict[str, Any]:
    fields: list[dict[str, Any]] = []
    prefix = message.name.lower()
    for member in message.members:
        if member.count > MAX_ELEMENTS and member.type != "char":
            continue
        single = not member.count or member.type == "char"
        for element in range(1 if single else member.count):
            name = f"{prefix}_{member.name.lower()}" + ("" if single else f"_{element + 1}")
            channels[name] = _channel(message, member, dialect)
            field: dict[str, Any] = {"name": name, "member": member.name if single else f"{member.name}[{element}]"}
            if member.name in _TIMES and member.unit == "us":
                field |= {"time": _TIMES[member.name], "missing": [0]}
            fields.append(field)
    return {"name": prefix, "mavlink": {"message": message.name}, "fields": fields}


def _channel(message: Message, member: Member, dialect: Dialect | None) -> dict[str, Any]:
    text = f"{message.name} {member.name}"
    label = {"label": {"en": text, "hi": text}}
    if member.type == "char":
        return {"kind": "text", **label}
    if member.enum:
        entries = (dialect.enums.get(member.enum) if dialect else None) or table.enum(member.enum)
        codes = {str(number): word for number, word in entries.items()}
        return {"kind": "code", "codes": codes, **label}
    code, _ = unit_of(member)
    quantity = _PLACES.get(member.name) if member.unit.startswith("degE") else None
    place = {"privacy": "P2", "purpose": "where the readings were taken"} if quantity else {}
    return {"unit": code, "range": [Decimal("-1e30"), Decimal("1e30")], **place, **label}
