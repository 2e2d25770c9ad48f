"""One line that says why the broker cannot be reached, and what to look at. Names no library: all adapters use it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Final

_CERTIFICATE: Final[dict[int, str]] = {
    # X509_V_ERR_* of OpenSSL, x509_vfy.h.
    9: "its certificate is not valid yet: is this machine's clock right?",
    10: "its certificate has expired: renew it, or set this machine's clock",
    18: "its certificate is self-signed and not the one in ca_file",
    19: "its certificate chain ends in an authority that ca_file does not hold",
    20: "its certificate is from an authority that ca_file does not hold",
    21: "its certificate is from an authority that ca_file does not hold",
    23: "its certificate was revoked",
    62: "its certificate is for another name (TLS name mismatch): use the name in the certificate as host",
    64: "its certificate is for another address (TLS name mismatch): use a name in the certificate as host",
}

_REFUSED_311: Final[dict[int, str]] = {
    # MQTT 3.1.1, table 3.1.
    1: "it does not speak this protocol version: set protocol to the other one",
    2: "it refuses the client id: use the agent id as user and client id",
    3: "it says its service is unavailable",
    4: "wrong user name or password: compare username and password_file with the broker's password file",
    5: "not authorised: the broker does not allow this user: look at its password file and access list",
}

_REASON_5: Final[dict[int, str]] = {
    # MQTT 5, section 3.2.2.2.
    0x84: _REFUSED_311[1],
    0x85: _REFUSED_311[2],
    0x86: _REFUSED_311[4],
    0x87: _REFUSED_311[5],
    0x88: _REFUSED_311[3],
    0x89: "it is busy",
    0x8A: "this client is banned",
    0x8B: "it is shutting down",
    0x8D: "keep-alive time-out: nothing came through for too long",
    0x8E: "session taken over: another process uses the same client id",
    0x95: "a packet was too large for it",
    0x97: "quota exceeded",
    0x9F: "connection rate exceeded",
}

_DISCONNECT: Final[dict[int, str]] = {
    # Codes of our MQTT library for a link that ended.
    7: "the connection was lost",
    16: "keep-alive time-out: nothing came through for too long",
}


def explain(exc: BaseException, *, host: str, port: int, username: str | None = None) -> str:
    """Say in one line why connecting or staying connected failed.

    Args:
        exc: What was raised; its causes are looked at as well.
        host: Broker's name or address as configured.
        port: Broker's port as configured.
        username: User name as configured; shown when the broker refused it.

    Returns:
        One line without a final full stop, e.g. ``broker mqtt.example:8883: wrong user name or password (user f-07)``.
    """
    where = f"broker {host}:{port}"
    for each in _chain(exc):
        text = _one(each, host)
        if text is not None:
            who = f" (user {username})" if username and text in {_REFUSED_311[4], _REFUSED_311[5]} else ""
            return f"{where}: {text}{who}"
    words = " ".join(str(exc).split()) or type(exc).__name__
    return f"{where}: {words}"


def _chain(exc: BaseException) -> Iterator[BaseException]:
    """The error and everything it came from; adapters cut the visible cause, the context is still there."""
    queue: list[BaseException] = [exc]
    seen: set[int] = set()
    while queue:
        each = queue.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            queue.extend(each.exceptions)
        queue.extend(origin for origin in (each.__cause__, each.__context__) if origin is not None)


def _one(exc: BaseException, host: str) -> str | None:  # noqa: PLR0911 - a table of causes reads best flat
    if isinstance(exc, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(exc.verify_code, f"its certificate is not accepted: {exc.verify_message}")
    if isinstance(exc, ssl.SSLError):
        return _tls(exc)
    if isinstance(exc, socket.gaierror):
        return f"the name {host} is not known (DNS): is the name right, is the network up?"
    if isinstance(exc, ConnectionRefusedError):
        return "connection refused: nothing listens there; is the broker running, are host and port right?"
    if isinstance(exc, ConnectionResetError):
        return "the connection was reset: does [broker.tls] fit this port (TLS mostly on 8883)?"
    if isinstance(exc, TimeoutError):
        return "no answer in time: is the network up, does the port want [broker.tls]?"
    if isinstance(exc, OSError) and exc.errno is not None and exc.strerror:
        return exc.strerror[:1].lower() + exc.strerror[1:]
    return _code(exc)


def _tls(exc: ssl.SSLError) -> str:
    reason = (exc.reason or "").upper()
    if reason in {"WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE"}:
        return "it does not speak TLS on this port: remove [broker.tls] or use its TLS port (mostly 8883)"
    if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
        return "it wants a client certificate: set cert_file and key_file"
    if reason in {"TLSV1_ALERT_UNKNOWN_CA", "SSLV3_ALERT_BAD_CERTIFICATE", "TLSV13_ALERT_CERTIFICATE_REQUIRED"}:
        return "it does not accept our client certificate"
    return f"TLS failed: {(exc.reason or str(exc)).lower().replace('_', ' ')}"


def _code(exc: BaseException) -> str | None:
    code = getattr(exc, "rc", None)
    if code is None:
        return (
            "no answer in time: is the network up, does the port want [broker.tls]?"
            if "timed out" in str(exc)
            else None
        )
    number = code if isinstance(code, int) else getattr(code, "value", None)
    if not isinstance(number, int):
        return None
    if not isinstance(code, int):
        # The library turns the five refusals of 3.1.1 into reason codes of 5, so one table answers both.
        return _REASON_5.get(number, str(code).lower() if number else None)
    return _DISCONNECT.get(number) or _REFUSED_311.get(number)
