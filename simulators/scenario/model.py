"""What a scenario file may say."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_YEAR_MIN: Final = 1971
_YEAR_MAX: Final = 2199

SENSOR_FAULTS: Final = ("dropout", "stuck", "spike", "drift", "noise", "sentinel", "unit_flip")
BYTE_FAULTS: Final = ("flip", "cut", "duplicate", "reorder", "interleave", "wrong_baud")
CLOCK_FAULTS: Final = ("skew", "step", "unset", "rollover")
LINK_FAULTS: Final = ("outage", "flap", "loss", "latency", "bandwidth", "half_open")
DISK_FAULTS: Final = ("disk_full", "disk_read_only", "disk_slow", "disk_eio")
"""Faults of a process's disk that take a host of its own; see `simulators.host_trouble`."""
PROCESS_FAULTS: Final = ("killed", "paused", "power_cut", "disk_failing", *DISK_FAULTS)
WHERE: Final = {
    **dict.fromkeys((*SENSOR_FAULTS, *BYTE_FAULTS, *CLOCK_FAULTS), "device"),
    **dict.fromkeys(LINK_FAULTS, "link"),
    **dict.fromkeys(PROCESS_FAULTS, "process"),
}
"""By kind of fault, the key that tells where it strikes."""

Kind = Literal[
    "dropout",
    "stuck",
    "spike",
    "drift",
    "noise",
    "sentinel",
    "unit_flip",
    "flip",
    "cut",
    "duplicate",
    "reorder",
    "interleave",
    "wrong_baud",
    "skew",
    "step",
    "unset",
    "rollover",
    "outage",
    "flap",
    "loss",
    "latency",
    "bandwidth",
    "half_open",
    "killed",
    "paused",
    "power_cut",
    "disk_failing",
    "disk_full",
    "disk_read_only",
    "disk_slow",
    "disk_eio",
]


def _seconds(given: object) -> object:
    if not isinstance(given, str):
        return given
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|min|h|d|w)", given.strip())
    if match is None:
        raise ValueError(f"{given!r} is no length of time; write e.g. 30, '90s', '10min', '2h' or '7d'")
    return float(match[1]) * _UNITS_S[match[2]]


Seconds = Annotated[float, BeforeValidator(_seconds), Field(ge=0, allow_inf_nan=False)]
"""A length of time: a number of seconds, or text with a unit."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", examples=['"ridge-1"'])]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Table(BaseModel):
    """A table of the file; unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class WorldTable(Table):
    """``[world]``: the climate; see ``World``."""

    latitude_deg: Annotated[float, Field(ge=-89, le=89)] = 18.52
    longitude_deg: Annotated[float, Field(ge=-180, le=180)] = 73.85
    mean_temperature_c: Finite = 27.0
    season_k: Finite = 4.0
    day_k: Finite = 6.0
    dust_ug_m3: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 35.0
    wetness: Annotated[float, Field(ge=0, le=20)] = 1.0


class DeviceTable(Table):
    """``[[station.device]]``: one device.

    Attributes:
        id: Unique within its station.
        model: Which emulator speaks.
        interval_s: Between two measurements.
        offset_s: Of the first after the start.
        channels: Quantities of the world it senses.
        carrier: Where its bytes go when no agent reads it, in the words of ``simulate replay --to``.
        noise: Standard deviation of a sensor's own noise, by channel, in the channel's unit.
        bus: Name of a line that it shares with others of its station.
        address: On its bus: a Modbus unit, or an SDI-12 address; as from the factory without one.
        poll: How often the agent asks it, in the devices' time; as often as it measures without one.
        also: Further profiles that read the same autopilot's stream.
        place_from: Device of the same station whose positions tell where this one's readings were taken.
    """

    id: Name
    model: str = Field(default="lines", examples=['"lines"'])
    interval_s: Annotated[Seconds, Field(gt=0)] = 60.0
    offset_s: Seconds = 0.0
    channels: tuple[str, ...] = ()
    carrier: str = ""
    noise: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = {}
    bus: Annotated[str, Field(pattern=r"^[a-z0-9-]{0,20}$")] = ""
    address: int | str | None = None
    poll: Annotated[Seconds, Field(gt=0)] | None = None
    also: tuple[str, ...] = ()
    place_from: str = ""


class Waypoint(Table):
    """Where a station that moves is at one moment."""

    at: Seconds
    east_m: Finite
    north_m: Finite
    elevation_m: Finite


class StationTable(Table):
    """``[[station]]``: a place with devices.

    Attributes:
        id: Of the station; with ``count``, ``-01`` and on are added.
        count: So many alike, scattered over ``spread_m``.
        agent: Who reads its devices, if anybody.
        path: Where it flies or drives; it stays where it is without one.
        device: Its devices.
    """

    id: Name
    count: Annotated[int, Field(ge=1, le=5000)] = 1
    spread_m: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    east_m: Finite = 0.0
    north_m: Finite = 0.0
    elevation_m: Finite = 0.0
    agent: str = ""
    path: tuple[Waypoint, ...] = ()
    device: tuple[DeviceTable, ...] = Field(min_length=1)


class AgentTable(Table):
    """``[[agent]]``: a real agent process.

    Attributes:
        id: Agent id.
        link: Its link to the broker; the plain network without one.
        seal_after_s: When a block is sealed at the latest, by the real clock.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,40}$", examples=['"farm-house"'])]
    link: str = ""
    seal_after_s: Annotated[Seconds, Field(gt=0)] = 2.0


class LinkTable(Table):
    """``[[link]]``: how a link is on a good day, by the real clock."""

    id: Name
    latency_s: Seconds = 0.0
    bytes_per_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class FaultTable(Table):
    """``[[fault]]``: what breaks, where and when.

    Attributes:
        kind: What.
        device: ``station/device`` it strikes; ``*`` within is a wildcard.
        channel: Channel of a sensor fault; all without one.
        link: Link it strikes.
        process: ``collector``, ``broker`` or ``agent:ID``; several for a power cut.
        at: When it begins, after the start.
        duration: How long; to the end without one.
        every: Again so long after each begin.
        size: Of it: value units, per hour for a drift, ppm for a skew, seconds for a step, a latency or a write to a
            slow disk, bytes a second for a bandwidth, bytes for a loss.
        share: Part of the samples or frames in its time that it strikes.
    """

    kind: Kind
    device: str = ""
    channel: str = ""
    link: str = ""
    process: str | tuple[str, ...] = ()
    at: Seconds = 0.0
    duration: Seconds | None = None
    every: Annotated[Seconds, Field(gt=0)] | None = None
    size: Finite | None = None
    share: Annotated[float, Field(gt=0, le=1)] = 1.0

    @property
    def processes(self) -> tuple[str, ...]:
        """Every process it strikes."""
        return (self.process,) if isinstance(self.process, str) else self.process


class AssertTable(Table):
    """``[[assert]]``: what must hold at the end.

    Attributes:
        what: A figure by its name, e.g. ``lost``, ``stored``, ``recall.stuck``.
        min: At least.
        max: At most.
        equals: Exactly.
        expect: ``fail`` for a feature that is not built: it speaks up as soon as the assertion holds.
        reason: Why it is expected to fail.
    """

    what: str
    min: Finite | None = None
    max: Finite | None = None
    equals: Finite | None = None
    expect: Literal["hold", "fail"] = "hold"
    reason: str = ""


class Scenario(Table):
    """A whole scenario file.

    Attributes:
        title: For people.
        seed: Decides every value, fault and byte.
        start: When it plays, in the devices' time.
        duration: How long, in the devices' time.
        speed: Devices' time by real time; 0 is as fast as can be.
    """

    title: str = ""
    seed: Annotated[int, Field(ge=0, lt=1 << 63)]
    start: AwareDatetime = Field(examples=["2026-06-01T00:00:00Z"])
    duration: Annotated[Seconds, Field(gt=0)] = Field(examples=['"2h"'])
    speed: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    world: WorldTable = WorldTable()
    station: tuple[StationTable, ...] = Field(min_length=1)
    agent: tuple[AgentTable, ...] = ()
    link: tuple[LinkTable, ...] = ()
    fault: tuple[FaultTable, ...] = ()
    assert_: tuple[AssertTable, ...] = Field(default=(), alias="assert")

    @field_validator("start")
    @classmethod
    def _possible(cls, start: datetime) -> datetime:
        if not _YEAR_MIN <= start.year <= _YEAR_MAX:
            raise ValueError(f"year {start.year} is out of reach; write one between {_YEAR_MIN} and {_YEAR_MAX}")
        return start.astimezone(UTC)

    @property
    def start_ns(self) -> int:
        """UTC Unix time. [ns]."""
        return int(self.start.timestamp()) * 1_000_000_000 + self.start.microsecond * 1000

    @property
    def duration_ns(self) -> int:
        """Of the whole. [ns]."""
        return round(self.duration * 1e9)
