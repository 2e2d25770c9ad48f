"""The outbox's workload with ``synchronous`` turned down: what the power-cut replay must catch."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.durability.careless_journal import CarelessLog
from tests.durability.outbox_workload import main

if __name__ == "__main__":
    import harkara_io.kept_log

    harkara_io.kept_log.SqliteLog = CarelessLog  # type: ignore[attr-defined]
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
