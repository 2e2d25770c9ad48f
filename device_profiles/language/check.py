"""Checks a profile file: its TOML, its schema, that it compiles, and its sense. Every finding names its line."""

from __future__ import annotations

import re
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin

from pydantic import ValidationError

from device_profiles import catalogue
from device_profiles.engine.compile import compile_profile
from device_profiles.errors import Problem, ProfileError
from device_profiles.language.base import Table
from device_profiles.language.lines import Lines
from device_profiles.language.lint import lint
from device_profiles.language.profile import ProfileFile

_NOWHERE: Final = object()
_QUOTED: Final = re.compile(r"'([^']*)'")


def check_file(profile: str | Path) -> list[Problem]:
    """Everything that is wrong with a profile, in file order.

    Raises:
        ProfileError: There is no such file.
    """
    path, data = catalogue.read(profile)
    return check(data, path=str(path), profile_id=catalogue.id_of(path))


def check(data: bytes, *, path: str, profile_id: str) -> list[Problem]:
    """Check the text of a profile."""
    try:
        document = catalogue.parse(data, path)
    except ProfileError as exc:
        return list(exc.problems)
    lines = Lines(data.decode("utf-8"))
    problems = [replace(problem, path=path) for problem in schema_problems(document, lines)]
    if problems:
        return problems
    try:
        document = catalogue.complete(document, Path(path).parent)
    except ProfileError as exc:
        first = exc.problems[0]
        return [replace(first, path=path, line=_line_of_words(first.what, document, lines))]
    variants: list[str | None] = [str(item["name"]) for item in document.get("variants") or []] or [None]
    for variant in variants:
        try:
            compile_profile(document, profile_id=profile_id, digest=catalogue.digest(data), variant=variant)
        except ProfileError as exc:
            first = exc.problems[0]
            problems.append(replace(first, path=path, line=_line_of_words(first.what, document, lines)))
    if not problems:
        problems = [replace(problem, path=path) for problem in lint(document, lines)]
    return sorted(set(problems), key=lambda problem: problem.line)


def schema_problems(document: dict[str, Any], lines: Lines) -> list[Problem]:
    """What the schema says against a document."""
    try:
        ProfileFile.model_validate(document)
    except ValidationError as exc:
        found = [_problem(dict(error), document, lines) for error in exc.errors()]
        return list({(item.line, item.what): item for item in found}.values())
    return []


def _problem(error: dict[str, Any], document: dict[str, Any], lines: Lines) -> Problem:
    location = _real_path(error["loc"], document)
    line = lines.find(location)
    where = ".".join(str(item) for item in location)
    model = _model_at(location[:-1]) or ProfileFile
    keys = [field.alias or name for name, field in model.model_fields.items()]
    last = str(location[-1]) if location else ""
    kind = str(error["type"])
    hint = ""
    if kind == "extra_forbidden":
        what = f"unknown key {last!r} in {'.'.join(str(item) for item in location[:-1]) or 'the file'}"
        close = get_close_matches(last, keys, 1, 0.5)
        hint = f"nearest: {close[0]}" if close else f"keys: {', '.join(keys)}"
    elif kind == "missing":
        missing = str(error["loc"][-1])
        what = f"{'.'.join(str(item) for item in location) or 'the file'} lacks {missing!r}"
    elif kind == "literal_error":
        allowed = _QUOTED.findall(str(error.get("ctx", {}).get("expected", "")))
        what = f"{where} is {error.get('input')!r}, which is none of its words"
        close = get_close_matches(str(error.get("input")), allowed, 1, 0.4)
        hint = f"nearest: {close[0]}" if close else f"words: {', '.join(allowed)}"
    else:
        what = f"{where}: {error['msg']} (it is {error.get('input')!r})"[:300]
    inner = _model_at(location)
    return Problem(what, line, "", hint, (inner or model).EXAMPLE)


def _real_path(location: tuple[str | int, ...], document: Any) -> tuple[str | int, ...]:  # noqa: ANN401
    """The part of pydantic's location that is in the document: the names of union members are not."""
    path: list[str | int] = []
    value = document
    for item in location:
        inner = value.get(item, _NOWHERE) if isinstance(value, dict) else _NOWHERE
        if isinstance(value, list) and isinstance(item, int) and item < len(value):
            inner = value[item]
        if inner is not _NOWHERE:
            value = inner
            path.append(item)
    return tuple(path)


def _model_at(location: tuple[str | int, ...]) -> type[Table] | None:
    model: type[Table] | None = ProfileFile
    annotation: Any = None
    for item in location:
        if isinstance(item, int) or (annotation is not None and get_origin(annotation) is dict):
            annotation = None
            continue
        if model is None:
            return None
        field = next((field for name, field in model.model_fields.items() if item in (name, field.alias)), None)
        if field is None:
            return None
        annotation = _without_none(field.annotation)
        model = _table_in(annotation)
    return model


def _without_none(annotation: Any) -> Any:  # noqa: ANN401
    if get_origin(annotation) in (Union, UnionType):
        rest = [item for item in get_args(annotation) if item is not type(None)]
        return rest[0] if len(rest) == 1 else annotation
    return annotation


def _table_in(annotation: Any) -> type[Table] | None:  # noqa: ANN401
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    for item in get_args(annotation):
        found = _table_in(item)
        if found is not None:
            return found
    return None


def _line_of_words(what: str, document: dict[str, Any], lines: Lines) -> int:
    """The line a compile error is about, by the frame, field or channel it names."""
    frame = re.search(r"frame (\w+)", what)
    word = re.search(r"(?:field|channel) '?(\w+)", what)
    for index, table in enumerate(document.get("frames") or []):
        if frame and table.get("name") == frame[1]:
            for position, item in enumerate(table.get("fields") or []):
                if word and item.get("name") == word[1]:
                    return lines.find(("frames", index, "fields", position))
            return lines.find(("frames", index))
    if word and word[1] in (document.get("channels") or {}):
        return lines.find(("channels", word[1]))
    return 1
