"""Modbus slaves behind a TCP address, served to any number of readers."""

from __future__ import annotations

import socketserver
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
    slaves: Sequence[tuple[Model, ModbusSlave]], values: Values, host: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """Serve for as long as the context lasts; gives ``host:port``.

    Raises:
        CarrierError: The port is in use.
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
        server = _Server((host, port), Answer)
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


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
