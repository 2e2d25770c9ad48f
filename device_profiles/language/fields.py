"""Fields: one value read from a frame."""
# ruff: noqa: E501 - a key's description is one text, shown by editors

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from device_profiles.language.base import FIELD_NAME, NAME, Byteorder, Exact, FlagWord, Reason, Table

TimeKind = Literal["unix_s", "unix_ms", "unix_us", "age_s", "age_min", "age_ms", "epoch2000_s", "epoch2015_s", "gps_s"]


class MissingRule(Table):
    """When a field's number is not a measurement. Numbers are compared as read, before ``add`` and ``scale``."""

    EXAMPLE: ClassVar[str] = (
        'missing = [0x7FFF, { above = 1999, reason = "saturated", flag = "suspect" }, { if = "_status != 0", reason = "sensor_error" }]'
    )
    value: Exact | str | None = Field(None, description="The field equals this.")
    values: list[Exact | str] | None = Field(None, description="The field equals one of these.")
    below: Exact | None = Field(None, description="The field is less than this.")
    above: Exact | None = Field(None, description="The field is greater than this.")
    condition: str | None = Field(None, alias="if", description="An expression over this frame's fields is true.")
    reason: Reason = Field("invalid", description="A word of the closed list of reasons.")
    flag: FlagWord = Field("missing", description="missing and fail give no number; suspect keeps it.")


class FieldTable(Table):
    """One value of a frame. A name that starts with ``_`` is internal; any other is the channel it feeds."""

    EXAMPLE: ClassVar[str] = '{ name = "air_temperature", type = "i16", scale = 0.1, missing = [0x7FFF] }'
    name: str = Field(
        pattern=FIELD_NAME, description="Channel, or internal name with leading underscore. {i} counts in a repetition."
    )
    type: str | None = Field(
        None,
        description="u8 i8 … u64 i64 (also 24, 40, 48 bits), f32 f64, sm16 (sign and magnitude), bcd:N, text:N, hex:N, dotted:N, digits:N "
        "(ASCII decimal), hexdigits:N (ASCII hexadecimal), skip:N. In text frames: number (default), int, hex, text, ddmm.",
    )
    order: Byteorder | None = Field(None, description="Byte order, where it differs from the profile's.")
    at: int | None = Field(
        None,
        ge=0,
        le=4096,
        description="Offset from the start of the payload or repetition; else after the field before. [bytes]",
    )
    reg: int | None = Field(None, ge=0, le=465535, description="Modbus register, in the profile's address notation.")
    member: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9_]*(\[[0-9]{1,3}\])?$",
        description="MAVLink: field of the message definition, which gives type, offset, scale, unit and sentinels.",
    )
    of: str | None = Field(None, pattern=NAME, description="Take bits of this earlier integer field.")
    bits: int | str | None = Field(
        None, description='Bit number, or "high..low", of the field in `of`. Bit 0 is the least significant.'
    )
    signed: bool = Field(default=False, description="The bits are a two's complement number.")
    value: str | None = Field(None, description="Computed by an expression over fields read before.")
    column: int | None = Field(None, ge=0, le=511, description="Text columns: number of the column, from 0.")
    key: str | None = Field(None, min_length=1, description="Text pairs: the key before the value.")
    suffix: dict[str, str] | None = Field(
        None, description="Text after the number to the UCUM unit it means; any other suffix is missing."
    )
    words: dict[str, int] | None = Field(None, description="Text to the number it stands for.")
    sign_from: str | None = Field(
        None, pattern=NAME, description="Multiply by this earlier field (1 or -1), as in N and S."
    )
    add: int = Field(0, description="Added to the integer before scaling.")
    scale: Exact | None = Field(None, description="Multiplier. A power of ten stays exact on the wire.")
    offset: Exact | None = Field(None, description="Added after scaling.")
    divide: int | None = Field(None, ge=2, description="Divisor, for scales that are no finite decimal such as 1/3.")
    exponent_from: str | None = Field(
        None, pattern=NAME, description="Earlier field that holds the power of ten (scale-factor register)."
    )
    unit: str | None = Field(None, description="UCUM unit of the number as sent, where it is not the channel's.")
    unit_from: str | None = Field(None, pattern=NAME, description="Earlier field that holds a unit's code.")
    units: dict[str, str] | None = Field(None, description="Unit codes of `unit_from` to UCUM units.")
    missing: list[Exact | str | MissingRule] = Field(
        default_factory=list, description="Values and conditions that are no measurement."
    )
    equals: Exact | str | list[Exact | str] | None = Field(
        None, description="What the field must be; otherwise the frame is another model's."
    )
    time: TimeKind | None = Field(None, description="The field is the row's time or age.")
    note: str | None = Field(None, description="For people.")
