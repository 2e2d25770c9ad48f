"""The journal's workload with ``synchronous`` turned down: what the power-cut replay must catch."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from harkara_io import kept_log
from harkara_io.sqlite_log import SqliteLog
from tests.durability.journal_workload import main


class CarelessLog(SqliteLog):
    """Commits return before their fsync."""

    def _prepare(self, cache_bytes: int) -> None:
        super()._prepare(cache_bytes)
        self.connection.execute(f"PRAGMA synchronous={os.environ['HARKARA_TEST_SYNCHRONOUS']}")


if __name__ == "__main__":
    kept_log.SqliteLog = CarelessLog  # type: ignore[attr-defined]
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
