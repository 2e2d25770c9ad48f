"""A TCP connection (serial server, instrument, relay) as a byte stream."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

from edge_agent.drivers.ports import LinkDown
from edge_agent.drivers.watch import carried

READ_BYTES_MAX: Final = 4096
CONNECT_S_MAX: Final = 10.0
"""How long to wait for an answer. [s]"""
WRITE_S_MAX: Final = 5.0
"""A peer that takes nothing for this long is gone. [s]"""
PROBE_AFTER_S: Final = 30
"""A silent peer is probed after this long, so that a half-open link ends within about a minute. [s]"""


class TcpStream:
    """A client connection.

    Attributes:
        host: Name or address.
        port: Port.
    """

    starts_clean = False

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            LinkDown: Refused, unknown or silent.
        """
        where = f"{self.host}:{self.port}"
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                self._reader, self._writer = await asyncio.open_connection(self.host, self.port, limit=READ_BYTES_MAX)
        except TimeoutError:
            raise LinkDown(f"{where} does not answer") from None
        except socket.gaierror as exc:
            raise LinkDown(f"the name {self.host} is not known") from exc
        except OSError as exc:
            raise LinkDown(f"{where}: {exc.strerror or exc}") from exc
        link = self._writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, PROBE_AFTER_S)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

    async def read(self, timeout_s: float | None) -> bytes | None:
        """The next bytes, seldom none; None when ``timeout_s`` passed without any.

        Raises:
            LinkDown: The peer closed or vanished.
        """
        assert self._reader is not None, "read follows open"
        try:
            async with asyncio.timeout(timeout_s):
                data = await self._reader.read(READ_BYTES_MAX)
        except TimeoutError as exc:
            if isinstance(exc, OSError) and exc.errno is not None:
                raise LinkDown(f"{self.host}:{self.port} vanished") from exc
            return None
        except OSError as exc:
            raise LinkDown(f"{self.host}:{self.port}: {exc.strerror or exc}") from exc
        if not data:
            raise LinkDown(f"{self.host}:{self.port} closed the connection")
        carried(data, sent=False)
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``; returns when the kernel has room for more.

        Raises:
            LinkDown: The peer closed, vanished or takes nothing.
        """
        assert self._writer is not None, "write follows open"
        carried(data, sent=True)
        try:
            async with asyncio.timeout(WRITE_S_MAX):
                self._writer.write(data)
                await self._writer.drain()
        except TimeoutError:
            raise LinkDown(f"{self.host}:{self.port} takes no bytes") from None
        except OSError as exc:
            raise LinkDown(f"{self.host}:{self.port}: {exc.strerror or exc}") from exc

    async def close(self) -> None:
        """Close the connection; never raises."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            writer.close()
