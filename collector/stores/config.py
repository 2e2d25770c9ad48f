"""``[[store]]`` of ``collector.toml``: a store of others, how it is reached and what readings are called there."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collector.lake.errors import QueryRefused
from collector.lake.instants import parse_instant
from harkara_io.errors import ConfigError

if TYPE_CHECKING:
    from collector.stores.mapping import MappingOptions

DURABLE_AFTER_S: Final = {"influxdb": 0.0, "victoriametrics": 25.0}
"""How long a store must be seen alive after its answer until it would keep what it has through a kill. [s]

InfluxDB answers after its write-ahead log is fsynced. VictoriaMetrics 1.122 holds what came up to 4 s as rows and up to
10 s as parts in memory, 5 s more while such a part is being merged, and writes it then (lib/storage/partition.go).
"""

_INFLUX_ONLY: Final = ("org", "bucket")


class StoreConfig(BaseModel):
    """One store.

    Attributes:
        name: What commands call it; also names its offset and its quarantine.
        kind: What it is.
        url: Where it is.
        org: Organisation, InfluxDB.
        bucket: Bucket, InfluxDB.
        token_file: File with the token on its first line; nobody else may read it (mode 0600).
        ca_file: Authority that signed its certificate; the system's when absent.
        gzip: Compress what is sent.
        timeout_s: For a request and its answer. [s]
        since: What of the past a new store is given: "beginning", "now" or an instant.
        paused: Nothing is sent while this is true.
        measurement: Template of measurements.
        tags: Tags of each line.
        field: Template of fields.
        unit_suffix: Whether a field's name ends in its unit.
        flags: Whether quality flags are written.
        extra_tags: Tags that are the same for all lines.
        precision: Unit of times; the store's own when absent.
        series_max: Series written; readings of more are left out and counted.
        quarantine_mb: Bytes of refused lines kept as evidence. [MiB]
        durable_after_s: How long it must be seen alive until its answer counts; the kind's own when absent. [s]
        health_every_s: How often it is told how agents, stores and the collector do; nought never. [s]
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", examples=['name = "grafana-1"'])]
    kind: Annotated[Literal["influxdb", "victoriametrics"], Field(examples=['kind = "victoriametrics"'])]
    url: Annotated[str, Field(examples=['url = "http://127.0.0.1:8428"'])]
    org: str = ""
    bucket: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    gzip: bool = False
    timeout_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    since: Annotated[str, Field(alias="from")] = "beginning"
    paused: bool = False
    measurement: str = "{kind}"
    tags: tuple[str, ...] = ("site", "device", "height", "depth")
    field: str = "{channel}"
    unit_suffix: bool = True
    flags: bool = True
    extra_tags: dict[str, str] = {}
    precision: Literal["ns", "us", "ms", "s"] | None = None
    series_max: Annotated[int, Field(ge=1, le=100_000_000)] = 1_000_000
    quarantine_mb: Annotated[int, Field(ge=1, le=65_536)] = 64
    durable_after_s: Annotated[float, Field(ge=0, le=3600)] | None = None
    health_every_s: Annotated[float, Field(ge=0, le=86_400)] = 60.0

    @field_validator("since")
    @classmethod
    def _is_instant(cls, text: str) -> str:
        if text not in {"beginning", "now"}:
            try:
                parse_instant(text, 0)
            except QueryRefused as exc:
                raise ValueError(f"{exc}, or beginning") from exc
        return text

    @field_validator("url")
    @classmethod
    def _is_address(cls, text: str) -> str:
        try:
            parts = urlsplit(text)
            known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        except ValueError:
            known = False
        if not known or parts.query or parts.fragment:
            raise ValueError(f"{text!r} is no address of a store; write e.g. http://127.0.0.1:8428")
        if parts.username is not None or parts.password is not None:
            raise ValueError("the address holds a user or a password, which would be shown; use token_file")
        return text

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        given = [name for name in _INFLUX_ONLY if getattr(self, name)]
        if self.kind == "influxdb" and len(given) < len(_INFLUX_ONLY):
            missing = next(name for name in _INFLUX_ONLY if name not in given)
            raise ValueError(f'an InfluxDB needs {missing}; write e.g. {missing} = "harkara"')
        if self.kind == "influxdb" and self.token_file is None:
            raise ValueError("an InfluxDB needs token_file; put the token on the first line of a file, chmod 600")
        if self.kind == "victoriametrics" and given:
            raise ValueError(f"VictoriaMetrics has no {given[0]}; leave it out, or is this an InfluxDB?")
        self.mapping()
        return self

    def mapping(self) -> MappingOptions:
        """What readings are called there.

        Raises:
            ValueError: A template or a tag cannot be used.
        """
        # Only who has stores needs numpy.
        from collector.stores.mapping import MappingOptions  # noqa: PLC0415

        return MappingOptions(
            store=self.kind,
            measurement=self.measurement,
            tags=self.tags,
            field=self.field,
            unit_suffix=self.unit_suffix,
            extra_tags=self.extra_tags,
            precision=self.precision,
            flags=self.flags,
            series_max=self.series_max,
        )

    @property
    def seen_alive_s(self) -> float:
        """How long it must be seen alive until its answer counts. [s]."""
        return DURABLE_AFTER_S[self.kind] if self.durable_after_s is None else self.durable_after_s

    def since_ns(self) -> int | str | None:
        """``from`` as the pump takes it: None for the beginning, "now", or UTC Unix time. [ns]."""
        if self.since in {"beginning", "now"}:
            return None if self.since == "beginning" else "now"
        return parse_instant(self.since, time.time_ns())

    def token(self) -> str:
        """The token; empty without one.

        Raises:
            ConfigError: Its file is absent, empty, or readable by others.
        """
        if self.token_file is None:
            return ""
        return read_secret(self.token_file, f"store {self.name}: token_file", "token")

    def under(self, base: Path) -> StoreConfig:
        """The same with relative paths below a folder."""
        paths = {"token_file": self.token_file, "ca_file": self.ca_file}
        return self.model_copy(update={key: None if path is None else base / path for key, path in paths.items()})


def read_secret(path: Path, where: str, what: str) -> str:
    """First line of a file that nobody else may read.

    Args:
        path: The file.
        where: Key of the configuration that names it.
        what: What the line is.

    Raises:
        ConfigError: It is absent, empty, no text, or readable by others.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigError(f"{where} {path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{where} {path} is not UTF-8 text") from exc
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{where} {path} can be read by others", hint=f"chmod 600 {path}")
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise ConfigError(f"{where} {path} is empty", hint=f"write the {what} on its first line")
    return lines[0]


def twice(stores: tuple[StoreConfig, ...]) -> str:
    """The first name that two of them have; empty when none is."""
    names: set[str] = set()
    for store in stores:
        if store.name in names:
            return store.name
        names.add(store.name)
    return ""
