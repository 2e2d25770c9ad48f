"""Puts results into ``docs/benchmarks.md``: one table a benchmark, between markers, the text around them left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import sentence

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_HEAD: Final = """\
# Benchmarks

Every figure here was printed by the command above its table, on the machine named under it. Run them again with
`make bench`; `python -m benchmarks all --write-docs` writes this page.
"""


def write_result(
    name: str,
    result: Mapping[str, Any],
    machine: dict[str, str | int],
    *,
    seconds: float | None = None,
    path: Path = DOCUMENT,
) -> None:
    """Replace (or append) the section of one benchmark.

    Args:
        name: Name of the benchmark.
        result: What it gave; nested objects become dotted names.
        machine: From ``machine.describe``.
        seconds: What ``--seconds`` said, if anything. [s]
        path: The page.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    section = "\n".join([_begin(name), *_section(name, result, machine, seconds), _end(name)])
    pattern = re.compile(re.escape(_begin(name)) + r".*?" + re.escape(_end(name)), re.DOTALL)
    known = pattern.search(page) is not None
    page = pattern.sub(lambda _: section, page) if known else f"{page.rstrip()}\n\n{section}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _begin(name: str) -> str:
    return f"<!-- begin {name} -->"


def _end(name: str) -> str:
    return f"<!-- end {name} -->"


def _section(
    name: str, result: Mapping[str, Any], machine: dict[str, str | int], seconds: float | None
) -> Iterator[str]:
    targets: Mapping[str, Any] = result.get("targets", {})
    yield f"## {name}"
    yield ""
    if about := result.get("about"):
        yield f"{about}"
        yield ""
    given = "" if seconds is None else f" --seconds {seconds:g}"
    yield f"`python -m benchmarks {name}{given} --json`"
    yield ""
    yield "| what | measured | asked |"
    yield "|---|---:|---:|"
    for key, value in _flat(result):
        if key in {"name", "about"} or key.startswith(("targets.", "machine.")):
            continue
        target = targets.get(key, "")
        yield f"| {key} | {_number(value)} | {_number(target)} |"
    yield ""
    yield f"Machine: {sentence(machine)}."


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, inner


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(_number(item) for item in value) if isinstance(value, list | tuple) else str(value)
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
