"""Words that assertions use."""

from __future__ import annotations

from typing import Final

TALLIED: Final = (
    "said",
    "stored",
    "once",
    "unheard",
    "lost",
    "duplicated",
    "altered",
    "unexpected",
    "reordered",
)
"""Figures of the judge of lines."""
BESIDE: Final = ("unjudged", "placed", "misplaced")
"""Figures beside it: readings that only a decoder could judge, readings with a place, and with one that is wrong."""
FIGURES: Final = ("measurements", "frames", "bytes", *TALLIED, *BESIDE, "late")
"""Figures a run has. Of the first three every run knows, of the others only one with agents."""
LABELLED: Final = ("labelled", "precision", "recall")
"""Figures of one labelled kind of fault, as ``recall.stuck``."""
STACK_FIGURES: Final = (*TALLIED, *BESIDE, "late", *LABELLED)
"""Figures that need a lake to compare with."""
