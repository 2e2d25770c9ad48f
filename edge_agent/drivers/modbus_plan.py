"""Which registers are read together: the requests of a profile as few reads, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from device_profiles.engine.compile_selectors import zero_based
from edge_agent.drivers.modbus_pdu import BITS, READ_MAX

TIMEOUT_S: Final = 0.5
"""How long a slave may think, where its profile does not say. [s]"""
USUAL_S: Final = 60.0
"""How often to ask, where its profile does not say. [s]"""


@dataclass(frozen=True, slots=True)
class Question:
    """A request of the profile.

    Attributes:
        name: In the profile.
        function: 1 to 4.
        address: First register, from zero.
        count: Of registers, or bits.
        timeout_s: For the answer. [s]
    """

    name: str
    function: int
    address: int
    count: int
    timeout_s: float

    @property
    def end(self) -> int:
        """Behind the last register."""
        return self.address + self.count


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions that one read answers."""

    questions: tuple[Question, ...]

    @property
    def function(self) -> int:
        """Of the read."""
        return self.questions[0].function

    @property
    def address(self) -> int:
        """First register."""
        return min(question.address for question in self.questions)

    @property
    def count(self) -> int:
        """Of registers."""
        return max(question.end for question in self.questions) - self.address

    @property
    def timeout_s(self) -> float:
        """The most patient one's. [s]."""
        return max(question.timeout_s for question in self.questions)

    def part(self, data: bytes, question: Question) -> bytes:
        """What of the read's data answers a question."""
        if self.function in BITS:
            return data
        start = 2 * (question.address - self.address)
        return data[start : start + 2 * question.count]

    def split(self) -> list[Batch]:
        """Each question by itself."""
        return [Batch((question,)) for question in self.questions]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a profile's devices are read.

    Attributes:
        starts: Read before the others, with the pause each needs; their answers are no readings. [s]
        batches: The reads.
        every_s: How often. [s]
        gap_s: Silence before each frame. [s]
        retries: Further tries of a read without answer.
    """

    starts: tuple[tuple[Question, float], ...]
    batches: tuple[Batch, ...]
    every_s: float
    gap_s: float
    retries: int


def plan(document: Mapping[str, Any]) -> Plan:
    """The reads of a profile. What has an interval is asked; where nothing has, everything is.

    Raises:
        ProfileError: A register's number does not fit the profile's notation.
    """
    numbering = str((document.get("transport") or {}).get("numbering") or "0")
    tables = {str(table["name"]): table for table in document.get("requests") or () if "function" in table}
    questions = {name: _question(table, numbering) for name, table in tables.items()}
    steps: Sequence[Mapping[str, Any]] = document.get("steps") or ()
    starts = tuple(
        (questions[step["request"]], float(step.get("wait_s") or 0))
        for step in steps
        if step["do"] == "start" and step.get("request") in questions
    )
    named = [str(step["request"]) for step in steps if step["do"] == "read" and step.get("request") in questions]
    usual = [name for name, table in tables.items() if "every_s" in table]
    asked = list(dict.fromkeys(named or usual or [name for name in tables if not tables[name].get("writes")]))
    polling = document.get("polling") or {}
    intervals = [float(tables[name]["every_s"]) for name in asked if "every_s" in tables[name]]
    return Plan(
        starts,
        tuple(batched([questions[name] for name in asked], int(polling.get("gap_registers") or 0))),
        min(intervals, default=float(polling.get("interval_s") or USUAL_S)),
        float(polling.get("frame_gap_ms") or 0) / 1000,
        int(polling["retries"]) if polling.get("retries") is not None else 2,
    )


def batched(questions: Sequence[Question], gap: int) -> list[Batch]:
    """Few reads for many questions, over at most ``gap`` registers that nobody asked for."""
    batches: list[Batch] = []
    for question in sorted(questions, key=lambda each: (each.function, each.address, each.end)):
        if batches and question.function not in BITS:
            last = batches[-1]
            joined = Batch((*last.questions, question))
            near = question.address - (last.address + last.count) <= gap
            if last.function == question.function and near and joined.count <= READ_MAX:
                batches[-1] = joined
                continue
        batches.append(Batch((question,)))
    return batches


def _question(table: Mapping[str, Any], numbering: str) -> Question:
    return Question(
        str(table["name"]),
        int(table["function"]),
        zero_based(int(table["address"]), numbering),
        int(table.get("count") or 1),
        float(table.get("timeout_s") or TIMEOUT_S),
    )
