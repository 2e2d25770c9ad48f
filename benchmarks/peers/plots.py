"""Plots of the comparison, one small SVG each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.peers.page import title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by lightness as well, for those who see colours differently and for paper.
_COLOURS: Final = {"harkara": "#0b5d8f", "telegraf": "#e69f00", "points": "#b8b8b8"}
_PARTS: Final = {"program": "#0b5d8f", "store": "#e69f00", "broker": "#b8b8b8"}


def plots(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw what there is; the same result gives the same files."""
    if "skipped" in result:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    paths: Mapping[str, Mapping[str, Any]] = result["paths"]
    names = list(paths)
    made = [
        _save(
            folder / "peers-throughput.svg",
            "Values per second until stored [million/s]",
            names,
            [paths[name]["values_per_s"] / 1e6 for name in names],
        ),
        _save_cpu(folder / "peers-cpu.svg", paths),
        _save(
            folder / "peers-wire.svg",
            "MQTT payload [bytes per value]",
            names,
            [paths[name]["payload_bytes_per_value"] for name in names],
        ),
    ]
    failures = {name: found for name, found in result.get("failures", {}).items() if "lost" in found}
    if failures:
        made.append(
            _save(
                folder / "peers-loss.svg",
                "Values lost, or stored twice, of a million sent: store and broker killed",
                list(failures),
                [(found["lost"] + found["twice"]) / found["sent"] * 1e6 for found in failures.values()],
            )
        )
    return made


def _figure(heading: str, names: Sequence[str]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.0, 0.6 + 0.36 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(heading, loc="left", fontsize=10)
    axes.set_yticks(range(len(names)), [title(name) for name in names], fontsize=9)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="x", labelsize=8)
    return figure, axes


def _save(path: Path, heading: str, names: Sequence[str], values: Sequence[float]) -> Path:
    figure, axes = _figure(heading, names)
    bars = axes.barh(range(len(names)), values, color=[_COLOURS[name.partition("-")[0]] for name in names])
    axes.bar_label(bars, fmt="%.3g", padding=3, fontsize=9)
    axes.margins(x=0.12)
    return _write(figure, path)


def _save_cpu(path: Path, paths: Mapping[str, Mapping[str, Any]]) -> Path:
    names = list(paths)
    figure, axes = _figure("Processor time [CPU-seconds per million values]", names)
    left = [0.0] * len(names)
    for part, colour in _PARTS.items():
        widths = [float(paths[name]["cpu_s_per_million"].get(part, 0.0)) for name in names]
        axes.barh(range(len(names)), widths, left=left, color=colour, label=part)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.legend(fontsize=8, frameon=False)
    return _write(figure, path)


def _write(figure: Figure, path: Path) -> Path:
    # No date and no random ids: the same figures give the same file.
    with mpl.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})
    return path
