"""Where things stand in a TOML file: from the path of a value to its line, which the standard parser does not tell."""

from __future__ import annotations

import re
from typing import Final

Path = tuple[str | int, ...]

_HEADER: Final = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=\s*(.*)$")


class Lines:
    """Lines of every table, key and element of an array that begins on a line of its own."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}
        self._scan(text)

    def find(self, path: Path) -> int:
        """Line of a path, or of the nearest thing around it."""
        wanted = tuple(path)
        while wanted not in self.lines and wanted:
            wanted = wanted[:-1]
        return self.lines[wanted]

    def _scan(self, text: str) -> None:
        table: Path = ()
        array: Path | None = None
        depth = 0
        index = 0
        for number, line in enumerate(text.splitlines(), 1):
            code = _without_comment(line)
            if array is not None:
                stripped = code.strip()
                if depth == 1 and stripped and not stripped.startswith("]"):
                    self.lines[(*array, index)] = number
                    self._inline_keys((*array, index), stripped, number)
                    index += 1
                depth += _depth(code)
                if depth <= 0:
                    array = None
                continue
            header = _HEADER.match(code)
            if header:
                table = self._header(header[2], is_array=header[1] == "[[")
                self.lines[table] = number
                continue
            key = _KEY.match(code)
            if key:
                path = (*table, *_split(key[1]))
                self.lines[path] = number
                self._inline_keys(path, key[2], number)
                depth = _depth(key[2])
                if depth > 0:
                    array, index = path, 0

    def _inline_keys(self, path: Path, body: str, number: int) -> None:
        for key in re.findall(r"[{,]\s*([A-Za-z0-9_]+)\s*=", body):
            self.lines.setdefault((*path, key), number)

    def _header(self, name: str, *, is_array: bool) -> Path:
        path: Path = ()
        parts = _split(name)
        for position, part in enumerate(parts):
            path = (*path, part)
            last = position == len(parts) - 1
            if last and is_array:
                self._counts[path] = self._counts.get(path, -1) + 1
                return (*path, self._counts[path])
            if path in self._counts:
                path = (*path, self._counts[path])
        return path


def _split(name: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in name.split("."))


def _without_comment(line: str) -> str:
    quote = ""
    for at, character in enumerate(line):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "#":
            return line[:at]
    return line


def _depth(code: str) -> int:
    depth = 0
    quote = ""
    for character in code:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "[{":
            depth += 1
        elif character in "]}":
            depth -= 1
    return depth
