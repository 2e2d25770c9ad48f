"""From a store's configuration to the parts that serve it. Nothing is sent by making them."""

from __future__ import annotations

from typing import Final, Protocol

from collector.stores.config import StoreConfig
from collector.stores.http_store import HttpOptions
from collector.stores.influxdb import InfluxDB
from collector.stores.ports import StoreClient
from collector.stores.victoria import VictoriaMetrics
from harkara_io.errors import ConfigError

PULSE_S_MAX: Final = 5.0
"""A sign of life must come within this time, so that a hanging store holds up nothing for long. [s]"""


class Client(StoreClient, Protocol):
    """A store that also says what in its settings is not good for what it is sent."""

    def advice(self) -> list[str]:
        """One line each."""
        ...

    def has(self, line: bytes) -> bool | None:
        """Whether it gives back the first value of a line; None when it cannot be asked."""
        ...


def connect(config: StoreConfig, *, timeout_s: float | None = None) -> Client:
    """A client of the store.

    Args:
        config: The store.
        timeout_s: Of a request; the configuration's when None. [s]

    Raises:
        ConfigError: Its address, its token's file or its authority's file cannot be used.
    """
    token = config.token()
    scheme = "Token" if config.kind == "influxdb" else "Bearer"
    try:
        options = HttpOptions(
            config.url,
            authorization=f"{scheme} {token}" if token else "",
            timeout_s=config.timeout_s if timeout_s is None else min(timeout_s, config.timeout_s),
            gzip=config.gzip,
            ca_file="" if config.ca_file is None else str(config.ca_file),
        )
        if config.kind == "influxdb":
            precision = config.mapping().precision_name
            return InfluxDB(options, org=config.org, bucket=config.bucket, precision=precision)
        return VictoriaMetrics(options)
    except ValueError as exc:
        raise ConfigError(f"store {config.name}: {exc}") from exc
    except OSError as exc:
        raise ConfigError(f"store {config.name}: ca_file {config.ca_file}: {exc.strerror or exc}") from exc
