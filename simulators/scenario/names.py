"""Words that assertions use."""

from __future__ import annotations

from typing import Final

FIGURES: Final = (
    "measurements",
    "frames",
    "bytes",
    "said",
    "stored",
    "once",
    "unheard",
    "lost",
    "duplicated",
    "altered",
    "unexpected",
    "reordered",
    "late",
)
"""Figures a run has. Of the first three every run knows, of the others only one with agents."""
LABELLED: Final = ("labelled", "precision", "recall")
"""Figures of one labelled kind of fault, as ``recall.stuck``."""
STACK_FIGURES: Final = (*FIGURES[3:], *LABELLED)
"""Figures that need a lake to compare with."""
