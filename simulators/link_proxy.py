"""A TCP link that can be made bad: refused, cut, half open, slow, late, one-way; it counts every byte.

It runs in a thread of its own. Changes of ``Weather`` reach open connections at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

_CHUNK_BYTES: Final = 4096
_IDLE_S: Final = 0.02
_COMMAND_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What the link does to the bytes of both directions, if not said otherwise.

    Attributes:
        listening: Whether connections are taken at all.
        swallow_up: What comes from the client vanishes; the connection stays open.
        swallow_down: The same towards the client.
        latency_s: Held back so long before it goes on. [s]
        bytes_per_s: At most so many in each direction; 0 for no limit. [B/s]
        cut_after_bytes: A connection is reset after so many bytes of one direction; 0 for never. [B]
    """

    listening: bool = True
    swallow_up: bool = False
    swallow_down: bool = False
    latency_s: float = 0.0
    bytes_per_s: float = 0.0
    cut_after_bytes: int = 0


FAIR: Final = Weather()


class LinkProxy:
    """Listens on a free port of loopback and carries each connection to one place.

    Attributes:
        port: TCP port to connect to.
        up_bytes: Bytes carried from clients.
        down_bytes: Bytes carried to clients.
        connections: Connections taken.
        resets: Connections broken off on purpose.
    """

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.up_bytes = self.down_bytes = 0
        self.connections = self.resets = 0
        self._target_port = target_port
        self._weather = FAIR
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def become(self, weather: Weather) -> None:
        """Change what the link does; on return it does so."""
        self._call(self._become(weather))

    def reset(self) -> None:
        """Break off every connection, with what is under way; new ones are taken as before."""
        self._call(self._reset())

    def _call(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_COMMAND_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._taken, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _become(self, weather: Weather) -> None:
        self._weather = weather
        if not weather.listening and self._server is not None:
            self._server.close()
            self._server = None
            await self._reset()
        elif weather.listening and self._server is None:
            await self._listen()

    async def _reset(self) -> None:
        for writer in tuple(self._open):
            self.resets += 1
            writer.transport.abort()

    def _taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: the server's own complains when it is cancelled.
        self.connections += 1
        self._open.add(writer)
        task = asyncio.ensure_future(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            self._open.discard(writer)
            return
        self._open.add(far_writer)
        pumps = [
            asyncio.ensure_future(self._pump(reader, far_writer, up=True)),
            asyncio.ensure_future(self._pump(far_reader, writer, up=False)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for each in (writer, far_writer):
                each.transport.abort()
                self._open.discard(each)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool) -> None:
        carried = 0
        while data := await reader.read(_CHUNK_BYTES):
            weather = self._weather
            if weather.latency_s:
                await asyncio.sleep(weather.latency_s)
            if weather.bytes_per_s:
                await asyncio.sleep(len(data) / weather.bytes_per_s)
            if self._weather.swallow_up if up else self._weather.swallow_down:
                continue
            if 0 < weather.cut_after_bytes <= carried + len(data):
                writer.write(data[: weather.cut_after_bytes - carried])
                await asyncio.sleep(_IDLE_S)  # Let the first half arrive: a message broken in the middle.
                self.resets += 1
                return
            carried += len(data)
            if up:
                self.up_bytes += len(data)
            else:
                self.down_bytes += len(data)
            writer.write(data)
            await writer.drain()
