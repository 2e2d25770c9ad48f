"""The agent's settings as plain values: what ``agent.toml`` says after it was checked.

Apart from the schema that checks them, because that costs 10 MB of memory and a running agent needs only the values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from device_profiles.wire.model import ProfileRef
from edge_agent.settings_devices import Device
from edge_agent.settings_power import Power


@dataclass(frozen=True, slots=True)
class Tls:
    """Encryption of the link to the broker. The table's presence turns it on.

    Attributes:
        ca_file: Authorities to trust (PEM); the system's when left out.
        cert_file: Our certificate (PEM), where the broker asks for one.
        key_file: Its private key (PEM), mode 0600.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
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

    host: str
    port: int | None = None
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: str | None = None
    password_file: Path | None = None
    keepalive_s: int = 120
    reconnect_s_max: float = 60.0
    receipt_timeout_s: float = 10.0
    sync_every_s: float = 600.0
    state_every_s: float = 3600.0
    stop_s: float = 5.0
    tls: Tls | None = None

    @property
    def port_used(self) -> int:
        """The port, or the usual one."""
        return self.port if self.port is not None else (8883 if self.tls is not None else 1883)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """Where accepted readings wait for their receipt.

    Attributes:
        file: SQLite file; made when missing.
        max_bytes: Cap of the file with all its parts; at the cap the oldest give way, with a loss record. [bytes]
        commit_interval_s: Readings are accepted (fsynced) in groups, at least this often. [s]
        commit_readings_max: ... or when this many have gathered.
    """

    file: Path = Path("outbox.db")
    max_bytes: int = 1024 * 1024 * 1024
    commit_interval_s: float = 1.0
    commit_readings_max: int = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A whole ``agent.toml``.

    Attributes:
        agent: Agent id, given at enrolment; also MQTT client id.
        control_socket: Where ``harkara agent status`` asks; ``agent.sock`` beside the outbox when left out.
        log_level: Lowest level of the log on standard error.
        broker: Where blocks go.
        outbox: Where they wait.
        power: Supplies that devices share.
        device: The devices, at least one.
        profiles: What a block of each device names as its profile, by device id: the catalogue's, or the driver's own.
    """

    agent: str
    control_socket: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    broker: Broker
    outbox: Outbox = Outbox()
    power: tuple[Power, ...] = ()
    device: tuple[Device, ...]
    profiles: dict[str, ProfileRef] = field(default_factory=dict)

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
