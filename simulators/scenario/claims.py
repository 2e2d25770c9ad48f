"""What a scenario asserts, held against what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulators.scenario.model import AssertTable, Scenario
from simulators.scenario.names import STACK_FIGURES


@dataclass(frozen=True, slots=True)
class Claim:
    """One assertion after the run.

    Attributes:
        text: What was asserted and what was found.
        state: ``holds``, ``fails``, ``expected`` (to fail, and does), ``surprise`` (it holds, against what was
            expected) or ``unjudged`` (nothing was started that could be asked).
    """

    text: str
    state: str

    @property
    def good(self) -> bool:
        """Whether the run may end well."""
        return self.state in {"holds", "expected", "unjudged"}


def check(scenario: Scenario, figures: Mapping[str, float]) -> list[Claim]:
    """Every assertion of a scenario."""
    return [_check(claim, figures) for claim in scenario.assert_]


def _check(claim: AssertTable, figures: Mapping[str, float]) -> Claim:
    wanted = " and ".join(
        f"{word} {value:g}"
        for word, value in (("at least", claim.min), ("at most", claim.max), ("exactly", claim.equals))
        if value is not None
    )
    found = figures.get(claim.what)
    if found is None:
        if claim.what.partition(".")[0] in STACK_FIGURES and "said" not in figures:
            return Claim(f"{claim.what} {wanted}: not judged, no collector was started", "unjudged")
        found = 0.0
    holds = (
        (claim.min is None or found >= claim.min)
        and (claim.max is None or found <= claim.max)
        and (claim.equals is None or found == claim.equals)
    )
    text = f"{claim.what} {wanted}: {found:,.6g}"
    if claim.expect == "hold":
        return Claim(text, "holds" if holds else "fails")
    if holds:
        return Claim(f"{text}; it was expected to fail ({claim.reason}): take `expect` away", "surprise")
    return Claim(f"{text}; expected to fail: {claim.reason}", "expected")
