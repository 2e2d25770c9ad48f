"""Parts of a frame kind, compiled: repetitions with numbered names are unrolled, scopes get their row makers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from device_profiles.engine.compile_fields import FieldCompiler
from device_profiles.engine.compile_ways import slot_name
from device_profiles.engine.emit import Emitter, Output
from device_profiles.engine.parts import REST, Part, Tags
from device_profiles.errors import profile_error

Table = Mapping[str, Any]
MAX_FIELDS: Final = 4096
"""More would never be read: a frame's work ends before."""
_TAG_SIZES = {"u8": 1, "u16": 2, "u24": 3, "u32": 4, "u16le": 2}


def expand(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Unroll repetitions whose field names count with ``{i}``; all other parts stay as they are.

    Raises:
        ProfileError: There would be more fields than a frame can have.
    """
    if sum(map(_unrolled_fields, parts)) > MAX_FIELDS:
        raise profile_error(f"repetitions of repetitions come to more than {MAX_FIELDS} fields")
    return _expand(parts)


def _unrolled_fields(part: Table) -> int:
    """How many fields a part comes to, told without unrolling it."""
    inner = [*(part.get("parts") or []), *(part.get("cases") or [])]
    own = len(part.get("fields") or []) + sum(map(_unrolled_fields, inner))
    repeat = part.get("repeat")
    if repeat is None or part.get("rows") or not _counts(part):
        return own
    return own * (repeat if isinstance(repeat, int) else int(part.get("max", 64)))


def _expand(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    expanded: list[dict[str, Any]] = []
    for part in parts:
        inner = {**part, "parts": _expand(part.get("parts") or [])}
        if part.get("cases"):
            inner["cases"] = [{**case, "parts": _expand(case.get("parts") or [])} for case in part["cases"]]
        if part.get("repeat") is not None and not part.get("rows") and _counts(inner):
            expanded.extend(_unroll(inner))
        else:
            expanded.append(inner)
    return expanded


def _counts(part: Table) -> bool:
    fields = list(part.get("fields") or [])
    for inner in part.get("parts") or []:
        fields.extend(inner.get("fields") or [])
    return any("{i}" in str(item.get("name")) for item in fields)


def _unroll(part: dict[str, Any]) -> list[dict[str, Any]]:
    repeat = part["repeat"]
    first = int(part.get("first", 1))
    copies = int(repeat) if isinstance(repeat, int) else int(part.get("max", 64))
    if copies > 256:
        raise profile_error(f"{copies} repetitions; at most 256")
    outer = part.get("if")
    unrolled = []
    for index in range(copies):
        condition = (
            None if isinstance(repeat, int) else "remaining > 0" if repeat == "rest" else f"({repeat}) > {index}"
        )
        both = f"({outer}) and ({condition})" if outer and condition else outer or condition
        copy = {key: value for key, value in part.items() if key not in ("repeat", "max", "first", "if")}
        copy = _numbered(copy, str(first + index))
        if both:
            copy["if"] = both
        unrolled.append(copy)
    return unrolled


def _numbered(value: Any, number: str) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return value.replace("{i}", number)
    if isinstance(value, dict):
        return {key: _numbered(item, number) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbered(item, number) for item in value]
    return value


def own_scope(part: Table) -> bool:
    """Whether the part's fields are cleared and made into columns at each repetition."""
    return part.get("repeat") is not None or bool(part.get("rows"))


class PartCompiler:
    """Compiles the tree of parts of one frame kind."""

    def __init__(self, fields: FieldCompiler) -> None:
        self.fields = fields

    def declare(self, part: Table) -> None:
        """Slots for every field of the tree."""
        self.fields.declare(part.get("fields") or [])
        for inner in part.get("parts") or []:
            self.declare(inner)
        for case in part.get("cases") or []:
            self.declare(case)

    def outputs(self, part: Table) -> list[Output]:
        """Columns of a part's own scope, inner scopes left out."""
        found: dict[tuple[int, str], Output] = {}
        around = self.fields.aliases
        self.fields.aliases = self._aliases(part)
        for table in part.get("fields") or []:
            output = self.fields.output(table)
            if output is not None:
                found.setdefault((output.slot, output.channel), output)
        for inner in [*(part.get("parts") or []), *(part.get("cases") or [])]:
            if not own_scope(inner):
                for output in self.outputs(inner):
                    found.setdefault((output.slot, output.channel), output)
        self.fields.aliases = around
        return list(found.values())

    def part(self, table: Table, *, start: int | None = None) -> Part:
        """Compile one part."""
        around = self.fields.aliases
        condition = None if table.get("if") is None else self.fields.expression(str(table["if"]))
        if table.get("tag") is not None:
            return Part(condition=condition, tags=self._tags(table))
        scoped = own_scope(table)
        repeat = self._repeat(table.get("repeat"))
        outputs = self.outputs(table) if scoped else []
        own = self._aliases(table)
        self.fields.aliases = own
        operations = self.fields.operations(list(table.get("fields") or []), start=0 if scoped else start)
        age = None if table.get("age_s") is None else self.fields.expression(str(table["age_s"]))
        parts = []
        for inner in table.get("parts") or []:
            self.fields.aliases = own
            parts.append(self.part(inner))
        self.fields.aliases = around
        return Part(
            operations=operations,
            parts=tuple(parts),
            condition=condition,
            repeat=repeat,
            most=int(table.get("max", 64)) if not isinstance(table.get("repeat"), int) else int(table["repeat"]),
            rows=bool(table.get("rows")),
            emitter=Emitter(tuple(outputs), text=self.fields.text) if scoped else None,
            scope=tuple(self._scope_slots(table)) if scoped else (),
            age=age,
        )

    def _aliases(self, part: Table) -> dict[str, str]:
        """In a part that reads a channel in another way than one before, its name means the part's own field."""
        own = {str(item["name"]): str(item["slot"]) for item in part.get("fields") or [] if item.get("slot")}
        return {**self.fields.aliases, **own}

    def _scope_slots(self, table: Table) -> list[int]:
        slots = {
            self.fields.slots[slot_name(item)]
            for item in table.get("fields") or []
            if slot_name(item) in self.fields.slots
        }
        for inner in [*(table.get("parts") or []), *(table.get("cases") or [])]:
            slots.update(self._scope_slots(inner))
        return sorted(slots)

    def _repeat(self, repeat: Any) -> int | Callable[[Any], Any] | None:  # noqa: ANN401
        if repeat is None or isinstance(repeat, int):
            return repeat
        return REST if repeat == "rest" else self.fields.expression(str(repeat))

    def _tags(self, table: Table) -> Tags:
        word = str(table["tag"])
        if word not in _TAG_SIZES:
            raise profile_error(f"no tag type {word!r}", hint=f"types: {', '.join(_TAG_SIZES)}")
        size = _TAG_SIZES[word]
        cases: dict[int, Part] = {}
        for case in table.get("cases") or []:
            compiled = self.part({key: value for key, value in case.items() if key != "tag"}, start=0)
            tags = case["tag"] if isinstance(case["tag"], list) else [case["tag"]]
            cases.update({int(tag): compiled for tag in tags})
        return Tags(
            _little_tag if word.endswith("le") else _tag_reader(size),
            size,
            {None: 0, "u8": 1, "u16": 2}[table.get("length")],
            cases,
            str(table.get("unknown", "stop")),
        )


def _tag_reader(size: int) -> Callable[[bytes, int], int]:
    return lambda data, at: int.from_bytes(data[at : at + size], "big")


def _little_tag(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "little")
