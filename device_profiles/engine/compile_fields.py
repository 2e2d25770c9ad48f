"""Fields of one frame kind, compiled: slots, operations, and how slots become columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from device_profiles.engine.channels import ChannelPlan
from device_profiles.engine.compile_runs import RunBuilder
from device_profiles.engine.compile_scale import code, condition, greater, less, listed, plain, scale, sentinel
from device_profiles.engine.compile_ways import is_read, slot_name
from device_profiles.engine.emit import Output, Verdict
from device_profiles.engine.operations import Bits, Compute, Equals, Operation, Read, Seek, SkipRest, Time
from device_profiles.engine.state import FIRST_SLOT, SPECIAL_NAMES
from device_profiles.engine.text import TextRead
from device_profiles.engine.types import TEXT_TYPES, FieldType, field_type
from device_profiles.errors import ProfileError, nearest, profile_error
from device_profiles.expressions import Expression, ExpressionError, parse
from device_profiles.quality import Flag

Field = Mapping[str, Any]
_FLAGS: Final = {"missing": Flag.MISSING, "fail": Flag.FAIL, "suspect": Flag.SUSPECT}
_TIMES: Final[dict[str, tuple[int, int, bool]]] = {
    "unix_s": (1_000_000_000, 0, False),
    "unix_ms": (1_000_000, 0, False),
    "unix_us": (1_000, 0, False),
    "epoch2000_s": (1_000_000_000, 946_684_800_000_000_000, False),
    "epoch2015_s": (1_000_000_000, 1_420_070_400_000_000_000, False),
    "gps_s": (1_000_000_000, 315_964_800_000_000_000, False),
    "age_s": (1_000_000_000, 0, True),
    "age_min": (60_000_000_000, 0, True),
    "age_ms": (1_000_000, 0, True),
}
"""Factor and origin in nanoseconds, and whether it counts back from arrival."""


@dataclass(slots=True)
class FieldCompiler:
    """Compiles the fields of one frame kind.

    Attributes:
        channels: Of the profile; residual scales are noted there.
        order: Byte order where a field says nothing.
        text: The frame is text.
        register: Modbus: byte offset of a register number; None where there are no registers.
        slots: Name to slot.
        aliases: In the part being compiled: field to the name of its slot, where that is not its own.
    """

    channels: Mapping[str, ChannelPlan]
    order: str
    text: bool
    register: Callable[[int], int] | None
    slots: dict[str, int] = field(default_factory=lambda: dict(SPECIAL_NAMES))
    aliases: dict[str, str] = field(default_factory=dict)

    @property
    def slot_count(self) -> int:
        """How many slots a frame needs."""
        return max(self.slots.values(), default=FIRST_SLOT - 1) + 1

    def declare(self, fields: Iterable[Field]) -> None:
        """Give every field a slot: those that are read first, so that neighbours unpack in one call."""
        listed = list(fields)
        for table in [item for item in listed if is_read(item)] + [item for item in listed if not is_read(item)]:
            if not str(table.get("type", "")).startswith("skip"):
                self.slots.setdefault(slot_name(table), self.slot_count)

    def expression(self, text: str) -> Callable[[Any], Any]:
        """An expression over this frame's fields."""
        parsed = self.parse(text)
        return parsed.bind(lambda name: itemgetter(self.slot(name, text)))

    def parse(self, text: str) -> Expression:
        """Parse, with the engine's error."""
        try:
            return parse(text)
        except ExpressionError as exc:
            raise profile_error(str(exc)) from exc

    def slot(self, name: str, where: str) -> int:
        """Slot of a name.

        Raises:
            ProfileError: The frame has no such field.
        """
        if name not in self.slots:
            raise profile_error(f"no field {name!r} in this frame (used in {where!r})", hint=nearest(name, self.slots))
        return self.slots[self.aliases.get(name, name)]

    def operations(self, fields: list[Field], *, start: int | None) -> tuple[Operation, ...]:
        """The steps that read fields: bytes first, then what follows from them.

        Args:
            fields: In frame order.
            start: Where the first stands relative to the base, if that is always the same.
        """
        reads = [item for item in fields if is_read(item)]
        steps: list[Operation] = self._text_reads(reads) if self.text else self._binary_reads(reads, start)
        for table in fields:
            name = str(table["name"])
            slot = self.slots.get(slot_name(table), -1)
            if table.get("of") is not None:
                steps.append(self._bits(table))
            elif table.get("value") is not None:
                steps.append(Compute(slot, name, self.expression(str(table["value"]))))
            if table.get("equals") is not None:
                steps.append(Equals(slot, name, frozenset(plain(item) for item in listed(table["equals"]))))
            if table.get("time") is not None:
                factor, origin, age = _TIMES[str(table["time"])]
                skip = frozenset(plain(item) for item in table.get("missing", ()) if not isinstance(item, dict))
                gps = table["time"] == "gps_s"
                steps.append(Time(slot, factor, origin, age=age, skip=skip, gps=gps))
        return tuple(steps)

    def _binary_reads(self, fields: list[Field], start: int | None) -> list[Operation]:
        steps: list[Operation] = []
        run = RunBuilder()
        known = start
        for table in fields:
            kind = self._type(table)
            at = self._offset(table)
            if at is not None and at != known:
                if known is not None and known < at and run.count:
                    run.pad(at - known)
                else:
                    run.flush(steps)
                    steps.append(Seek(at, relative=False))
                known = at
            if kind.word.startswith("skip"):
                if kind.size < 0:
                    run.flush(steps)
                    steps.append(SkipRest())
                else:
                    run.pad(kind.size) if run.count else steps.append(Seek(kind.size, relative=True))
            elif kind.code and run.fits(kind, self.slots[slot_name(table)]):
                run.add(kind, self.slots[slot_name(table)], str(table["name"]))
            else:
                run.flush(steps)
                slot, name = self.slots[slot_name(table)], str(table["name"])
                if kind.code and run.fits(kind, slot):
                    run.add(kind, slot, name)
                else:
                    steps.append(Read(slot, name, kind.size, kind.reader))
            known = None if known is None or kind.size < 0 else known + kind.size
        run.flush(steps)
        return steps

    def _type(self, table: Field) -> FieldType:
        try:
            return field_type(str(table.get("type") or "u8"), str(table.get("order") or self.order))
        except ProfileError as exc:
            raise profile_error(f"field {table['name']}: {exc.problems[0].what}", hint=exc.problems[0].hint) from exc

    def _offset(self, table: Field) -> int | None:
        if table.get("reg") is not None:
            if self.register is None:
                raise profile_error(f"field {table['name']}: reg needs a frame that answers a Modbus request")
            return self.register(int(table["reg"]))
        return None if table.get("at") is None else int(table["at"])

    def _text_reads(self, fields: list[Field]) -> list[Operation]:
        steps: list[Operation] = []
        for table in fields:
            kind = str(table.get("type") or "number")
            if kind not in TEXT_TYPES and not kind.startswith("skip"):
                raise profile_error(f"no text field type {kind!r}", hint=f"types: {', '.join(TEXT_TYPES)}")
            if kind.startswith("skip"):
                steps.append(Seek(int(kind.partition(":")[2] or 1), relative=True))
                continue
            texts = {item: "invalid" for item in table.get("missing", ()) if isinstance(item, str)}
            for rule in table.get("missing", ()):
                if isinstance(rule, dict):
                    values = [rule.get("value"), *(rule.get("values") or [])]
                    texts.update(
                        {item: str(rule.get("reason") or "invalid") for item in values if isinstance(item, str)}
                    )
            name = str(table["name"])
            steps.append(
                TextRead(
                    self.slots[slot_name(table)],
                    name,
                    kind,
                    column=table.get("column"),
                    key=table.get("key"),
                    suffix=table.get("suffix"),
                    words=table.get("words"),
                    texts=texts,
                )
            )
        return steps

    def _bits(self, table: Field) -> Bits:
        bits = table.get("bits")
        try:
            high, low = (
                (int(item) for item in str(bits).split("..")) if ".." in str(bits) else (int(str(bits)), int(str(bits)))
            )
        except ValueError as exc:
            raise profile_error(f"field {table['name']}: bits is a number or 'high..low', not {bits!r}") from exc
        if not 0 <= low <= high <= 63:
            raise profile_error(f"field {table['name']}: bits {bits!r} must be 'high..low'")
        return Bits(
            self.slots[slot_name(table)],
            str(table["name"]),
            self.slot(str(table["of"]), str(table["name"])),
            low,
            high - low + 1,
            signed=bool(table.get("signed")),
        )

    def output(self, table: Field) -> Output | None:
        """How the field becomes a column; None for internal fields.

        Raises:
            ProfileError: It feeds no declared channel, or two fields feed one channel in different scales.
        """
        name = str(table["name"])
        if name.startswith("_") or str(table.get("type", "")).startswith("skip"):
            return None
        plan = self.channels.get(name)
        if plan is None:
            raise profile_error(
                f"field {name} feeds no channel; declare it under [channels] or call it _{name}",
                hint=nearest(name, self.channels),
            )
        kind = None if self.text or not is_read(table) else self._type(table)
        is_float = kind is not None and kind.is_float
        times, add, exponent, residual = scale(table, is_float=is_float)
        if residual is not None:
            if plan.residual not in (None, residual):
                raise profile_error(f"channel {name} is fed in two scales; bring the fields to one")
            plan.residual = residual
            plan.wire_unit = str(plan.table.get("raw_unit") or "1")
        sentinels, tests = self._missing(table, kind)
        unit_codes = {code(key): value for key, value in (table.get("units") or {}).items()}
        return Output(
            slot=self.slots[slot_name(table)],
            channel=name,
            unit=str(table.get("unit") or plan.wire_unit),
            times=times,
            add=add,
            exponent=exponent,
            sentinels=sentinels,
            tests=tests,
            exponent_slot=self._other(table, "exponent_from"),
            unit_slot=self._other(table, "unit_from"),
            unit_codes=unit_codes,
            sign_slot=self._other(table, "sign_from"),
            text=plan.kind == "text",
            float_type=is_float,
        )

    def _other(self, table: Field, key: str) -> int:
        return -1 if table.get(key) is None else self.slot(str(table[key]), str(table["name"]))

    def _missing(self, table: Field, kind: FieldType | None) -> tuple[dict[Any, Verdict], tuple[Any, ...]]:
        sentinels: dict[Any, Verdict] = {}
        tests: list[tuple[Callable[[Any, list[Any]], object], Flag, str]] = []
        for item in table.get("missing", ()):
            rule = item if isinstance(item, dict) else {"value": item}
            verdict = (_FLAGS[str(rule.get("flag") or "missing")], str(rule.get("reason") or "invalid"))
            for value in [rule.get("value"), *(rule.get("values") or [])]:
                if value is not None:
                    sentinels[sentinel(value, kind)] = verdict
            if rule.get("below") is not None:
                tests.append((less(plain(rule["below"])), *verdict))
            if rule.get("above") is not None:
                tests.append((greater(plain(rule["above"])), *verdict))
            if rule.get("if") is not None:
                tests.append((condition(self.expression(str(rule["if"]))), *verdict))
        return sentinels, tuple(tests)
