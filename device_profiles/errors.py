"""What is wrong with a profile, told so that its writer can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a profile file.

    Attributes:
        what: What is wrong, in one sentence.
        line: Line in the file, from 1; 0 when it concerns the whole file.
        path: File name.
        hint: The nearest right word or what to do.
        example: A right piece of TOML.
        severity: ``"error"`` (the profile cannot be used) or ``"warning"``.
    """

    what: str
    line: int = 0
    path: str = ""
    hint: str = ""
    example: str = ""
    severity: str = "error"

    def __str__(self) -> str:
        text = f"{self.path or 'profile'}:{self.line}: {self.severity}: {self.what}"
        if self.hint:
            text += f"\n    {self.hint}"
        if self.example:
            text += f"\n    example: {self.example}"
        return text


@dataclass(eq=False)
class ProfileError(Exception):
    """A profile cannot be used; stop and mend it.

    Attributes:
        problems: Everything found, in file order.
        exit_status: For the command line.
    """

    problems: tuple[Problem, ...]
    exit_status: int = field(default=2)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def nearest(word: str, words: Iterable[object], *, count: int = 1, cutoff: float = 0.4, otherwise: str = "") -> str:
    """A hint with the right words nearest to a wrong one."""
    from difflib import get_close_matches  # noqa: PLC0415 - only who is wrong pays for it

    close = get_close_matches(word, [str(item) for item in words], count, cutoff)
    return f"nearest: {', '.join(close)}" if close else otherwise


def profile_error(what: str, *, path: str = "", line: int = 0, hint: str = "", example: str = "") -> ProfileError:
    """An error of one problem."""
    return ProfileError((Problem(what, line, path, hint, example),))
