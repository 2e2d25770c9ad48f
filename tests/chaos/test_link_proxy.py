"""A bad link does what it says, to real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from simulators.link_proxy import FAIR, LinkProxy, Weather
from tests.conftest import wait_until


@pytest.fixture
def echo() -> Iterator[int]:
    """Port of a server that sends everything back."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def answer(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            return


def connected(proxy: LinkProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := connection.recv(size - len(data))):
        data += more
    return data


def test_fair_link_carries_everything_and_counts_it(echo: int) -> None:
    with LinkProxy(echo) as proxy, connected(proxy) as connection:
        data = bytes(range(256)) * 400
        threading.Thread(target=connection.sendall, args=(data,), daemon=True).start()
        assert receive(connection, len(data)) == data
        assert (proxy.up_bytes, proxy.down_bytes, proxy.connections) == (len(data), len(data), 1)


def test_refused_link_takes_nobody_and_comes_back_on_its_port(echo: int) -> None:
    with LinkProxy(echo) as proxy:
        with connected(proxy) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"
            proxy.become(Weather(listening=False))
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            connected(proxy)
        proxy.become(FAIR)
        with connected(proxy) as connection:
            connection.sendall(b"x")
            assert connection.recv(1) == b"x"


def test_link_that_swallows_one_way_stays_open(echo: int) -> None:
    with LinkProxy(echo) as proxy, connected(proxy) as connection:
        proxy.become(Weather(swallow_down=True))
        connection.sendall(b"gone")
        wait_until(lambda: proxy.up_bytes == 4, what="the bytes to reach the far side")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert proxy.down_bytes == 0
        proxy.become(FAIR)
        connection.settimeout(10)
        connection.sendall(b"back")
        assert receive(connection, 4) == b"back"


def test_link_breaks_within_a_message(echo: int) -> None:
    with LinkProxy(echo) as proxy, connected(proxy) as connection:
        proxy.become(Weather(cut_after_bytes=10))
        connection.sendall(b"0123456789abcdef")
        got = b""
        with contextlib.suppress(ConnectionResetError):
            got = receive(connection, 16)
        assert got in {b"", b"0123456789"[: len(got)]}
        assert len(got) <= 10
        wait_until(lambda: proxy.resets >= 1, what="the reset")


def test_dead_far_side_breaks_the_connection_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with LinkProxy(port) as proxy, connected(proxy) as connection, contextlib.suppress(ConnectionResetError):
        assert connection.recv(1) == b""
