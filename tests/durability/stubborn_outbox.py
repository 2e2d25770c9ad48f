"""The outbox's workload with the wrong answer to a failed fsync: do it again in the same file."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from harkara_io.kept_log import KeptLog
from harkara_io.log_errors import LogError
from tests.durability.outbox_workload import main

T = TypeVar("T")


def _write_again(self: KeptLog, work: Callable[[sqlite3.Connection], T], *, pages: int = 8) -> T:
    if self._file.checkpoint_due:
        self._file.checkpoint()
    try:
        return self._file.transaction(work, pages=pages)
    except LogError:
        return self._file.transaction(work, pages=pages)


if __name__ == "__main__":
    KeptLog._write = _write_again  # type: ignore[method-assign]
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
