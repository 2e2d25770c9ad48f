"""Errors a person has to act on: what is wrong, where, and what to do about it, in one line each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class HarkaraError(Exception):
    """Root of the errors that commands print as a line instead of a traceback.

    Attributes:
        exit_status: What the process ends with when the error reaches the command line.
    """

    exit_status: int = 1


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong in a configuration.

    Attributes:
        what: The fault in words, naming the key and the value.
        line: Line in the file, from 1; None when the fault has no one place.
        hint: What to write instead; empty when nothing better is known.
    """

    what: str
    line: int | None = None
    hint: str = ""


class ConfigError(HarkaraError):
    """The configuration cannot be used: stop and let a person mend it. Nothing was opened or sent.

    Attributes:
        problems: Everything that is wrong, in the order of the file; never empty.
        file: Where it was read from; None when it came from no file.
    """

    exit_status = 2

    def __init__(
        self,
        problems: Sequence[ConfigProblem] | str,
        *,
        file: Path | None = None,
        line: int | None = None,
        hint: str = "",
    ) -> None:
        found = [ConfigProblem(problems, line, hint)] if isinstance(problems, str) else list(problems)
        assert found, "a configuration error says what is wrong"
        self.problems = tuple(sorted(found, key=lambda problem: problem.line or 0))
        self.file = file
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    def _line(self, problem: ConfigProblem) -> str:
        where = str(self.file) if self.file is not None else ""
        if problem.line is not None:
            where = f"{where}:{problem.line}" if where else f"line {problem.line}"
        text = f"{where}: {problem.what}" if where else problem.what
        return f"{text}; {problem.hint}" if problem.hint else text


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` was probably meant to be; None when none is close."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def nearest_hint(word: str, known: Iterable[str]) -> str:
    """Hint for an unknown word: the nearest known one, else the whole short list."""
    names = sorted(known)
    best = nearest(word, names)
    if best is not None:
        return f"did you mean `{best}`?"
    return f"known here: {', '.join(names)}" if names else ""
