"""Fills in what a profile of MAVLink messages leaves to their definition: number, seed, size, places of fields.

A frame says ``mavlink = { message = "GPS_RAW_INT" }``, a field ``member = "cog"`` (``"voltages[3]"`` of an array).
Type, offset, scale, unit and sentinels follow; what the field says itself stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Final

from device_profiles.errors import profile_error
from device_profiles.mavlink.definitions import Dialect, Member, Message
from device_profiles.mavlink.sense import missing, unit_of
from device_profiles.mavlink.table import enum, known

Table = dict[str, Any]
_MEMBER: Final = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?:\[(\d{1,3})\])?")


def expand(document: Table, dialect: Callable[[str], Dialect]) -> Table:
    """The profile with everything said that its message definitions say.

    Args:
        document: As written; not changed.
        dialect: Opens the definition file that ``transport.dialect`` names.

    Raises:
        ProfileError: A message or field does not exist, or the profile contradicts the definition.
    """
    frames = document.get("frames") or []
    if not any(isinstance(frame.get("mavlink"), dict) for frame in frames):
        return document
    own = document["transport"].get("dialect")
    given = dialect(str(own)) if own else Dialect("", {})
    messages = given.by_name
    enums: dict[str, str] = {}
    completed = [_frame(frame, messages, enums) for frame in frames]
    channels = {
        name: _with_codes(table, given.enums.get(enums[name]) or enum(enums[name])) if name in enums else table
        for name, table in document["channels"].items()
    }
    return {**document, "channels": channels, "frames": completed}


def _with_codes(table: Table, entries: dict[int, str]) -> Table:
    if table.get("kind") != "code" or table.get("codes") or not entries:
        return table
    return {**table, "codes": {str(number): word for number, word in entries.items()}}


def _frame(frame: Table, messages: dict[str, Message], enums: dict[str, str]) -> Table:
    table = frame.get("mavlink")
    if not isinstance(table, dict) or "message" not in table:
        return frame
    name = str(table["message"])
    if not (_leaves_something(frame) or name in messages):
        return frame
    message = messages.get(name) or known(name)
    fixed = {"crc_extra": message.crc_extra, "size": message.size}
    for key, value in fixed.items():
        if table.get(key) not in (None, value):
            raise profile_error(
                f"frame {frame.get('name')}: {key} of {name} is {value} by its definition, not {table[key]}"
            )
    when = frame.get("when") or {}
    if when.get("id") not in (None, message.id):
        raise profile_error(f"frame {frame.get('name')}: {name} has number {message.id}, not {when['id']}")
    return {
        **_fields(frame, message, enums),
        "when": {**when, "id": message.id},
        "order": "little",
        "mavlink": {**table, **fixed},
    }


def _leaves_something(frame: Table) -> bool:
    return "crc_extra" not in frame["mavlink"] or "size" not in frame["mavlink"] or _uses_members(frame)


def _uses_members(table: Table) -> bool:
    return any(item.get("member") for item in table.get("fields") or []) or any(
        _uses_members(part) for part in table.get("parts") or []
    )


def _fields(table: Table, message: Message, enums: dict[str, str]) -> Table:
    expanded = dict(table)
    if table.get("fields"):
        expanded["fields"] = [
            _field(item, message, enums) if item.get("member") is not None else item for item in table["fields"]
        ]
    if table.get("parts"):
        expanded["parts"] = [_fields(part, message, enums) for part in table["parts"]]
    return expanded


def _field(field: Table, message: Message, enums: dict[str, str]) -> Table:
    match = _MEMBER.fullmatch(str(field["member"]))
    members = {member.name: member for member in message.members}
    member = members.get(match[1]) if match else None
    if match is None or member is None:
        close = get_close_matches(str(field["member"]), members, 3, 0.4)
        raise profile_error(
            f"field {field.get('name')}: {message.name} has no field {field['member']!r}",
            hint=f"nearest: {', '.join(close)}" if close else f"fields: {', '.join(members)}",
        )
    if member.enum:
        enums[str(field["name"])] = member.enum
    element = int(match[2] or 0)
    if match[2] is not None and element >= member.count:
        raise profile_error(f"field {field.get('name')}: {member.name} has {member.count} elements, from 0")
    said: Table = {"type": kind_of(member, whole=match[2] is None), "at": place(message, member, element)}
    code, scale = unit_of(member)
    if "scale" not in field and scale != 1:
        said["scale"] = scale
    if "unit" not in field and code != "1" and not str(field["name"]).startswith("_"):
        said["unit"] = code
    rules = [*(field.get("missing") or []), *missing(member, element, message.name)]
    if rules:
        said["missing"] = rules
    return {**{key: value for key, value in field.items() if key != "missing"}, **said}


def kind_of(member: Member, *, whole: bool) -> str:
    """Field type of a member: texts whole, numeric arrays whole as hexadecimal digits, elements one by one."""
    if member.type == "char":
        return f"text:{member.count or 1}"
    return f"hex:{member.size}" if member.count and whole else member.type


def place(message: Message, member: Member, element: int = 0) -> int:
    """Offset of a member in the payload, in bytes."""
    return message.offsets()[member.name] + element * member.size // (member.count or 1)
