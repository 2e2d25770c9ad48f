"""The MQTT client as the configuration wants it: clean start, session of no length, will, TLS."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.settings import Config, Tls
from harkara_io.errors import ConfigError

INCOMING_MESSAGES_MAX: Final = 256
"""Receipts waiting to be read. More are dropped: the next sync says the same."""
ANSWER_S_MAX: Final = 15.0
"""How long the broker may take for CONNACK, SUBACK and a goodbye. [s]"""
INFLIGHT_MAX: Final = 100
"""More than the delivery machine's slots, so that the library never holds a PUBLISH back unseen."""

_library_log = logging.getLogger("harkara.agent.mqtt")
_library_log.setLevel(logging.CRITICAL)


def client_factory(config: Config) -> Callable[[aiomqtt.Will], aiomqtt.Client]:
    """Makes clients for this configuration; secrets and certificates are read now.

    Raises:
        ConfigError: A secret or certificate cannot be used.
    """
    broker = config.broker
    password = read_password(broker.password_file) if broker.password_file is not None else None
    context = tls_context(broker.tls) if broker.tls is not None else None
    is_five = broker.protocol == "5"

    def make(will: aiomqtt.Will) -> aiomqtt.Client:
        properties: Properties | None = None
        if is_five:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0
        return aiomqtt.Client(
            broker.host,
            broker.port_used,
            identifier=config.agent,
            username=config.username_used,
            password=password,
            protocol=aiomqtt.ProtocolVersion.V5 if is_five else aiomqtt.ProtocolVersion.V311,
            will=will,
            clean_session=None if is_five else True,
            clean_start=True if is_five else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
            keepalive=broker.keepalive_s,
            timeout=ANSWER_S_MAX,
            max_queued_incoming_messages=INCOMING_MESSAGES_MAX,
            max_inflight_messages=INFLIGHT_MAX,
            tls_context=context,
            logger=_library_log,
        )

    return make


def wrote(client: aiomqtt.Client) -> None:
    """Something was just published: the link is not idle, so no ping is due for another keep-alive.

    The library notes what it wrote only when the socket would take no more, and would ping a link that carries a block
    every minute as often as an idle one. A ping, its answer and their acknowledgement are 200 bytes.
    """
    client._client._last_msg_out = time.monotonic()  # noqa: SLF001 - there is no other way to tell it


def read_password(path: Path) -> str:
    """First line of the password file.

    Raises:
        ConfigError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"password_file {path} cannot be read: {exc}") from exc


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Verify the broker's name and certificate; there is no way to turn that off.

    Raises:
        ConfigError: A file is no certificate or key, or they do not belong together.
    """
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file is not None else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except ssl.SSLError as exc:
        raise ConfigError(
            f"[broker.tls]: a certificate or key cannot be used: {exc.reason or exc}",
            hint="all are PEM files; cert_file and key_file must belong together",
        ) from exc
    except OSError as exc:
        raise ConfigError(f"[broker.tls]: {exc.strerror}: {exc.filename}") from exc
    return context
