"""Look at a configuration's broker from outside: is the name known, does something listen, does its certificate fit."""

from __future__ import annotations

import socket
import ssl
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from harkara_io.cli_doctor import Finding, Level
from harkara_io.mqtt_errors import explain

CONNECT_S_MAX: Final = 5.0
"""How long to wait for each answer. [s]"""
CERTIFICATE_DAYS_WARN: Final = 30
# MQTT 3.1.1, section 3.1: CONNECT, protocol level 4, clean session, keep-alive 10 s, an empty client id.
_CONNECT: Final = bytes.fromhex("10 0c 00 04 4d515454 04 02 000a 0000")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a configuration says of its broker and folder, read without the package it belongs to.

    Attributes:
        file: The configuration.
        fault: Why it cannot be read; empty when it can.
        folder: Where its data goes.
        host: Broker; empty when none is named.
        port: Its port.
        tls: Its ``tls`` table; None without encryption.
    """

    file: Path
    fault: str
    folder: Path
    host: str
    port: int
    tls: Mapping[str, Any] | None

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read what is there; a broken file gives settings with a fault."""
        here = path.resolve().parent
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
            fault = exc.strerror.lower() if isinstance(exc, OSError) and exc.strerror else str(exc)
            return cls(path, fault, here, "", 0, None)
        broker = _table(document, "broker") or _table(document, "mqtt")
        tls = broker.get("tls")
        tls = tls if isinstance(tls, dict) else None
        data = _table(document, "outbox").get("file") or document.get("data")
        folder = here / str(data) if data else here
        if "outbox" in document:
            folder = folder.parent if data else here
        port = broker.get("port")
        return cls(
            path,
            "",
            folder,
            str(broker.get("host", "")),
            port if isinstance(port, int) else (8883 if tls is not None else 1883),
            tls,
        )

    def findings(self) -> Iterator[Finding]:
        """Whether the file can be read."""
        if self.fault:
            yield Finding(
                "configuration", "broken", f"{self.file}: {self.fault}", "harkara agent run --check says more"
            )
        elif not self.host:
            yield Finding("configuration", "warning", f"{self.file} names no broker", 'set host = "..." in [broker]')
        else:
            yield Finding("configuration", "ok", str(self.file))

    def look_at_broker(self) -> Iterator[Finding]:
        """Resolve, connect, shake hands, and see whether MQTT answers."""
        if not self.host:
            return
        where = f"{self.host}:{self.port}"
        try:
            with socket.create_connection((self.host, self.port), CONNECT_S_MAX) as link:
                if self.tls is None:
                    yield _greet(link, where, "")
                    return
                context = ssl.create_default_context(cafile=self._path("ca_file"))
                certificate = self._path("cert_file")
                if certificate is not None:
                    context.load_cert_chain(certificate, self._path("key_file"))
                with context.wrap_socket(link, server_hostname=self.host) as safe:
                    yield _greet(safe, where, f", {safe.version()}")
                    yield from _certificate(safe, where, time.time())
        except (OSError, ssl.SSLError) as exc:
            yield Finding("broker", "broken", explain(exc, host=self.host, port=self.port))

    def _path(self, key: str) -> str | None:
        value = self.tls.get(key) if self.tls is not None else None
        return str(self.file.resolve().parent / str(value)) if value else None


def _certificate(link: ssl.SSLSocket, where: str, now_s: float) -> Iterator[Finding]:
    """How long the broker's certificate is good for: a station that nobody visits must not find out by itself."""
    expires = (link.getpeercert() or {}).get("notAfter")
    if not isinstance(expires, str):
        return
    days = (ssl.cert_time_to_seconds(expires) - now_s) / 86_400
    level: Level = "ok" if days > CERTIFICATE_DAYS_WARN else "warning"
    mend = "" if level == "ok" else "renew it before then; agents keep their readings meanwhile"
    yield Finding("certificate", level, f"{where}: good for {days:.0f} days, until {expires}", mend)


def _greet(link: socket.socket, where: str, how: str) -> Finding:
    """Send a CONNECT without a name: any CONNACK, also a refusal, shows a broker."""
    link.sendall(_CONNECT)
    answer = link.recv(4)
    if answer[:1] == b"\x20":
        return Finding("broker", "ok", f"{where} speaks MQTT{how}")
    if not answer:
        return Finding("broker", "note", f"{where} listens{how}, and hangs up on a client without a name")
    return Finding("broker", "broken", f"{where} does not speak MQTT", "is the port right?")


def _table(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
