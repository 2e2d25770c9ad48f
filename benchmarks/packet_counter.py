"""Counts what really crosses a TCP port of loopback: every packet with its headers, as the kernel made it.

Loopback frames carry a made-up Ethernet header of 14 bytes, which is not counted: what is counted is what a mobile
network bills, the IP packet.
"""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

_ETHERNET: Final = 14
_ETH_P_ALL: Final = 0x0003
_TCP: Final = 6
_OUTGOING: Final = 4


class NotPermitted(Exception):
    """This user may not look at packets; run it as root."""


@dataclass(slots=True)
class Traffic:
    """What crossed so far.

    Attributes:
        packets: IP packets.
        ip_bytes: Their bytes, IP header on. [B]
        payload_bytes: TCP payload among them. [B]
    """

    packets: int = 0
    ip_bytes: int = 0
    payload_bytes: int = 0

    @property
    def header_bytes(self) -> int:
        """IP and TCP headers, those of empty acknowledgements too. [B]."""
        return self.ip_bytes - self.payload_bytes

    def since(self, earlier: Traffic) -> Traffic:
        """What came after ``earlier`` was taken."""
        return Traffic(
            self.packets - earlier.packets,
            self.ip_bytes - earlier.ip_bytes,
            self.payload_bytes - earlier.payload_bytes,
        )

    def copy(self) -> Traffic:
        """As it is now."""
        return Traffic(self.packets, self.ip_bytes, self.payload_bytes)


@dataclass(slots=True)
class PacketCounter:
    """Counts both directions of all connections to a port.

    Attributes:
        port: The server's TCP port.
        up: From clients to the server.
        down: From the server.
    """

    port: int
    up: Traffic = field(default_factory=Traffic)
    down: Traffic = field(default_factory=Traffic)
    _socket: socket.socket = field(init=False)
    _thread: threading.Thread = field(init=False)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Begin.

        Raises:
            NotPermitted: It needs the right to open packet sockets.
        """
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        except PermissionError as exc:
            raise NotPermitted("counting packets needs root (CAP_NET_RAW)") from exc
        self._socket.bind(("lo", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._socket.settimeout(0.2)
        self._thread = threading.Thread(target=self._count, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _count(self) -> None:
        while not self._stop.is_set():
            try:
                frame, address = self._socket.recvfrom(96)
            except TimeoutError:
                continue
            # Loopback shows each packet twice, going out and coming in.
            if address[2] != _OUTGOING or len(frame) < _ETHERNET + 40:
                continue
            self._take(frame[_ETHERNET:])

    def _take(self, packet: bytes) -> None:
        if packet[0] >> 4 != 4 or packet[9] != _TCP:
            return
        header = (packet[0] & 15) * 4
        (length,) = struct.unpack_from(">H", packet, 2)
        source, target = struct.unpack_from(">HH", packet, header)
        tcp_header = (packet[header + 12] >> 4) * 4
        if source == self.port:
            direction = self.down
        elif target == self.port:
            direction = self.up
        else:
            return
        direction.packets += 1
        direction.ip_bytes += length
        direction.payload_bytes += length - header - tcp_header
