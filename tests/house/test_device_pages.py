"""The pages of the models are those the catalogue gives."""

from __future__ import annotations

import contextlib
import filecmp
import io
from pathlib import Path

from harkara import main

PAGES = Path(__file__).parents[2] / "docs" / "devices"


def names(folder: Path) -> set[Path]:
    return {page.relative_to(folder) for page in folder.rglob("*.md")}


def test_pages_are_current(tmp_path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["profile", "doc", "--output", str(tmp_path)]) == 0
    mend = "run: harkara profile doc"
    assert names(PAGES) == names(tmp_path), mend
    stale = [page for page in names(PAGES) if not filecmp.cmp(PAGES / page, tmp_path / page, shallow=False)]
    assert stale == [], mend
