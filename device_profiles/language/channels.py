"""Channels: what a device measures; transforms from the number on the wire to the value; deployment parameters."""
# ruff: noqa: E501 - a key's description is one text, shown by editors

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from device_profiles.language.base import NAME, Exact, Labels, Table

Coefficient = Exact | str


class Loop(Table):
    """A 4-20 mA loop: input in mA; outside 3.6 to 21 mA (NAMUR NE 43) the reading is missing."""

    EXAMPLE: ClassVar[str] = 'transform = [{ loop = { low = 0, high = "param.full_scale" } }]'
    low: Coefficient
    high: Coefficient


class Choose(Table):
    """Steps by the value of a choice parameter."""

    parameter: str
    cases: dict[str, list[Step]]


class Step(Table):
    """One step of a transform. Exactly one key (besides `outside`)."""

    EXAMPLE: ClassVar[str] = "transform = [{ affine = [0.0003879, -0.6956] }]"
    affine: list[Coefficient] | None = Field(
        None, min_length=2, max_length=2, description="[a, b]: a·x + b. A text is an expression over param.…"
    )
    polynomial: list[Coefficient] | None = Field(
        None, min_length=2, max_length=12, description="[c0, c1, c2 …]: c0 + c1·x + c2·x² …"
    )
    table: list[list[Exact]] | None = Field(
        None, min_length=2, max_length=256, description="[[x, y] …] with rising x, straight lines between."
    )
    formula: str | None = Field(None, description="Expression of x and param.…")
    loop: Loop | None = None
    choose: Choose | None = None


class Counter(Table):
    """A value that only rises, until it rolls over or is reset."""

    EXAMPLE: ClassVar[str] = "counter = { modulus = 65536, step = 0.2 }"
    modulus: int | None = Field(None, ge=2, description="Rolls over at this many counts.")
    step: Coefficient = Field(
        default=Decimal(1),
        validate_default=False,
        description="Quantity of one count in the channel's unit (bucket tip, pulse). A text names a parameter.",
    )
    interval: bool = Field(default=False, description="Counts since the last message rather than since the start.")


class ChannelTable(Table):
    """One measured quantity. What is not said here comes from the quantity of the same name."""

    EXAMPLE: ClassVar[str] = (
        '[channels]\nair_temperature = { range = [-40, 80], resolution = 0.1 }\nprobe_temperature = { quantity = "soil_temperature" }'
    )
    quantity: str | None = Field(
        None,
        description="Word of the quantity list that gives unit, CF name, labels, limits, privacy class. Default: the channel's own name.",
    )
    unit: str | None = Field(None, description="UCUM code of the value.")
    raw_unit: str | None = Field(
        None,
        description="UCUM code of the number on the wire; default the value's unit, or 1 when there is a transform.",
    )
    kind: Literal["number", "code", "counter", "text", "flags"] = "number"
    label: Labels | None = None
    cf: str | None = Field(None, description="CF standard name.")
    resolution: Exact | None = Field(None, description="Smallest step of the value.")
    range: list[Exact] | None = Field(None, min_length=2, max_length=2, description="What the sensor can measure.")
    climatology: list[Exact] | None = Field(
        None,
        min_length=2,
        max_length=2,
        description="What is plausible anywhere, where the quantity's limits do not fit.",
    )
    privacy: Literal["P0", "P1", "P2", "P3", "P4"] | None = None
    purpose: str | None = Field(None, description="Why a channel of class P2 or above is collected.")
    codes: dict[str, str] | None = Field(None, description="Meaning of each number of a code.")
    source: str | None = Field(
        None, alias="from", pattern=NAME, description="Channel it is computed from; default the field of its own name."
    )
    transform: list[Step] = Field(
        default_factory=list, description="From the number on the wire to the value, applied in order."
    )
    derived: str | None = Field(None, description="Expression over other channels' values and param.…")
    counter: Counter | None = None
    height: Exact | None = Field(None, description="Where the model has the sensor, above its foot or the ground. [m]")
    depth: Exact | None = Field(
        None, description="Where the model has the sensor, below the ground or the surface. [m]"
    )
    evidence: Literal["high", "low"] = Field(
        "high",
        description="low: a number the sensor gives but does not really measure, never flagged good without calibration.",
    )
    note: str | None = None


class ParameterTable(Table):
    """Something known only where the device stands. Values are dated: each holds from its valid-from."""

    EXAMPLE: ClassVar[str] = (
        '[parameters]\nsensor_height = { unit = "m", default = 2.0 }\nsoil_type = { choices = ["mineral", "soilless"], default = "mineral" }'
    )
    unit: str | None = None
    choices: list[str] | None = None
    default: Exact | str | None = Field(
        None, description="Without one, the channels that need it are missing until it is given."
    )
    range: list[Exact] | None = Field(None, min_length=2, max_length=2)
    label: Labels | None = None
    per_serial: bool = Field(
        default=False, description="From the calibration sheet of one unit, with certificate and date."
    )
    note: str | None = None


Choose.model_rebuild()
Step.model_rebuild()
