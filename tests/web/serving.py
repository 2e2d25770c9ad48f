"""The application under its real server on a port of loopback, and a client with nothing between."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from collector.web.app import create_app
from tests.conftest import free_port, wait_until
from tests.web.network import NOW_NS, Network


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Site:
    port: int

    def ask(self, path: str, *, method: str = "GET", host: str | None = None) -> Answer:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as link:
            link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            link.putheader("Host", f"127.0.0.1:{self.port}" if host is None else host)
            link.endheaders()
            answer = link.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


@contextmanager
def served(network: Network) -> Iterator[Site]:
    port = free_port()
    config = uvicorn.Config(create_app(network, clock_ns=lambda: NOW_NS), port=port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started, what="the page's server")
        yield Site(port)
    finally:
        server.should_exit = True
        thread.join()
