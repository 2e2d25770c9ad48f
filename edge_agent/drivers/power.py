"""What feeds a device while it is read."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Final, Protocol


class Supply(Protocol):
    """A supply that is there while somebody holds it."""

    settle_s: float

    def on(self) -> AbstractAsyncContextManager[None]:
        """Fed, and settled, for as long as the context lasts; raises ``LinkDown`` when it cannot be switched on."""
        ...

    def notes(self) -> dict[str, int]:
        """What went wrong with it, by name."""
        ...


class Always:
    """A supply that nobody switches."""

    settle_s = 0.0

    def on(self) -> AbstractAsyncContextManager[None]:
        """Nothing to do."""
        return nullcontext()

    def notes(self) -> dict[str, int]:
        """Nothing can go wrong with it here."""
        return {}


ALWAYS: Final = Always()
