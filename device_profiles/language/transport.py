"""Transport, framing, checksums, requests, polling and measurement steps."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from device_profiles.language.base import NAME, Byteorder, Exact, Table

TransportKind = Literal[
    "lorawan",
    "modbus-rtu",
    "modbus-tcp",
    "sdi-12",
    "serial",
    "ascii",
    "nmea",
    "ubx",
    "ve.direct",
    "mavlink",
    "iio",
    "hwmon",
    "w1",
    "ble",
    "i2c",
    "pulse",
    "mqtt",
    "meter-ddi",
    "umb",
]
FramingKind = Literal[
    "none",
    "delimiter",
    "stx-etx",
    "length",
    "fixed",
    "shdlc",
    "ubx",
    "mavlink",
    "ve.direct",
    "sdi-12",
    "modbus-rtu",
    "modbus-tcp",
    "nmea",
    "umb",
    "w1",
    "meter-ddi",
    "sensirion-words",
]


class Transport(Table):
    """How the device is reached."""

    EXAMPLE: ClassVar[str] = '[transport]\nkind = "modbus-rtu"\nbaud = 9600\nunit_id = 1'
    kind: TransportKind
    also: list[TransportKind] = Field(default_factory=list, description="Other transports the same frames come over.")
    baud: int | list[int] | None = Field(None, description="Speed; the first is the factory setting. [bit/s]")
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1
    unit_id: int | None = Field(None, ge=0, le=247, description="Factory Modbus address.")
    address_register: int | None = Field(
        None,
        ge=0,
        le=465535,
        description="Modbus holding register that keeps the address, written with function 6; as `numbering` counts.",
    )
    address: str | None = Field(None, description="Factory SDI-12, I2C or bus address.")
    numbering: Literal["0", "1", "40001"] = Field(
        "0", description="How the vendor document counts registers: from 0, from 1, or with the 40001 notation."
    )
    voltage: list[Exact] | None = Field(None, min_length=2, max_length=2, description="Supply. [V]")
    wiring: dict[str, str] = Field(default_factory=dict, description="Wire colour or pin to its meaning.")
    company_id: int | None = Field(None, description="BLE manufacturer id.")
    service: str | None = Field(None, description="BLE service UUID, or kernel driver name for iio, hwmon and w1.")
    dialect: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*\.xml$",
        description="MAVLink: file of message definitions beside the profile, where the public ones do not do.",
    )
    kernel: str | None = Field(None, description="Linux versions the units hold for (iio).")


class LengthField(Table):
    """Where a frame says how long it is."""

    EXAMPLE: ClassVar[str] = 'length = { at = 2, type = "u16", add = 4 }'
    at: int = Field(ge=0, le=64)
    type: Literal["u8", "u16", "u16le"]
    add: int = Field(0, description="Whole frame = the field + this. [bytes]")


class Framing(Table):
    """How a byte stream is cut into frames."""

    EXAMPLE: ClassVar[str] = '[framing]\nkind = "fixed"\nstart = "AAC0"\nsize = 10'
    kind: FramingKind
    start: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2})+$", description="Bytes every frame starts with.")
    end: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2})+$", description="Bytes every frame ends with.")
    size: int | None = Field(None, ge=1, le=4096)
    length: LengthField | None = None
    max_bytes: int = Field(1024, ge=1, le=4096)


class Checksum(Table):
    """The check over a frame. Negative offsets count from the end."""

    EXAMPLE: ClassVar[str] = '[checksum]\nkind = "sum16"\nto = -2\nat = -2'
    kind: str
    start: int = Field(0, alias="from")
    end: int | None = Field(None, alias="to")
    at: int = Field(-1)
    order: Byteorder = "big"
    encoding: Literal["binary", "hex"] = "binary"


class Request(Table):
    """A question to the device."""

    EXAMPLE: ClassVar[str] = '[[requests]]\nname = "data"\nfunction = 3\naddress = 0\ncount = 3\nevery_s = 60'
    name: str = Field(pattern=NAME)
    function: Literal[1, 2, 3, 4] | None = Field(None, description="Modbus function code.")
    address: int | None = Field(None, ge=0, le=465535, description="First register, in the profile's notation.")
    count: int | None = Field(None, ge=1, le=125)
    command: str | None = Field(None, description="SDI-12 command without the address, such as M, MC, C, D0, R0.")
    text: str | None = Field(None, description="ASCII request, with escapes.")
    hex: str | None = Field(None, pattern=r"^([0-9a-fA-F]{2})+$", description="Binary request, checksum included.")
    file: list[str] | None = Field(
        None, description="sysfs attributes to read; hwmon: `temp(LABEL)_input` for the one that is labelled so."
    )
    message: str | None = Field(None, description="MAVLink message to ask for.")
    every_s: Exact | None = Field(None, gt=0, description="How often it makes sense to ask. [s]")
    timeout_s: Exact | None = Field(None, gt=0)
    writes: bool = Field(default=False, description="Changes something in the device.")
    note: str | None = None


class MeasureStep(Table):
    """One step of a measurement, in order."""

    EXAMPLE: ClassVar[str] = '[[steps]]\ndo = "power_on"\nwait_s = 0.25'
    do: Literal["power_on", "initialise", "start", "wait", "read", "stop", "power_off", "write"]
    request: str | None = None
    wait_s: Exact | None = Field(None, ge=0, le=3600)
    writes: bool = False
    note: str | None = None


class Polling(Table):
    """Rules for asking."""

    interval_s: Exact | None = Field(None, gt=0, description="Usual interval. [s]")
    least_s: Exact | None = Field(None, gt=0, description="Asking more often gives nothing new or harms. [s]")
    frame_gap_ms: Exact | None = Field(None, ge=0)
    gap_registers: int | None = Field(None, ge=0, description="Read over gaps of at most this many registers.")
    retries: int | None = Field(None, ge=0, le=10)
