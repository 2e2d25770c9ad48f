"""A deadline that holds for a whole HTTP request, whatever the other side does.

A socket's own time limit begins anew with each byte: a store that trickles one now and then would hold a sender for
ever. Here the connection's socket is shut from outside when the time is over, and its name is looked up beside the
caller.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_LEAST_S: Final = 0.001
_NO_DELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class TimeOver(OSError):
    """The time for the request is over."""


class Deadline:
    """The time of one request after the other, for the connections of one client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends_at = time.monotonic()
        self._number = 0
        self._socket: socket.socket | None = None
        self.over = False

    @property
    def left_s(self) -> float:
        """Time left of the request, never 0. [s]."""
        return max(self._ends_at - time.monotonic(), _LEAST_S)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """A request that ends in time: whatever it waits for fails then, and ``over`` is true."""
        with self._lock:
            self._number += 1
            self.over = False
        self._ends_at = time.monotonic() + seconds
        timer = threading.Timer(seconds, self._cut, (self._number,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def hold(self, connected: socket.socket) -> None:
        """The socket to shut. TLS takes the socket itself away, so a second handle of it is kept."""
        handle = connected.dup()
        with self._lock:
            before, self._socket = self._socket, handle
            if self.over:
                _shut(handle)
        if before is not None:
            before.close()

    def close(self) -> None:
        """Let go of the socket."""
        with self._lock:
            before, self._socket = self._socket, None
        if before is not None:
            before.close()

    def connect(self, host: str, port: int) -> socket.socket:
        """A connection to the first address of a host that takes one.

        Raises:
            OSError: There is no such host, none of its addresses answers, or the time is over.
        """
        error: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in self._addresses(host, port):
            made = socket.socket(family, kind, protocol)
            try:
                made.setsockopt(*_NO_DELAY)
                made.settimeout(self.left_s)
                made.connect(address)
                self.hold(made)
            except OSError as exc:
                made.close()
                error = exc
            else:
                return made
        raise error

    def _addresses(self, host: str, port: int) -> list[Any]:
        found: list[list[Any] | OSError] = []

        def look_up() -> None:
            try:
                found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
            except (OSError, UnicodeError) as exc:
                found.append(exc if isinstance(exc, OSError) else socket.gaierror(socket.EAI_NONAME, str(exc)))

        # The system's look-up cannot be interrupted: one that takes too long is left to end by itself.
        thread = threading.Thread(target=look_up, daemon=True)
        thread.start()
        thread.join(self.left_s)
        if not found:
            raise TimeOver("no answer to the look-up of its name")
        if isinstance(found[0], OSError):
            raise found[0]
        return found[0]

    def _cut(self, number: int) -> None:
        with self._lock:
            if number != self._number:
                return
            self.over = True
            if self._socket is not None:
                _shut(self._socket)


def pools(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools by scheme whose connections keep to a deadline, for a ``PoolManager``."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.connect(self._dns_host, self.port)

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return deadline.connect(self._dns_host, self.port)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


def _shut(handle: socket.socket) -> None:
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
