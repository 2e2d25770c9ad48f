"""Puts results into ``docs/benchmarks.md``: one table a benchmark, between markers, the text around them left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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
    options: Mapping[str, Any] | None = None,
    tables: Sequence[str] | None = None,
    path: Path = DOCUMENT,
) -> None:
    """Replace (or append) the section of one benchmark.

    Args:
        name: Name of the benchmark.
        result: What it gave; nested objects become dotted names.
        machine: From ``machine.describe``.
        options: What the command line said for it, by name.
        tables: Lines in place of the usual table.
        path: The page.
    """
    page = path.read_text(encoding="utf-8") if path.exists() else _HEAD
    section = "\n".join([_begin(name), *_section(name, result, machine, options or {}, tables), _end(name)])
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
    name: str,
    result: Mapping[str, Any],
    machine: dict[str, str | int],
    options: Mapping[str, Any],
    tables: Sequence[str] | None,
) -> Iterator[str]:
    yield f"## {name}"
    yield ""
    if about := result.get("about"):
        yield f"{about}"
        yield ""
    given = "".join(map(_option, options.items()))
    yield f"`python -m benchmarks {name}{given} --json`"
    yield ""
    yield from _usual(result) if tables is None else tables
    yield ""
    yield f"Machine: {sentence(machine)}."


def _option(option: tuple[str, Any]) -> str:
    name, value = option
    word = f" --{name.replace('_', '-')}"
    return word if value is True else f"{word} {value:g}" if isinstance(value, float) else f"{word} {value}"


def _usual(result: Mapping[str, Any]) -> Iterator[str]:
    """One row a figure."""
    targets: Mapping[str, Any] = result.get("targets", {})
    yield "| what | measured | asked |"
    yield "|---|---:|---:|"
    for key, value in _flat(result):
        if key in {"name", "about"} or key.startswith(("targets.", "machine.")):
            continue
        yield f"| {key} | {number(value)} | {number(targets.get(key, ''))} |"


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        name = f"{prefix}{key}"
        if isinstance(inner, Mapping):
            yield from _flat(inner, f"{name}.")
        else:
            yield name, inner


def number(value: object) -> str:
    """A figure as the tables show it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ", ".join(number(item) for item in value) if isinstance(value, list | tuple) else str(value)
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.4g}"
