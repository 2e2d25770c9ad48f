"""``collector.toml``: what it may hold, checked whole before anything else is opened."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from collector.sources.ports import BrokerAddress
from collector.stores.config import StoreConfig, read_secret, twice
from harkara_io.errors import ConfigError
from harkara_io.toml_config import load

MB: Final = 1024 * 1024

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsConfig(_Table):
    """TLS towards the broker.

    Attributes:
        ca_file: Authority that signed the broker's certificate; the system's when absent.
        cert_file: Our certificate, where the broker wants one.
        key_file: Its key.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together; give both or none")
        return self


class BrokerConfig(_Table):
    """Where the MQTT broker is and who the collector is to it.

    Attributes:
        host: Name or address.
        port: TCP port; 1883, or 8883 with TLS, when absent.
        protocol: MQTT version. "5" is several times cheaper per message.
        client_id: MQTT client id; two collectors with one id throw each other out.
        username: User.
        password_file: File with the password on its first line; nobody else may read it (mode 0600).
        reconnect_s_max: Longest wait between two attempts to connect. [s]
        tls: Present when the broker wants TLS.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    client_id: Annotated[str, Field(min_length=1, max_length=64)] = "harkara-collector"
    username: str | None = None
    password_file: Path | None = None
    reconnect_s_max: Annotated[float, Field(gt=0, le=3600)] = 30.0
    tls: TlsConfig | None = None

    @model_validator(mode="after")
    def _whose_password(self) -> Self:
        if self.username is None and self.password_file is not None:
            raise ValueError("password_file without username; add username")
        return self


class IntakeConfig(_Table):
    """How messages become committed blocks.

    Attributes:
        group_commit_ms: Longest wait of a message for others to share its fsync. [ms]
        window_kb: Bytes an agent may have on the way without a receipt. [KiB]
        unjournalled_mb: Bytes read from the broker and not yet committed at which reading stops. [MiB]
        refused_retry_after_s: When an agent that is not (or no longer) in the registry may ask again. [s]
    """

    group_commit_ms: Annotated[int, Field(ge=1, le=50)] = 20
    window_kb: Annotated[int, Field(ge=64, le=65_536)] = 256
    unjournalled_mb: Annotated[int, Field(ge=1, le=1024)] = 8
    refused_retry_after_s: Annotated[int, Field(ge=1, le=86_400)] = 300


class JournalConfig(_Table):
    """How long the journal keeps blocks that the lake already holds durably. What the lake lacks is never trimmed.

    Attributes:
        keep_days: Age from which blocks are trimmed. [d]
        keep_mb: Size from which the oldest are trimmed. [MiB]
        cap_mb: Size at which nothing more is taken, should the lake be stuck: the agents keep theirs. [MiB]
    """

    keep_days: Annotated[float, Field(ge=0)] = 7.0
    keep_mb: Annotated[int, Field(ge=1)] = 2048
    cap_mb: Annotated[int, Field(ge=16)] = 8192

    @model_validator(mode="after")
    def _cap_above(self) -> Self:
        if self.cap_mb <= self.keep_mb:
            raise ValueError(f"cap_mb {self.cap_mb} is not above keep_mb {self.keep_mb}; raise cap_mb")
        return self


class QuarantineConfig(_Table):
    """Bytes of bad blocks kept as evidence.

    Attributes:
        keep_mb: Cap; the oldest go first. [MiB]
    """

    keep_mb: Annotated[int, Field(ge=1)] = 64


class LakeConfig(_Table):
    """The lake.

    Attributes:
        memory_limit_mb: What DuckDB may use. [MiB]
        threads: Threads DuckDB may use.
        flush_after_s: Longest time a block waits for its Parquet file. [s]
    """

    memory_limit_mb: Annotated[int, Field(ge=64)] = 192
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    flush_after_s: Annotated[float, Field(gt=0, le=3600)] = 30.0


class WebConfig(_Table):
    """The read-only page.

    Attributes:
        enabled: Serve it.
        host: Address to listen on: loopback only, since the page asks nobody for a password.
        port: TCP port.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080

    @model_validator(mode="after")
    def _loopback(self) -> Self:
        if self.host not in LOOPBACK:
            raise ValueError(f"host {self.host!r} is not loopback; use 127.0.0.1 and a proxy that asks for a password")
        return self


class CollectorConfig(_Table):
    """The whole file.

    Attributes:
        data: Folder of journal, registry and lake; relative to the file.
        log_level: Least important line of the log.
        control_socket: Where other commands reach the running collector; ``collector.sock`` in ``data`` when absent.
        broker: MQTT.
        intake: Group commit and caps.
        journal: Retention.
        quarantine: Evidence.
        lake: Store.
        web: Page.
        store: Stores of others, each fed at its own pace.
    """

    data: Path = Path("data")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    control_socket: Path | None = None
    broker: BrokerConfig = BrokerConfig()
    intake: IntakeConfig = IntakeConfig()
    journal: JournalConfig = JournalConfig()
    quarantine: QuarantineConfig = QuarantineConfig()
    lake: LakeConfig = LakeConfig()
    web: WebConfig = WebConfig()
    store: tuple[StoreConfig, ...] = ()

    @field_validator("store")
    @classmethod
    def _names_differ(cls, stores: tuple[StoreConfig, ...]) -> tuple[StoreConfig, ...]:
        if name := twice(stores):
            raise ValueError(f"two stores are called {name!r}; a name belongs to one")
        return stores

    @property
    def journal_file(self) -> Path:
        """The journal's SQLite file."""
        return self.data / "journal.db"

    @property
    def registry_file(self) -> Path:
        """The registry's SQLite file."""
        return self.data / "registry.db"

    @property
    def lake_folder(self) -> Path:
        """Folder of the lake's catalogue and Parquet files."""
        return self.data / "lake"

    @property
    def stores_folder(self) -> Path:
        """Folder of the stores' offsets and of what they refused."""
        return self.data / "stores"

    @property
    def socket_file(self) -> Path:
        """Control socket of the running collector."""
        return self.control_socket or self.data / "collector.sock"


def load_config(path: Path) -> CollectorConfig:
    """Read ``collector.toml``; relative paths in it become relative to the file.

    Raises:
        ConfigError: Everything that is wrong, each with its line. Nothing but this file was opened.
    """
    config = load(path, CollectorConfig, if_missing="`harkara collector init` writes one, every line explained")
    base = path.resolve().parent
    broker = config.broker
    tls = broker.tls
    if tls is not None:
        tls = tls.model_copy(
            update={name: _under(base, getattr(tls, name)) for name in ("ca_file", "cert_file", "key_file")}
        )
    broker = broker.model_copy(update={"password_file": _under(base, broker.password_file), "tls": tls})
    return config.model_copy(
        update={
            "data": base / config.data,
            "control_socket": _under(base, config.control_socket),
            "broker": broker,
            "store": tuple(store.under(base) for store in config.store),
        }
    )


def broker_address(broker: BrokerConfig) -> BrokerAddress:
    """Read the password and the certificates that the configuration names.

    Raises:
        ConfigError: One of these files is absent, wrong, or readable by others.
    """
    password = (
        None if broker.password_file is None else read_secret(broker.password_file, "broker.password_file", "password")
    )
    return BrokerAddress(
        host=broker.host,
        port=broker.port or (8883 if broker.tls is not None else 1883),
        client_id=broker.client_id,
        username=broker.username,
        password=password,
        tls=None if broker.tls is None else _tls_context(broker.tls),
        version=broker.protocol,
    )


def _under(base: Path, path: Path | None) -> Path | None:
    return None if path is None else base / path


def _tls_context(tls: TlsConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if tls.ca_file is None else str(tls.ca_file))
    except (OSError, ssl.SSLError) as exc:
        raise ConfigError(f"broker.tls.ca_file {tls.ca_file}: {exc.strerror or exc}") from exc
    if tls.cert_file is not None:
        try:
            context.load_cert_chain(tls.cert_file, tls.key_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"broker.tls.cert_file {tls.cert_file}: {exc.strerror or exc}") from exc
    return context
