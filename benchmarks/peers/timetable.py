"""What is done to the processes of a chain while it is under load, each thing at its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

Step = tuple[float, Callable[[], None]]


class Timetable(threading.Thread):
    """Does one thing after the other beside the load.

    Args:
        steps: When each is due, from the start on [s], in order; later when the one before takes long.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__(name="timetable")
        self._steps = tuple(steps)
        self._failed: Exception | None = None

    def run(self) -> None:
        """Go through it."""
        began_s = time.monotonic()
        try:
            for at_s, step in self._steps:
                time.sleep(max(0.0, began_s + at_s - time.monotonic()))
                step()
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._failed = error

    def join(self, timeout: float | None = None) -> None:
        """Wait until all is done.

        Raises:
            Exception: What went wrong.
        """
        super().join(timeout)
        if self._failed is not None:
            raise self._failed
