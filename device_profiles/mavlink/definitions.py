"""What a MAVLink message definition fixes: the order on the wire, the sizes, and the seed of the checksum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from device_profiles.checksums import crc16_mcrf4xx

MAX_PAYLOAD_BYTES: Final = 255
SIZES: Final = {
    "u64": 8,
    "i64": 8,
    "f64": 8,
    "u32": 4,
    "i32": 4,
    "f32": 4,
    "u16": 2,
    "i16": 2,
    "u8": 1,
    "i8": 1,
    "char": 1,
}
"""Bytes of each type."""
_C_NAMES: Final = {
    "u64": "uint64_t",
    "i64": "int64_t",
    "f64": "double",
    "u32": "uint32_t",
    "i32": "int32_t",
    "f32": "float",
    "u16": "uint16_t",
    "i16": "int16_t",
    "u8": "uint8_t",
    "i8": "int8_t",
    "char": "char",
}
TYPES: Final = {name: word for word, name in _C_NAMES.items()} | {"uint8_t_mavlink_version": "u8"}
"""Type names of the definitions to the words used here."""


@dataclass(frozen=True, slots=True)
class Member:
    """One field of a message.

    Attributes:
        name: As defined.
        type: ``u8 … f64``, or ``char``.
        count: Elements of an array; 0 for a single value.
        unit: As defined, e.g. ``cdegC``; empty when it has none.
        invalid: What the definition gives for "no value", as written.
        enum: Name of the enumeration its numbers come from, or empty.
        extension: Added after the message was fixed: behind all others, and not part of the checksum's seed.
        instance: Tells several devices of one kind apart.
    """

    name: str
    type: str
    count: int = 0
    unit: str = ""
    invalid: str = ""
    enum: str = ""
    extension: bool = False
    instance: bool = False

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return SIZES[self.type] * (self.count or 1)


@dataclass(frozen=True, slots=True)
class Message:
    """One message, its fields in the order of the wire.

    Attributes:
        id: Number.
        name: As defined, e.g. ``GLOBAL_POSITION_INT``.
        crc_extra: Seed of the checksum.
        members: In the order of the wire.
    """

    id: int
    name: str
    crc_extra: int
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Bytes of the payload with all extensions."""
        return sum(member.size for member in self.members)

    def offsets(self) -> dict[str, int]:
        """Where each field begins, in bytes."""
        at = 0
        found = {}
        for member in self.members:
            found[member.name] = at
            at += member.size
        return found


@dataclass(frozen=True, slots=True)
class Dialect:
    """A set of messages.

    Attributes:
        name: Of the file.
        messages: By number.
        enums: Enumeration to number to short word.
        by_name: Messages by name.
    """

    name: str
    messages: dict[int, Message]
    enums: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, Message]:
        """Messages by name."""
        return {message.name: message for message in self.messages.values()}


def message(number: int, name: str, defined: Iterable[Member]) -> Message:
    """A message from its fields in the order of the definition.

    On the wire the largest types come first, equal ones as defined, extensions last as defined.

    Raises:
        ValueError: It is longer than a frame can carry.
    """
    listed = list(defined)
    plain = [member for member in listed if not member.extension]
    ordered = sorted(plain, key=lambda member: -SIZES[member.type])
    whole = Message(
        number, name, crc_extra(name, ordered), (*ordered, *(member for member in listed if member.extension))
    )
    if whole.size > MAX_PAYLOAD_BYTES:
        raise ValueError(f"message {name} has {whole.size} bytes; a frame carries {MAX_PAYLOAD_BYTES}")
    return whole


def crc_extra(name: str, members: Iterable[Member]) -> int:
    """Seed that makes two definitions of one message fail each other's checksum.

    Args:
        name: Of the message.
        members: Without extensions, in the order of the wire.
    """
    seed = bytearray(f"{name} ".encode("ascii"))
    for member in members:
        seed += f"{_C_NAMES[member.type]} {member.name} ".encode("ascii")
        if member.count:
            seed.append(member.count)
    crc = crc16_mcrf4xx(bytes(seed))
    return (crc & 0xFF) ^ (crc >> 8)
