"""Read a TOML configuration against a pydantic model: all problems at once, with lines and what to write."""

from __future__ import annotations

import re
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from harkara_io.errors import ConfigError, ConfigProblem, nearest_hint
from harkara_io.toml_lines import Path as KeyPath
from harkara_io.toml_lines import key_lines

M = TypeVar("M", bound=BaseModel)

FILE_BYTES_MAX: Final = 1024 * 1024
"""No configuration is this long; a log or a core dump given by mistake is."""


def load(path: Path, model: type[M], *, if_missing: str = "") -> M:
    """Read and check a configuration file. Nothing but this file is opened.

    Args:
        path: TOML file of at most 1 MiB.
        model: What it must look like. Use ``extra="forbid"`` so that unknown keys are found. The first of a field's
            ``examples`` is what to write where it is missing.
        if_missing: What to do when there is no such file.

    Raises:
        ConfigError: The file is unreadable, no TOML or not as the model wants; names every problem with its line.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as exc:
        raise ConfigError("no such file", file=path, hint=if_missing) from exc
    except OSError as exc:
        raise ConfigError(f"cannot be read: {exc.strerror}", file=path) from exc
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError(
            f"is {len(raw)} bytes long", file=path, hint="a configuration has at most 1 MiB; is it the right file?"
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = raw.count(b"\n", 0, exc.start) + 1
        raise ConfigError("is not UTF-8 text", file=path, line=line) from exc
    return parse(text, model, file=path)


def parse(text: str, model: type[M], *, file: Path | None = None) -> M:
    """Check a configuration given as text; arguments and errors as in ``load``."""
    # A TOML line may end in CR LF; the scanner and the parser both count only LF.
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        what, line = _toml_fault(str(exc))
        raise ConfigError(f"is no TOML: {what}", file=file, line=line) from exc
    try:
        return model.model_validate(document)
    except ValidationError as exc:
        lines = key_lines(text)
        problems = [_problem(error, model, document, lines) for error in exc.errors(include_url=False)]
        raise ConfigError(list(dict.fromkeys(problems)), file=file) from exc


def _toml_fault(message: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", message, re.DOTALL)
    return (match[1], int(match[2])) if match else (message, None)


def _problem(
    error: ErrorDetails, model: type[BaseModel], document: Mapping[str, Any], lines: Mapping[KeyPath, int]
) -> ConfigProblem:
    kind = error["type"]
    context = error.get("ctx", {})
    path = _document_path(error["loc"], document, is_missing=kind == "missing")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        path = (*path, str(context["discriminator"]).strip("'"))
    name = ".".join(str(part + 1) if isinstance(part, int) else part for part in path)
    line = next((lines[path[:depth]] for depth in range(len(path), 0, -1) if path[:depth] in lines), None)
    if kind == "extra_forbidden":
        word = str(error["loc"][-1])
        return ConfigProblem(f"unknown key `{name}`", line, nearest_hint(word, known_keys(model, error["loc"][:-1])))
    if kind in {"missing", "union_tag_not_found"}:
        loc = error["loc"] if kind == "missing" else (*error["loc"], str(path[-1]))
        example = _example(model, loc)
        return ConfigProblem(f"`{name}` is missing", line, f"write e.g. {example}" if example else "")
    if kind == "union_tag_invalid":
        known = [word.strip(" '") for word in str(context["expected_tags"]).split(",")]
        return ConfigProblem(f"`{name}`: no such `{context['tag']}`", line, nearest_hint(str(context["tag"]), known))
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind != "value_error":
        message = message[:1].lower() + message[1:]
    what, _, hint = message.partition("; ")
    if kind == "string_pattern_mismatch":
        example = _example(model, error["loc"])
        hint = f"write e.g. {example}" if example else hint
    given = error.get("input")
    shown = f" (given: {given!r})" if isinstance(given, str | int | float) and kind != "value_error" else ""
    return ConfigProblem(f"`{name}`: {what}{shown}" if name else f"{what}{shown}", line, hint)


def _document_path(loc: tuple[str | int, ...], document: Mapping[str, Any], *, is_missing: bool) -> KeyPath:
    """Strip what pydantic adds to keys (tags of unions, names of validators); keep a last key that is missing."""
    here: Any = document
    path: list[str | int] = []
    for place, part in enumerate(loc):
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif not (is_missing and place == len(loc) - 1):
            continue
        path.append(part)
    return tuple(path)


def _example(model: type[BaseModel], loc: tuple[str | int, ...]) -> str:
    """The first example of the field at ``loc``; empty where it has none."""
    for each in _kinds_at(model, loc[:-1]):
        for kind in _models(each):
            field = kind.model_fields.get(str(loc[-1]))
            if field is not None and field.examples:
                return str(field.examples[0])
    return ""


def known_keys(model: type[BaseModel], loc: tuple[str | int, ...]) -> set[str]:
    """Keys that may stand in the table at ``loc``, a path as pydantic reports it (with tags of unions)."""
    return {name for kind in _kinds_at(model, loc) for each in _models(kind) for name in _names(each)}


def _kinds_at(model: type[BaseModel], loc: tuple[str | int, ...]) -> list[Any]:
    current: list[Any] = [model]
    for part in loc:
        following: list[Any] = []
        for kind in current:
            following.extend(_step(kind, part))
        current = following or current
    return current


def _step(kind: object, part: str | int) -> Iterator[object]:
    """Types one step further: into a field, an item or the branch of a union with that tag."""
    for each in _models(kind):
        for name, field in each.model_fields.items():
            if part in (name, field.alias):
                yield field.annotation
    for branch in _branches(kind):
        origin, arguments = typing.get_origin(branch), typing.get_args(branch)
        if isinstance(part, int) and origin in (list, tuple):
            yield arguments[0]
        elif isinstance(part, str) and origin is dict:
            yield arguments[1]
    if isinstance(part, str):
        tagged = [each for each in _models(kind) if _has_tag(each, part)]
        yield from tagged


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    return any(
        tag in typing.get_args(field.annotation)
        for field in model.model_fields.values()
        if typing.get_origin(field.annotation) is typing.Literal
    )


def _branches(kind: object) -> Iterator[object]:
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        yield from _branches(typing.get_args(kind)[0])
    elif origin in (typing.Union, types.UnionType):
        for argument in typing.get_args(kind):
            yield from _branches(argument)
    else:
        yield kind


def _models(kind: object) -> Iterator[type[BaseModel]]:
    for branch in _branches(kind):
        if isinstance(branch, type) and issubclass(branch, BaseModel):
            yield branch


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
