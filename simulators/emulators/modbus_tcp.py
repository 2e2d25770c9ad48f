"""Modbus slaves behind a TCP address, served to any number of readers."""

from __future__ import annotations

import socketserver
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from simulators.carriers import CarrierError
from simulators.emulators.host import Values
from simulators.emulators.modbus import ModbusSlave, ModbusTcpServer
from simulators.emulators.port import Measurement, Model


@contextmanager
def serve(
    slaves: Sequence[tuple[Model, ModbusSlave]],
    values: Values,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    ended: threading.Event | None = None,
) -> Iterator[str]:
    """Serve for as long as the context lasts; gives ``host:port``.

    Args:
        slaves: Model and device.
        values: What is true.
        host: Where to listen.
        port: Where to listen; nought takes any.
        ended: Set when a device failed and nothing is to be expected any more.

    Raises:
        CarrierError: The port is in use; or a device failed while it was served.
    """
    gateway = ModbusTcpServer(*(slave for _, slave in slaves))
    lock = threading.Lock()

    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            held = b""
            while request := self.request.recv(260):
                with lock:
                    now_ns = time.time_ns()
                    for model, slave in slaves:
                        true = Measurement(number=1, at_ns=now_ns, clock_ns=now_ns, values=values(model, now_ns))
                        slave.measure(true)
                    said, held = gateway.take(held + request)
                self.request.sendall(said)

    try:
        server = _Server((host, port), Answer, ended or threading.Event())
    except OSError as exc:
        raise CarrierError(f"tcp:{host}:{port}: {exc.strerror}") from exc
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"{host}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
    if server.failure is not None:
        raise CarrierError(f"tcp:{host}:{port}: {server.failure}") from server.failure


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(
        self, address: tuple[str, int], answer: type[socketserver.BaseRequestHandler], ended: threading.Event
    ) -> None:
        super().__init__(address, answer)
        self.failure: BaseException | None = None
        self._ended = ended

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that went away is nothing; a device that fails ends the service."""
        del request, client_address
        error = sys.exception()
        if not isinstance(error, ConnectionError):
            self.failure = error
            self._ended.set()
