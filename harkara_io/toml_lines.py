"""Where each key of a TOML text stands: the standard parser gives values without places, and an error needs a line."""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]

_KEY_PART: Final = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SCALAR: Final = re.compile(r"[^,\]}\n#]*")
_STRING: Final = re.compile(
    r"""\"{3}(?:[^\\]|\\.)*?"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """Line (from 1) of each table header, key and array item.

    Args:
        text: TOML that the standard parser has accepted; for anything else the lines may be wrong.

    Returns:
        By path: names of tables and keys, and indexes from 0 within arrays.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Walks the text once; every method moves ``at`` behind what it names."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, int] = {}
        self.arrays: dict[Path, int] = {}
        """Index of the running element of each array of tables."""

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while True:
            self._blank()
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        is_array = self.text.startswith("[[", self.at)
        start = self.at
        self.at += 2 if is_array else 1
        path: Path = ()
        parts = self._key()
        for place, part in enumerate(parts):
            path = (*path, part)
            if is_array and place == len(parts) - 1:
                self._note(path, start)
                self.arrays[path] = self.arrays.get(path, -1) + 1
            if path in self.arrays:
                path = (*path, self.arrays[path])
        self._note(path, start)
        self.at = self._line_end()
        return path

    def _pair(self, base: Path) -> None:
        start = self.at
        parts = self._key()
        if not parts:
            self.at = self._line_end()
            return
        for depth in range(1, len(parts) + 1):
            self._note(base + parts[:depth], start)
        self.at += 1  # the equals sign
        self._value(base + parts)

    def _value(self, path: Path) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1
        char = self.text[self.at : self.at + 1]
        if char == "[":
            self.at += 1
            index = 0
            while self._next_item("]"):
                self._note((*path, index), self.at)
                self._value((*path, index))
                index += 1
        elif char == "{":
            self.at += 1
            while self._next_item("}"):
                self._pair(path)
        else:
            match = _STRING.match(self.text, self.at) or _SCALAR.match(self.text, self.at)
            assert match is not None, "a scalar may be empty"
            self.at = max(match.end(), self.at + 1)  # past a stray bracket too: every value moves on

    def _next_item(self, closing: str) -> bool:
        """Step over blanks and commas; False, and behind the bracket, at the end of the array or inline table."""
        self._blank()
        while self.text.startswith(",", self.at):
            self.at += 1
            self._blank()
        if self.at >= len(self.text):
            return False
        if self.text[self.at] == closing:
            self.at += 1
            return False
        return True

    def _key(self) -> tuple[str, ...]:
        parts: list[str] = []
        while (match := _KEY_PART.match(self.text, self.at)) is not None:
            word = match[1]
            parts.append(word[1:-1] if word[0] in "\"'" else word)
            self.at = match.end()
            if not match[2]:
                break
        return tuple(parts)

    def _blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        assert match is not None, "blank may be empty"
        self.at = match.end()

    def _line_end(self) -> int:
        end = self.text.find("\n", self.at)
        return len(self.text) if end < 0 else end + 1

    def _note(self, path: Path, at: int) -> None:
        self.lines.setdefault(path, self.text.count("\n", 0, at) + 1)
