"""One thread's turns: step after step, and between two of them whatever others ask of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final

from collector.stores.ports import NeedsPerson, Unreachable

_log: Final = logging.getLogger(__name__)

FAULT_PAUSE_S: Final = 1.0
"""Pause after a step that failed in a way nobody foresaw, whatever wakes the thread meanwhile. [s]"""


class Turns:
    """The turns of one store's thread. ``wake`` and ``ask`` may be called from any.

    Args:
        name: Of the store.
        step: One round; says whether there may be more to do at once.
        pause_s: How long to wait after a round that found nothing, unless somebody wakes the thread. [s]

    Attributes:
        fault: What went wrong in the last step that nobody foresaw; None when it went well.
    """

    def __init__(self, name: str, step: Callable[[], bool], pause_s: Callable[[], float]) -> None:
        self.fault: NeedsPerson | Unreachable | None = None
        self._name, self._step, self._pause_s = name, step, pause_s
        self._wake = threading.Event()
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()

    def wake(self) -> None:
        """Look at once whether there is something to do."""
        self._wake.set()

    def ask(self, work: Callable[[], Any]) -> Future[Any]:
        """Have something done by the thread between two steps."""
        answer: Future[Any] = Future()
        self._asked.put((work, answer))
        self._wake.set()
        return answer

    def do_what_was_asked(self) -> None:
        """Called by the step."""
        while True:
            try:
                work, answer = self._asked.get_nowait()
            except Empty:
                return
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(work())
                except Exception as exc:  # noqa: BLE001 - the one who asked is told
                    answer.set_exception(exc)

    def take(self, stop: threading.Event) -> None:
        """Step until ``stop`` is set and `wake` was called; a step that fails is tried again, and said once."""
        while not stop.is_set():
            self._wake.clear()
            try:
                busy = self._step()
            except Exception as exc:  # noqa: BLE001 - logged
                # Whatever it is, the other stores, the lake and receipts go on, and so does this one if it can.
                fault = Unreachable(f"a fault of ours, it is tried again: {shown(exc)}")
                if fault != self.fault:
                    _log.exception("store %s: a step failed; it is tried again", self._name)
                self.fault = fault
                stop.wait(FAULT_PAUSE_S)
                continue
            self.fault = None
            if not busy and not stop.is_set():
                self._wake.wait(self._pause_s())

    def ended(self, exc: Exception) -> None:
        """The thread ends, and not because it was asked to."""
        self.fault = NeedsPerson(f"its thread has ended, start the collector again: {shown(exc)}")
        _log.exception("store %s is served no more until the collector is started again", self._name)


def shown(exc: Exception) -> str:
    """An error in one line."""
    return f"{type(exc).__name__}: {exc}".partition("\n")[0]
