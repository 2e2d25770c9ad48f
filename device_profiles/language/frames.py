"""Frames: which bytes they are, and their parts: plain, conditional, repeated, or chosen by a tag."""
# ruff: noqa: E501 - a key's description is one text, shown by editors

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from device_profiles.language.base import NAME, Byteorder, Table
from device_profiles.language.fields import FieldTable

TagType = Literal["u8", "u16", "u24", "u32", "u16le"]


class Match(Table):
    """Bytes a frame must have at an offset."""

    EXAMPLE: ClassVar[str] = '{ at = 0, hex = "AAC0" }'
    at: int = Field(0, ge=-64, le=4096, description="Offset; negative counts from the end. [bytes]")
    hex: str = Field(pattern=r"^([0-9a-fA-F]{2})+$")
    mask: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2})+$", description="Only these bits are compared.")


class When(Table):
    """Selects a frame. All that is given must hold; the first frame of the file that fits is taken."""

    EXAMPLE: ClassVar[str] = "when = { port = 2, length = 11 }"
    port: int | list[int] | None = Field(None, description="LoRaWAN FPort.")
    id: int | list[int] | None = Field(
        None, description="Message number: UBX class*256+id, MAVLink message id, UMB command, NMEA none."
    )
    length: int | list[int] | None = Field(None, description="Payload length, or [least, most]. [bytes]")
    match: list[Match] = Field(default_factory=list)
    starts: str | None = Field(None, description="Text the frame starts with.")
    contains: str | None = Field(None, description="Text the frame contains.")
    columns: int | list[int] | None = Field(None, description="Number of text columns or numbers, or [least, most].")


class Text(Table):
    """How a text frame is split."""

    EXAMPLE: ClassVar[str] = 'text = { kind = "pairs", separator = ",", assign = "=" }'
    kind: Literal["columns", "pairs", "numbers", "hex"] = Field(
        description="columns: by separator. pairs: key, assign, value. numbers: packed signed numbers (+1.2-3). hex: hexadecimal digits, read as a binary frame."
    )
    separator: str = Field(
        ",", min_length=0, max_length=4, description="Between columns or pairs; empty means any white space."
    )
    assign: str = Field("=", max_length=4, description="Between key and value; empty means white space.")
    strip: str = Field("", description="Taken off the start of the frame.")
    strip_end: str = Field("", description="Taken off the end of the frame.")


class Case(Table):
    """What follows one tag."""

    EXAMPLE: ClassVar[str] = (
        '{ tag = 0x0367, fields = [{ name = "air_temperature", type = "i16", order = "little", scale = 0.1 }] }'
    )
    tag: int | list[int]
    fields: list[FieldTable] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)
    rows: bool = Field(default=False, description="Each occurrence is a row with its own time.")
    note: str | None = None


class Part(Table):
    """A stretch of a frame."""

    EXAMPLE: ClassVar[str] = (
        '[[frames.parts]]\nif = "_flags & 1"\nfields = [{ name = "battery_voltage", type = "u16", scale = 0.001 }]'
    )
    condition: str | None = Field(
        None, alias="if", description="Expression over fields read before; the part is skipped when it is false."
    )
    repeat: int | str | None = Field(
        None, description='Number of repetitions: a number, an expression, or "rest" for as many as the frame holds.'
    )
    max: int = Field(64, ge=1, le=256, description="Most repetitions.")
    first: int = Field(1, ge=0, description="What {i} starts at.")
    rows: bool = Field(default=False, description="Each repetition is a row of its own.")
    age_s: str | None = Field(
        None, description="Age of the repetition's row as an expression; `index` counts from 0. [s]"
    )
    fields: list[FieldTable] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)
    tag: TagType | None = Field(None, description="The part is tag, value, tag, value … to the end of the frame.")
    length: Literal["u8", "u16"] | None = Field(None, description="After each tag stands the length of its value.")
    cases: list[Case] = Field(default_factory=list)
    unknown: Literal["stop", "reject", "skip"] = Field(
        "stop", description="At an unknown tag: keep what was read, reject, or skip by length."
    )


class Mavlink(Table):
    """What a MAVLink message definition fixes besides its fields."""

    EXAMPLE: ClassVar[str] = 'mavlink = { message = "SCALED_PRESSURE" }'
    message: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    crc_extra: int | None = Field(
        None, ge=0, le=255, description="Seed of the checksum. Default: what the message definition says."
    )
    size: int | None = Field(
        None,
        ge=0,
        le=255,
        description="Payload with extensions; MAVLink 2 leaves trailing zeros out. Default: what the message definition says. [bytes]",
    )


class FrameTable(Table):
    """One kind of frame. Whatever fits `when` is read by `fields`, then by `parts` in order."""

    EXAMPLE: ClassVar[str] = (
        '[[frames]]\nname = "uplink"\nwhen = { port = 2, length = 11 }\nfields = [{ name = "battery_voltage", type = "u16", scale = 0.001 }]'
    )
    name: str = Field(pattern=NAME)
    request: str | None = Field(None, description="The request it answers.")
    variants: list[str] | None = Field(None, description="Only in these variants.")
    when: When = Field(default_factory=When)
    text: Text | None = None
    mavlink: Mavlink | None = None
    order: Byteorder | None = None
    fields: list[FieldTable] = Field(default_factory=list)
    parts: list[Part] = Field(default_factory=list)
    ignore: bool = Field(default=False, description="The frame is known and carries no readings.")
    note: str | None = None


Case.model_rebuild()
Part.model_rebuild()
