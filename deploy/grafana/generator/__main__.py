"""Write the dashboards: ``python -m deploy.grafana.generator [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.grafana.generator.build import SOURCES, built
from deploy.grafana.generator.specs import DASHBOARDS

FOLDER = Path(__file__).parents[1] / "dashboards"


def files() -> dict[Path, str]:
    """Every file, with what stands in it."""
    return {FOLDER / store / f"{spec.name}.json": built(spec, store) for store in SOURCES for spec in DASHBOARDS}


def main(arguments: list[str]) -> int:
    """Write them; with ``--check`` only say which are not current. 0 when all are."""
    stale = [path for path, text in files().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in arguments:
        if stale:
            names = ", ".join(str(path.relative_to(FOLDER)) for path in stale)
            print(f"stale: {names}; run python -m deploy.grafana.generator", file=sys.stderr)
        return 1 if stale else 0
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
