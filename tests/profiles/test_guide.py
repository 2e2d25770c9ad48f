"""The guide's profile must lint and pass its own vectors, and its words must be those of the language."""

from __future__ import annotations

import re
from pathlib import Path

from device_profiles.checksums import CHECKSUMS
from device_profiles.expressions import FUNCTIONS
from device_profiles.language.check import check_file
from device_profiles.quality import REASONS
from device_profiles.rejects import RejectReason
from device_profiles.tools.vectors import run_profile

GUIDE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text(encoding="utf-8")


def test_the_whole_example_lints_and_decodes(tmp_path: Path) -> None:
    match = re.search(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    assert match is not None
    folder = tmp_path / "acme"
    folder.mkdir()
    path = folder / "th-1.toml"
    path.write_text(match[1], encoding="utf-8")
    assert [str(problem) for problem in check_file(path) if problem.severity == "error"] == []
    results = run_profile(path)
    assert len(results) == 3
    assert [result for result in results if result.faults] == []


def test_the_guide_names_every_word_of_the_closed_lists() -> None:
    words = set(re.findall(r"[a-z0-9_-]+", GUIDE))
    assert set(REASONS) <= words
    assert set(CHECKSUMS) <= words
    assert set(FUNCTIONS) <= words
    assert {str(reason) for reason in RejectReason} <= words
