"""Figures that a store says of itself, in the text format of Prometheus."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

_LINE: Final = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Figure(NamedTuple):
    """One line: a name, labels and a finite number."""

    name: str
    labels: Mapping[str, str]
    number: float


def figures(text: str) -> Iterator[Figure]:
    """All figures of a text; what is none is passed over."""
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None:
            continue
        try:
            number = float(found[3])
        except ValueError:
            continue
        if math.isfinite(number):
            yield Figure(found[1], dict(_LABEL.findall(found[2] or "")), number)
