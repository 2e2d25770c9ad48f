"""Another way into a store, so that it works on some lines while it makes others durable."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Final

from collector.stores.ports import Answer, StoreClient

LANES: Final = 3
"""Requests under way at a time for one store. InfluxDB takes half as many values again with three as with one, and
hardly more with six. What lies in them never has a series and time in common, so their order means nothing."""

_Work = tuple[bytes, Future[Answer]]


class Lane:
    """A client with a thread of its own.

    Args:
        name: Of the store.
        client: Used by that thread only; closed by `close`.
    """

    def __init__(self, name: str, client: StoreClient) -> None:
        self._client = client
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        # A hanging store must not keep the process from ending: what it has not answered is sent again next time.
        self._thread = threading.Thread(target=self._run, name=f"store-{name}-lane", daemon=True)
        self._started = False

    def write(self, body: bytes) -> Future[Answer]:
        """Send lines; the answer comes when the store has given it."""
        if not self._started:
            self._started = True
            self._thread.start()
        answer: Future[Answer] = Future()
        self._work.put((body, answer))
        return answer

    def close(self) -> None:
        """Let its connection and its thread go."""
        self._work.put(None)
        self._client.close()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            body, answer = work
            try:
                answer.set_result(self._client.write(body))
            except Exception as exc:  # noqa: BLE001 - raised again where the answer is awaited
                answer.set_exception(exc)
