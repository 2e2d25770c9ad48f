"""A whole profile: the schema of a model's file."""
# ruff: noqa: E501 - a key's description is one text, shown by editors

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from device_profiles.language.base import NAME, Byteorder, Exact, Labels, Table
from device_profiles.language.channels import ChannelTable, ParameterTable
from device_profiles.language.frames import FrameTable, Match
from device_profiles.language.transport import Checksum, Framing, MeasureStep, Polling, Request, Transport


class Document(Table):
    """What the profile was written from."""

    EXAMPLE: ClassVar[str] = (
        '[[documents]]\ntitle = "SCD30 Interface Description"\nrevision = "1.0, May 2020"\npage = "7"'
    )
    title: str = Field(min_length=4)
    url: str | None = None
    page: str | None = Field(None, description="Page, section or table.")
    revision: str | None = None
    kind: Literal["vendor", "published", "standard"] = Field(
        "vendor", description="published: the vendor's text as others published it."
    )


class Variant(Table):
    """A revision with another map, and how to tell."""

    EXAMPLE: ClassVar[str] = (
        '[[variants]]\nname = "npk-1e"\nprobe = { request = "npk", match = [{ at = 1, hex = "03" }] }'
    )
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    note: str | None = None
    probe: Probe | None = None


class Probe(Table):
    """A request whose answer tells a model or a variant."""

    EXAMPLE: ClassVar[str] = 'probe = { request = "who", match = [{ at = 0, hex = "0103" }] }'
    request: str
    match: list[Match] = Field(default_factory=list)
    length: int | list[int] | None = None


class ExpectFlag(Table):
    """A reading that must be missing, failed or suspect."""

    EXAMPLE: ClassVar[str] = '{ flag = 9, reason = "no_sensor" }'
    value: Exact | None = None
    flag: Literal[1, 2, 3, 4, 9] = 9
    reason: str | None = None


Expected = Exact | str | ExpectFlag


class TestVector(Table):
    """Bytes and what they must decode to. Give `expect`, `rows` or `reject`."""

    EXAMPLE: ClassVar[str] = (
        '[[tests]]\nhex = "FE04020190ACD8"\nexpect = { co2 = 400 }\nsource = "vendor manual, page 3"'
    )
    name: str | None = None
    hex: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2}\s*)+$")
    text: str | None = None
    registers: list[int] | None = None
    port: int | None = None
    request: str | None = None
    variant: str | None = None
    parameters: dict[str, Exact | str] = Field(default_factory=dict)
    expect: dict[str, Expected] | None = Field(
        None, description="Channel to value. Equal within half the channel's resolution."
    )
    rows: list[dict[str, Expected]] | None = Field(
        None, description="One table a row; `at` is the row's time as ISO text, `age_s` its age."
    )
    absent: list[str] = Field(default_factory=list, description="Channels the frame must not give.")
    reject: str | None = Field(None, description="Reason the frame must be rejected with.")
    source: str = Field(description="Where the bytes are printed, or how they were derived.", min_length=3)


class ProfileFile(Table):
    """A device model."""

    EXAMPLE: ClassVar[str] = (
        'language = 1\nvendor = "Sensirion"\nmodel = "SCD30"\nversion = 1\ntitle = { en = "CO2, temperature and humidity sensor" }'
    )
    language: Literal[1] = Field(description="Version of this language.")
    vendor: str = Field(min_length=2)
    model: str = Field(min_length=1)
    version: int = Field(ge=1, description="Of this profile; raise it when decoded numbers change.")
    title: Labels
    domains: list[
        Literal["air", "weather", "soil", "water", "crop", "energy", "position", "drone", "building", "device"]
    ] = Field(default_factory=list)
    revisions: list[str] = Field(default_factory=list, description="Hardware and firmware the map holds for.")
    documents: list[Document] = Field(min_length=1)
    codec: Literal["nmea"] | None = Field(None, description="A protocol of many sentences that has its own codec.")
    order: Byteorder = "big"
    transport: Transport
    framing: Framing | None = None
    checksum: Checksum | None = None
    polling: Polling | None = None
    requests: list[Request] = Field(default_factory=list)
    steps: list[MeasureStep] = Field(default_factory=list)
    identity: Probe | None = Field(
        None, description="An answer that every device of the model gives; any other answer is another model's."
    )
    variants: list[Variant] = Field(default_factory=list)
    parameters: dict[str, ParameterTable] = Field(default_factory=dict)
    channels: dict[str, ChannelTable] = Field(min_length=1)
    frames: list[FrameTable] = Field(default_factory=list)
    tests: list[TestVector] = Field(default_factory=list)
    note: str | None = None


Variant.model_rebuild()
ProfileFile.model_rebuild()


def json_schema() -> dict[str, Any]:
    """The schema for editors, as JSON Schema 2020-12."""
    return ProfileFile.model_json_schema(by_alias=True)


__all__ = ["NAME", "Document", "ExpectFlag", "ProfileFile", "TestVector", "json_schema"]
