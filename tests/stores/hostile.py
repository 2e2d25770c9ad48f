"""A store of the tests' own on a real socket, that answers whatever a test wants, well or badly."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def lines(self) -> list[bytes]:
        data = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        return data.splitlines()


class Behaviour(Protocol):
    def __call__(self, server: HostileStore, peer: socket.socket, request: Request) -> bool:
        """Answer; whether the connection goes on."""


@dataclass
class HostileStore:
    """Behaves as `behaviour` says; answers 204 until a test says otherwise."""

    address: str = ""
    behaviour: Behaviour = field(default_factory=lambda: answering(204))
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    let_go: list[bool] = field(default_factory=list)
    leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def written(self) -> list[bytes]:
        return [line for request in self.requests for line in request.lines]


def answering(status: int, body: bytes | str = b"", **headers: str) -> Behaviour:
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    if status != 204:
        lines.append(f"Content-Length: {len(data)}")
    head = "\r\n".join([*lines, "", ""]).encode()

    def answer(server: HostileStore, peer: socket.socket, request: Request) -> bool:
        peer.sendall(head + data)
        return True

    return answer


def saying(data: bytes) -> Behaviour:
    """These bytes and no more."""

    def say(server: HostileStore, peer: socket.socket, request: Request) -> bool:
        peer.sendall(data)
        return False

    return say


def by_lines(judge: Callable[[list[bytes]], Behaviour]) -> Behaviour:
    """What it does depends on the lines."""

    def answer(server: HostileStore, peer: socket.socket, request: Request) -> bool:
        return judge(request.lines)(server, peer, request)

    return answer


def hang(server: HostileStore, peer: socket.socket, request: Request) -> bool:
    server.leaving.wait(60)
    return False


def trickle(server: HostileStore, peer: socket.socket, request: Request) -> bool:
    """A byte now and then, for ever: no limit of a socket's own ends that."""
    peer.sendall(b"HTTP/1.1 204 No Content\r\nX-Slow: ")
    while not server.leaving.wait(0.02):
        peer.sendall(b"x")
    return False


def endless(server: HostileStore, peer: socket.socket, request: Request) -> bool:
    peer.sendall(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not server.leaving.is_set():
        peer.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
    return False


def refuse_early(server: HostileStore, peer: socket.socket, request: Request) -> bool:
    """Answers, and then waits for the other side to let go of the connection."""
    peer.sendall(b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    peer.settimeout(60)
    server.let_go.append(peer.recv(1) == b"")
    return False


def reset(server: HostileStore, peer: socket.socket, request: Request) -> bool:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


@contextmanager
def hostile_store(*, tls: ssl.SSLContext | None = None, deaf: bool = False) -> Iterator[HostileStore]:
    """Run one; a deaf one takes connections and never reads from them."""
    store = HostileStore()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = "localhost" if tls else "127.0.0.1"
        store.address = f"{'https' if tls else 'http'}://{host}:{listener.getsockname()[1]}"
        peers: list[socket.socket] = []
        kept: list[socket.socket] = []
        threads: list[threading.Thread] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    store.connections += 1
                    peers.append(peer.dup() if tls else peer)  # TLS takes the socket itself away.
                    if deaf:
                        kept.append(peer)
                    else:
                        thread = threading.Thread(target=_serve, args=(store, peer, tls))
                        threads.append(thread)
                        thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield store
        finally:
            store.leaving.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for peer in peers:
                with contextlib.suppress(OSError):
                    peer.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()
            for peer in peers + kept:
                peer.close()


def _serve(store: HostileStore, plain: socket.socket, tls: ssl.SSLContext | None) -> None:
    with plain, contextlib.suppress(OSError, EOFError, ValueError):
        peer = tls.wrap_socket(plain, server_side=True) if tls else plain
        with peer, peer.makefile("rb") as stream:
            while True:
                request = _read(stream.readline, stream.read)
                store.requests.append(request)
                if not store.behaviour(store, peer, request):
                    return


def _read(readline: Callable[[], bytes], read: Callable[[int], bytes]) -> Request:
    first = readline().decode()
    if not first:
        raise EOFError
    method, target, _ = first.split(" ")
    headers = {}
    while line := readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Request(method, target, headers, read(int(headers.get("content-length", 0))))
