"""The agent's configuration, ``agent.toml``, checked whole before anything is opened.

Loading checks words, numbers and their combinations; ``Config.check_files`` then looks at the files it names.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from harkara_io import toml_config
from harkara_io.errors import ConfigError, ConfigProblem
from harkara_io.toml_lines import key_lines

AgentId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,40}$")]
"""Never used again for another agent."""
DeviceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
ChannelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]

_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s]+):(\d{1,5})")


class _Table(BaseModel):
    """A table that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=False)


class Tls(_Table):
    """Encryption of the link to the broker. The table's presence turns it on.

    Attributes:
        ca_file: Authorities to trust (PEM); the system's when left out.
        cert_file: Our certificate (PEM), where the broker asks for one.
        key_file: Its private key (PEM), mode 0600.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together; set both or none")
        return self


class Broker(_Table):
    """Where blocks go.

    Attributes:
        host: Name or address. With TLS it must be in the broker's certificate.
        port: 1883, with TLS 8883, when left out.
        protocol: MQTT version.
        username: The agent id when left out and a password is given.
        password_file: File with the password in its first line, mode 0600.
        keepalive_s: How often silence is broken; a lost link is noticed within one and a half of it. [s]
        reconnect_s_max: Ceiling of the jittered back-off between attempts. [s]
        receipt_timeout_s: No receipt for a sent block within this time: ask with a sync; doubles up to 5 min. [s]
        sync_every_s: How often agent and collector compare what they have, even when all is well. [s]
        state_every_s: How often the retained state message is refreshed. [s]
        stop_s: At a stop, how long to go on sending what was sealed last. The rest waits in the outbox. [s]
        tls: Encryption; off when the table is missing.
    """

    host: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^\S+$")]
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    password_file: Path | None = None
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 60
    reconnect_s_max: Annotated[float, Field(ge=0.5, le=3600)] = 60.0
    receipt_timeout_s: Annotated[float, Field(ge=1, le=300)] = 10.0
    sync_every_s: Annotated[float, Field(ge=5, le=86_400)] = 600.0
    state_every_s: Annotated[float, Field(ge=1, le=86_400)] = 3600.0
    stop_s: Annotated[float, Field(ge=0, le=60)] = 5.0
    tls: Tls | None = None

    @property
    def port_used(self) -> int:
        """The port, or the usual one."""
        return self.port if self.port is not None else (8883 if self.tls is not None else 1883)


class Outbox(_Table):
    """Where accepted readings wait for their receipt.

    Attributes:
        file: SQLite file; made when missing.
        max_bytes: Cap of the file with all its parts; at the cap the oldest give way, with a loss record. [bytes]
        commit_interval_s: Readings are accepted (fsynced) in groups, at least this often. [s]
        commit_readings_max: ... or when this many have gathered.
    """

    file: Path = Path("outbox.db")
    max_bytes: Annotated[int, Field(ge=1024 * 1024, le=2**40)] = 1024 * 1024 * 1024
    commit_interval_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0
    commit_readings_max: Annotated[int, Field(ge=1, le=65_536)] = 4096


class ChannelConfig(_Table):
    """One channel of a ``lines`` device.

    Attributes:
        unit: UCUM code of the number as the line gives it, e.g. ``Cel``, ``%``, ``hPa``; ``1`` for none.
        field: Key or column of the line when it is named differently; dots reach into nested objects.
    """

    unit: Annotated[str, StringConstraints(max_length=40, pattern=r"^[\x21-\x7e]*$")] = ""
    field: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None


class _Device(_Table):
    """What all drivers share.

    Attributes:
        id: Unique within the agent; part of every reading's name.
        port: Serial device, e.g. ``/dev/serial/by-id/...`` (stable over restarts) or a pty.
        baud: Serial speed. [1/s]
        tcp: ``host:port`` of a serial server, gpsd-like relay or instrument, instead of ``port``.
        profile: Profile id of the model, carried with every block.
        seal_after_s: A block is sealed this long after its first row, if it is not full before. [s]
        silence_s: Reopen a port that gave no byte for this long; nought never does. [s]
        reconnect_s_max: Ceiling of the jittered back-off between attempts to open. [s]
    """

    id: DeviceId
    port: Path | None = None
    baud: Annotated[int, Field(ge=50, le=4_000_000)] = 9600
    tcp: str | None = None
    profile: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    seal_after_s: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0
    silence_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    reconnect_s_max: Annotated[float, Field(ge=0.2, le=3600)] = 5.0

    @field_validator("tcp")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            match = _ADDRESS.fullmatch(value)
            if match is None or not 1 <= int(match[2]) <= 65535:
                raise ValueError(f"`{value}` is no address; write host:port, e.g. 192.168.1.20:10110")
        return value

    @property
    def tcp_address(self) -> tuple[str, int] | None:
        """Host and port of ``tcp``."""
        match = _ADDRESS.fullmatch(self.tcp) if self.tcp is not None else None
        return (match[1].strip("[]"), int(match[2])) if match is not None else None


class NmeaDevice(_Device):
    """An NMEA 0183 talker: positioning receiver, wind sensor, weather station, echo sounder.

    Attributes:
        driver: Fixed.
        checksum: ``optional`` accepts sentences without one; only for old instruments that never send any.
    """

    driver: Literal["nmea"]
    checksum: Literal["required", "optional"] = "required"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.port is None) == (self.tcp is None):
            raise ValueError(f"device `{self.id}` needs one source; set either port or tcp")
        return self


class LinesDevice(_Device):
    """Anything that writes one reading per line, as JSON or CSV.

    Attributes:
        driver: Fixed.
        command: Program and its arguments; its standard output is read and it is started again when it ends.
        format: ``auto`` takes a line that starts with ``{`` as JSON, any other as CSV.
        separator: Of CSV fields.
        columns: Names of the CSV columns; when left out the first line that holds a word instead of numbers names them.
        time: Key or column with the sensor's own time; a line without it counts at its arrival.
        time_unit: What a number in ``time`` counts since 1970.
        channels: Channels by name; when left out every number of a line is one, with its key as name.
    """

    driver: Literal["lines"]
    command: Annotated[list[Annotated[str, StringConstraints(min_length=1)]], Field(min_length=1)] | None = None
    format: Literal["auto", "json", "csv"] = "auto"
    separator: Literal[",", ";", "\t", " ", "|"] = ","
    columns: Annotated[list[str], Field(min_length=1, max_length=256)] | None = None
    time: str = "time"
    time_unit: Literal["s", "ms", "us", "ns"] = "s"
    channels: Annotated[dict[ChannelName, ChannelConfig], Field(max_length=256)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.port, self.tcp, self.command)) != 1:
            raise ValueError(f"device `{self.id}` needs one source; set one of port, tcp and command")
        fields = [each.field if each.field is not None else name for name, each in self.channels.items()]
        for name in fields:
            if fields.count(name) > 1:
                raise ValueError(f"two channels of device `{self.id}` read the field `{name}`; keep one")
        return self


Device = Annotated[NmeaDevice | LinesDevice, Field(discriminator="driver")]


class Config(_Table):
    """A whole ``agent.toml``.

    Attributes:
        agent: Agent id, given at enrolment; also MQTT client id.
        control_socket: Where ``harkara agent status`` asks; ``agent.sock`` beside the outbox when left out.
        log_level: Lowest level of the log on standard error.
        broker: Where blocks go.
        outbox: Where they wait.
        device: The devices, at least one.
    """

    agent: AgentId
    control_socket: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    broker: Broker
    outbox: Outbox = Outbox()
    device: Annotated[list[Device], Field(min_length=1, max_length=256)]

    @field_validator("device")
    @classmethod
    def _distinct(cls, devices: list[NmeaDevice | LinesDevice]) -> list[NmeaDevice | LinesDevice]:
        for what in ("id", "port", "tcp"):
            seen: set[str] = set()
            for each in devices:
                value = getattr(each, what)
                if value is not None and str(value) in seen:
                    raise ValueError(f"two devices have the {what} `{value}`; each needs its own")
                seen.add(str(value))
        return devices

    @property
    def socket_used(self) -> Path:
        """The control socket, or the usual one."""
        return self.control_socket if self.control_socket is not None else self.outbox.file.with_name("agent.sock")

    @property
    def username_used(self) -> str | None:
        """MQTT user name; None for an anonymous session."""
        if self.broker.username is not None:
            return self.broker.username
        return self.agent if self.broker.password_file is not None else None


def load(path: Path) -> Config:
    """Read ``agent.toml``; paths in it count from its own folder.

    Raises:
        ConfigError: Anything is wrong with it, or with a file it names; says all of it, with lines.
    """
    config = _absolute(toml_config.load(path, Config), path.resolve().parent)
    lines = key_lines(path.read_text(encoding="utf-8"))
    problems = [replace(each, line=lines.get(where)) for where, each in _file_problems(config)]
    if problems:
        raise ConfigError(problems, file=path)
    return config


def read_password(path: Path) -> str:
    """First line of the password file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"password_file {path} cannot be read: {exc}") from exc


def _absolute(config: Config, folder: Path) -> Config:
    tls = config.broker.tls
    if tls is not None:
        names = ("ca_file", "cert_file", "key_file")
        tls = tls.model_copy(update={name: folder / p for name in names if (p := getattr(tls, name)) is not None})
    password = config.broker.password_file
    broker = config.broker.model_copy(
        update={"tls": tls, "password_file": folder / password if password is not None else None}
    )
    outbox = config.outbox.model_copy(update={"file": folder / config.outbox.file})
    control = config.control_socket
    return config.model_copy(
        update={"broker": broker, "outbox": outbox, "control_socket": folder / control if control is not None else None}
    )


def _file_problems(config: Config) -> Iterator[tuple[tuple[str, ...], ConfigProblem]]:
    """Faults of the files that the configuration names, with the key that names them."""
    tls = config.broker.tls or Tls()
    for key, path, is_secret in (
        (("broker", "password_file"), config.broker.password_file, True),
        (("broker", "tls", "ca_file"), tls.ca_file, False),
        (("broker", "tls", "cert_file"), tls.cert_file, False),
        (("broker", "tls", "key_file"), tls.key_file, True),
    ):
        name = ".".join(key)
        if path is None:
            continue
        try:
            mode = path.stat().st_mode
        except OSError as exc:
            yield key, ConfigProblem(f"`{name}`: {path}: {exc.strerror}")
            continue
        if not stat.S_ISREG(mode):
            yield key, ConfigProblem(f"`{name}`: {path} is no file")
        elif is_secret and mode & 0o077:
            what = f"`{name}`: {path} has mode {stat.S_IMODE(mode):04o}: others may read it"
            yield key, ConfigProblem(what, None, f"chmod 600 {path}")
    folder = config.outbox.file.parent
    if not folder.is_dir():
        what = f"`outbox.file`: folder {folder} does not exist"
        yield ("outbox", "file"), ConfigProblem(what, None, f"mkdir -p {folder}")
