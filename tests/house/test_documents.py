"""What the documents say of the tree is true: links lead somewhere, named files exist, named commands are commands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

import harkara

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+?)(?:#[^)]*)?\)")
FILE = re.compile(
    r"`((?:device_profiles|edge_agent|collector|simulators|harkara_io|tests|docs|deploy|benchmarks|examples)/[\w./-]+)`"
)
COMMAND = re.compile(r"^\s*(?:\$ )?harkara (\w+)", re.MULTILINE)
MAKE = re.compile(r"(?:^|`)\s*make (\w[\w-]*)", re.MULTILINE)


def documents() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines() if (ROOT / line).exists()]


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_names_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    broken = [
        target
        for target in LINK.findall(text)
        if not target.startswith(("http:", "https:", "mailto:")) and not (document.parent / target).exists()
    ]
    missing = [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    unknown = [word for word in COMMAND.findall(text) if word not in harkara.PARTS]
    assert not broken, f"links that lead nowhere: {broken}"
    assert not missing, f"files that are not there: {missing}"
    assert not unknown, f"commands that do not exist: {unknown}"


def test_the_make_targets_that_the_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in documents():
        code = "\n".join(
            re.findall(r"`[^`]+`|^    .*$|^```.*?^```", document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        )
        assert set(MAKE.findall(code)) <= targets, document.name


def test_a_readings_way_names_at_least_its_main_stations() -> None:
    text = (ROOT / "docs" / "a-readings-way.md").read_text(encoding="utf-8")
    named = FILE.findall(text)
    assert len(named) >= 15
    for package in ("device_profiles/", "edge_agent/", "collector/", "harkara_io/"):
        assert any(name.startswith(package) for name in named), f"no file of {package} on the way"


def test_the_project_names_no_machine_of_its_makers() -> None:
    pattern = r"(^|[^A-Za-z0-9._-])/(work|root|home/[a-z]+)/[A-Za-z0-9]"
    found = subprocess.run(
        ["git", "grep", "-nIE", pattern, "--", ".", ":!*.lock", ":!tests/house/test_documents.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    assert not found


def test_the_lock_has_hashes_and_no_hosts() -> None:
    text = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
    assert len(pinned) > 40
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "http" not in text
    assert "--index-url" not in text
