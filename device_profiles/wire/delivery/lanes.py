"""The two queues of the agent, read from the outbox page by page: live blocks and the backlog."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from device_profiles.wire.delivery.ports import BlockRef, OutboxIndex

Position = tuple[int, int]
START: Position = (0, 0)
END: Position = (1 << 62, 1 << 62)


class LaneCursor:
    """A place in the outbox that moves on, holding one page of references and no more.

    So the machine's memory does not grow with the backlog.
    """

    def __init__(self, outbox: OutboxIndex, *, page: int) -> None:
        """Stand at the end; `seek` before the first `peek`.

        Args:
            outbox: The index to read.
            page: References read at once.
        """
        self._outbox = outbox
        self._page_size = page
        self._page: deque[BlockRef] = deque()
        self.position: Position = END
        self.stop: Position = END
        self.unfinished = False  # the last peek gave up at its bound: look again soon

    def seek(self, position: Position, stop: Position = END) -> None:
        """Go on behind ``position``, up to and including ``stop``."""
        self._page.clear()
        self.position = position
        self.stop = stop

    def peek(self, skip_to: Callable[[BlockRef], int | None], *, pages_max: int = 8) -> BlockRef | None:
        """The next block that wants sending, without moving past it; None when there is none for now.

        Args:
            skip_to: None for a block that wants sending; else the last seq of the run to jump over.
            pages_max: Bound on the reading of one call, so that a long settled run cannot stall the caller.
        """
        self.unfinished = False
        for _ in range(pages_max):
            while self._page:
                ref = self._page[0]
                if (ref.ordinal, ref.seq) > self.stop:
                    self._page.clear()
                    return None
                if (ref.ordinal, ref.seq) <= self.position:
                    self._page.popleft()
                    continue
                end = skip_to(ref)
                if end is None:
                    return ref
                self.position = (ref.ordinal, end)
                self._page.popleft()
            if self.position >= self.stop:
                return None
            page = self._outbox.after(*self.position, self._page_size)
            if not page:
                return None
            self._page.extend(page)
        self.unfinished = True
        return None

    def take(self) -> None:
        """Move past the block that `peek` returned."""
        ref = self._page.popleft()
        self.position = (ref.ordinal, ref.seq)
