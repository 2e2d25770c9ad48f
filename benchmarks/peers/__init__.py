"""Harkara beside what people use to bring MQTT into the store they have: ``python -m benchmarks peers``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

# What measures is loaded when it is used: the point writer, a peer, is a module of this package, and shall not be
# charged for the memory of stores and plots.


def run(
    *,
    stations: int = 200,
    minutes: int = 2880,
    rounds: int = 3,
    paths: str = "",
    outage_s: float = 30.0,
    skip_failures: bool = False,
) -> dict[str, Any]:
    """Measure; a course of each path in turn, so many rounds, then the failures.

    Args:
        stations: Weather stations.
        minutes: Rows of each in a course.
        rounds: Courses of each path; the figures are medians.
        paths: Only those whose names contain one of these words, with commas between; all when empty.
        outage_s: How long the store is away in the failure half. [s]
        skip_failures: Leave that half out.
    """
    from benchmarks.peers.comparison import compare

    return compare(
        stations=stations, minutes=minutes, rounds=rounds, paths=paths, outage_s=outage_s, failures=not skip_failures
    )


def tables(result: Mapping[str, Any]) -> Iterator[str]:
    """The result as Markdown."""
    from benchmarks.peers.page import page

    return page(result)


def draw(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """The result as plots, one SVG each."""
    from benchmarks.peers.plots import plots

    return plots(result, folder)
