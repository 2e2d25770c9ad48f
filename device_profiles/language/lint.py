"""What a profile that fits the schema can still get wrong: units, limits, reachability, privacy, proof."""

from __future__ import annotations

from collections.abc import Iterator

from device_profiles.errors import Problem
from device_profiles.language import lint_channels, lint_frames, lint_layout, lint_proof
from device_profiles.language.findings import Document, Finding
from device_profiles.language.lines import Lines


def lint(document: Document, lines: Lines) -> list[Problem]:
    """Findings of sense, errors and warnings."""
    return [
        Problem(what, lines.find(path), "", hint, "", severity) for path, severity, what, hint in _findings(document)
    ]


def _findings(document: Document) -> Iterator[Finding]:
    yield from lint_channels.findings(document)
    yield from lint_frames.findings(document)
    yield from lint_layout.findings(document)
    yield from lint_proof.findings(document)
