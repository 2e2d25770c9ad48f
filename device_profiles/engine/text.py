"""Text frames: splitting into columns, pairs or packed numbers, and reading one value of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from device_profiles.engine.decimals import leading_decimal, parse_decimal
from device_profiles.engine.operations import Operation
from device_profiles.engine.state import Span, State
from device_profiles.rejects import FrameRejected, RejectReason, reject

MAX_TOKENS: Final = 512
_PACKED: Final = re.compile(r"[+-]\d{1,12}(?:\.\d{0,12})?", re.ASCII)
_SPACED: Final = re.compile(r"\S+")


class Split(NamedTuple):
    """How a text frame is split."""

    kind: str
    separator: str = ","
    assign: str = "="
    strip: str = ""
    strip_end: str = ""


def split(plan: Split, state: State) -> FrameRejected | None:
    """Fill the state's tokens or pairs; ``position`` and ``end`` then count tokens."""
    raw = state.data[state.position : state.end]
    text = raw.decode("latin-1").rstrip("\r\n\0 ") if plan.kind != "hex" else raw.decode("latin-1").strip()
    offset = state.position
    if plan.strip:
        if not text.startswith(plan.strip):
            return reject(RejectReason.SHAPE, f"does not start with {plan.strip!r}", state.data)
        text = text[len(plan.strip) :]
        offset += len(plan.strip)
    if plan.strip_end:
        text = text.removesuffix(plan.strip_end)
    if plan.kind == "hex":
        return _hex(text, state)
    if _count(plan, text) > MAX_TOKENS:
        return reject(RejectReason.TOO_LONG, f"more than {MAX_TOKENS} values", state.data)
    parts = _packed(text) if plan.kind == "numbers" else _separated(text, plan.separator)
    if parts is None:
        return reject(RejectReason.SHAPE, "not a run of signed numbers", state.data)
    if plan.kind == "pairs":
        for at, part in parts:
            key, value, value_at = _pair(part, plan.assign)
            # The first of two equal keys counts: a second one is what noise leaves of a lost line.
            state.pairs.setdefault(key, (value, offset + at + value_at))
        state.tokens = []
    else:
        state.tokens = [part for _, part in parts]
        state.offsets = [offset + at for at, _ in parts]
    state.position = state.base = 0
    state.end = len(state.tokens)
    return None


def columns(plan: Split, data: bytes) -> int:
    """How many values a text has, told without taking it apart."""
    text = data.decode("latin-1").rstrip("\r\n\0 ").removeprefix(plan.strip).removesuffix(plan.strip_end)
    return _count(plan, text)


def _count(plan: Split, text: str) -> int:
    if plan.kind == "numbers":
        return text.count("+") + text.count("-")
    return text.count(plan.separator) + 1 if plan.separator else len(text.split())


def _hex(text: str, state: State) -> FrameRejected | None:
    try:
        state.data = bytes.fromhex(text)
    except ValueError:
        return reject(RejectReason.SHAPE, "not hexadecimal digits", state.data)
    state.position = state.base = 0
    state.end = len(state.data)
    return None


def _packed(text: str) -> list[tuple[int, str]] | None:
    found = [(match.start(), match.group()) for match in _PACKED.finditer(text)]
    return found if "".join(part for _, part in found) == text else None


def _separated(text: str, separator: str) -> list[tuple[int, str]]:
    if not separator:
        return [(match.start(), match.group()) for match in _SPACED.finditer(text)]
    parts = []
    at = 0
    for part in text.split(separator):
        parts.append((at, part))
        at += len(part) + len(separator)
    return parts


def _pair(part: str, assign: str) -> tuple[str, str, int]:
    if assign:
        key, found, value = part.partition(assign)
    else:
        pieces = part.split(None, 1)
        key, value = (pieces[0], pieces[1]) if len(pieces) == 2 else (part.strip(), "")
        found = " " if len(pieces) == 2 else ""
    return key.strip(), value.strip(), len(part) - len(value) if found else len(part)


class TextRead(Operation):
    """One value of a text frame, by column, by key or in order."""

    __slots__ = ("column", "key", "kind", "name", "slot", "suffix", "texts", "words")

    def __init__(
        self,
        slot: int,
        name: str,
        kind: str,
        *,
        column: int | None = None,
        key: str | None = None,
        suffix: Mapping[str, str] | None = None,
        words: Mapping[str, int] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        self.slot = slot
        self.name = name
        self.kind = kind
        self.column = column
        self.key = key
        self.suffix = suffix
        self.words = words
        self.texts = texts or {}

    def run(self, state: State) -> FrameRejected | None:
        """Do the step."""
        state.reads += 1
        found = self._find(state)
        if isinstance(found, FrameRejected):
            return found
        if found is None:
            return None
        text, offset = found
        self._put(text.strip(), state)
        if state.spans is not None:
            state.spans.append(Span(offset, len(text), self.name, text))
        return None

    def _find(self, state: State) -> tuple[str, int] | FrameRejected | None:
        if self.key is not None:
            return state.pairs.get(self.key)
        tokens = state.tokens or []
        index = self.column
        if index is None:
            index = state.position
            state.position += 1
        if index >= len(tokens):
            return reject(
                RejectReason.TRUNCATED, f"has {len(tokens)} values, {self.name} is number {index + 1}", state.data
            )
        return tokens[index], state.offsets[index]

    def _put(self, text: str, state: State) -> None:
        slot = self.slot
        value: Any = None
        reason = "garbled"
        if text in self.texts:
            reason = self.texts[text]
        elif self.words is not None:
            value = self.words.get(text)
        elif not text:
            reason = "not_measured"
        elif self.kind == "text":
            value = text
        elif self.kind in ("int", "hex"):
            value = _integer(text, 10 if self.kind == "int" else 16)
        else:
            value, reason = self._number(text, state)
        state.slots[slot] = value
        if value is None:
            state.bad[slot] = reason

    def _number(self, text: str, state: State) -> tuple[int | float | None, str]:
        parsed = parse_decimal(text)
        if self.suffix is not None:
            leading = leading_decimal(text)
            if leading is None or leading[1] not in self.suffix:
                return None, "garbled"
            parsed, rest = leading
            if not self.suffix[rest]:
                return None, "invalid"
            state.units[self.slot] = self.suffix[rest]
        if parsed is None:
            return None, "garbled"
        mantissa, exponent = parsed
        value = mantissa / 10**-exponent if exponent < 0 else mantissa * 10**exponent
        if self.kind == "ddmm":
            degrees = int(value // 100)
            return degrees + (value - 100 * degrees) / 60, ""
        state.exact[self.slot] = parsed
        return value, ""


def _integer(text: str, base: int) -> int | None:
    try:
        value = int(text, base)
    except ValueError:
        return None
    return value if abs(value) < 2**63 and "_" not in text else None
