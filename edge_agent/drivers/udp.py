"""Datagrams as a byte stream: autopilots and routers send MAVLink to an address, or wait for who calls at theirs."""

from __future__ import annotations

import asyncio
from typing import Final

from edge_agent.drivers.ports import LinkDown

WAITING_MAX: Final = 4096
"""Datagrams that wait to be read; beyond it the oldest give way, as in the kernel."""


class _Inbox(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.datagrams: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)
        self.dropped = 0
        self.sender: tuple[str, int] | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.sender = addr
        if self.datagrams.full():
            self.datagrams.get_nowait()
            self.dropped += 1
        self.datagrams.put_nowait(data)


class UdpInput:
    """Listens at one address.

    Attributes:
        host: Local address; ``0.0.0.0`` for all.
        port: Local port.
    """

    starts_clean = True

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self._inbox: _Inbox | None = None
        self._transport: asyncio.DatagramTransport | None = None

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            LinkDown: Another program listens there, or the address is none of this machine.
        """
        loop = asyncio.get_running_loop()
        try:
            self._transport, self._inbox = await loop.create_datagram_endpoint(
                _Inbox, local_addr=(self.host, self.port)
            )
        except OSError as exc:
            raise LinkDown(f"udp {self.host}:{self.port}: {exc.strerror or exc}") from exc

    async def read(self, timeout_s: float | None) -> bytes | None:
        """All datagrams that have come; None when ``timeout_s`` passed without any."""
        assert self._inbox is not None, "read follows open"
        datagrams = self._inbox.datagrams
        try:
            async with asyncio.timeout(timeout_s):
                parts = [await datagrams.get()]
        except TimeoutError:
            return None
        while not datagrams.empty():
            parts.append(datagrams.get_nowait())
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        """Answer who sent the newest datagram; nobody before the first."""
        if self._transport is not None and self._inbox is not None and self._inbox.sender is not None:
            self._transport.sendto(data, self._inbox.sender)

    async def close(self) -> None:
        """Stop listening; never raises."""
        transport, self._transport, self._inbox = self._transport, None, None
        if transport is not None:
            transport.close()


class UdpOutput(UdpInput):
    """Calls at an address; what comes back from there is read. Somebody there must be spoken to before he answers."""

    async def open(self) -> None:
        """Prepare to speak.

        Raises:
            LinkDown: The name is not known, or there is no way to it.
        """
        loop = asyncio.get_running_loop()
        try:
            self._transport, self._inbox = await loop.create_datagram_endpoint(
                _Inbox, remote_addr=(self.host, self.port)
            )
        except OSError as exc:
            raise LinkDown(f"udp {self.host}:{self.port}: {exc.strerror or exc}") from exc

    async def write(self, data: bytes) -> None:
        """Send one datagram."""
        if self._transport is not None:
            self._transport.sendto(data)
