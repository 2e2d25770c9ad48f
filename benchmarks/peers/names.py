"""Names that programs of both sides of the broker share; nothing else, so that the point writer stays light."""

from __future__ import annotations

from typing import Final

LINE_TOPIC: Final = "peers"
"""Stations publish below it."""
MEASUREMENT: Final = "midc"
"""Of all lines and points."""
