"""What is said when something cannot be done with a store."""

from __future__ import annotations

from harkara_io.errors import HarkaraError


class StoreRefused(HarkaraError):
    """There is no such store, or what is asked of it makes no sense. The message says what would."""

    exit_status = 2
