"""Asks a person, again where the answer cannot be; or takes the answers from a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from device_profiles.errors import nearest, profile_error

Check = Callable[[str], str]
"""Says what is wrong with an answer; empty when it will do."""


class Ask(Protocol):
    """Gives the answer to a question."""

    def __call__(self, question: str, default: str, check: Check | None = None) -> str:
        """The answer, or the default where there is none."""
        ...


def one_of(words: Iterable[str]) -> Check:
    """An answer that must be one of some words."""
    allowed = tuple(words)

    def check(answer: str) -> str:
        if answer in allowed:
            return ""
        hint = nearest(answer, allowed, count=3, otherwise=f"words: {', '.join(allowed[:20])}")
        return f"{answer!r} is none of the words; {hint}"

    return check


def a_number(answer: str) -> str:
    """An answer that must be a number."""
    try:
        float(answer)
    except ValueError:
        return f"{answer!r} is no number"
    return "" if all(character in "+-.0123456789eE" for character in answer) else f"{answer!r} is no plain number"


def a_count(most: int) -> Check:
    """An answer that must be a whole number from 1."""

    def check(answer: str) -> str:
        right = answer.isdecimal() and 1 <= int(answer) <= most
        return "" if right else f"{answer!r} is no whole number from 1 to {most}"

    return check


def a_text(answer: str) -> str:
    """An answer that must fit a line."""
    return "" if answer.isprintable() else "only letters, digits and signs"


def from_person(question: str, default: str, check: Check | None = None) -> str:
    """Ask on the terminal until the answer will do; at the end of input the default counts."""
    while True:
        try:
            answer = input(f"{question} [{default}]: ").strip() or default
        except EOFError:
            return default
        wrong = check(answer) if check else ""
        if not wrong:
            return answer
        print(f"  {wrong}", file=sys.stderr)


def from_file(path: Path) -> Ask:
    """Answers from a file, one a line; an empty line is the default.

    Raises:
        ProfileError: An answer cannot be; the message names its line.
    """
    lines = enumerate(path.read_text(encoding="utf-8").splitlines(), 1)

    def ask(question: str, default: str, check: Check | None = None) -> str:
        number, line = next(lines, (0, ""))
        answer = line.strip() or default
        wrong = check(answer) if check else ""
        if wrong:
            raise profile_error(f"{question}: {wrong}", path=str(path), line=number)
        return answer

    return ask
