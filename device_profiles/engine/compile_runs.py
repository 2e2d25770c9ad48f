"""Neighbouring plain fields, gathered so that one call unpacks them."""

from __future__ import annotations

from typing import Final

from device_profiles.engine.operations import Operation, Run
from device_profiles.engine.types import FieldType

_PAD: Final = "x"


class RunBuilder:
    """Gathers neighbouring plain fields into one `Run`."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin a new run."""
        self.layout = ""
        self.little: bool | None = None
        self.first = 0
        self.size = 0
        self.names: list[str] = []
        self.places: list[tuple[int, int]] = []

    @property
    def count(self) -> int:
        """Fields gathered."""
        return len(self.names)

    def fits(self, kind: FieldType, slot: int) -> bool:
        """Whether a field can join: same byte order, next slot."""
        return not self.names or (
            (self.little is kind.little or kind.size == 1 or self.little is None) and slot == self.first + self.count
        )

    def add(self, kind: FieldType, slot: int, name: str) -> None:
        """Take a field in."""
        if not self.names:
            self.first = slot
        if kind.size > 1:
            self.little = kind.little
        self.layout += kind.code
        self.places.append((self.size, kind.size))
        self.size += kind.size
        self.names.append(name)

    def pad(self, count: int) -> None:
        """Leave bytes out."""
        self.layout += f"{count}{_PAD}"
        self.size += count

    def flush(self, steps: list[Operation]) -> None:
        """Put the run among the steps and begin anew."""
        if self.names:
            steps.append(
                Run(("<" if self.little else ">") + self.layout, self.first, tuple(self.names), tuple(self.places))
            )
        self.clear()
