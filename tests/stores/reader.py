"""Readers of what stores are sent, of the tests' own, written from the formats' descriptions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    measurement: str
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, float | str], ...]
    time: int


def _split(text: str, at: str, *, quoted: bool = False, most: int = 0) -> list[str]:
    """Cut at a sign that is neither escaped nor, in values, quoted; at the first ``most`` of them, 0 for all."""
    parts: list[str] = []
    current, index, inside = "", 0, False
    while index < len(text):
        if text[index] == "\\" and index + 1 < len(text):
            current += text[index : index + 2]
            index += 2
            continue
        inside ^= quoted and text[index] == '"' and (inside or current.endswith("="))
        if text[index] == at and not inside and not (most and len(parts) == most):
            parts.append(current)
            current = ""
        else:
            current += text[index]
        index += 1
    return [*parts, current]


def _plain(text: str) -> str:
    return re.sub(r"\\([, =])", r"\1", text)


def _value(text: str) -> float | str:
    if text.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]+)?", text), text
    assert "." in text or "e" in text, f"{text} would be an integer"
    return float(text)


def point(line: str) -> Point:
    key, rest = _split(line, " ", most=1)
    fields, time = _split(rest, " ", quoted=True)
    measurement, *tags = _split(key, ",")
    assert not measurement.startswith("#")
    pairs = [tuple(map(_plain, _split(tag, "="))) for tag in tags]
    assert pairs == sorted(pairs)
    assert all(value for _, value in pairs)
    values = [_split(each, "=", most=1) for each in _split(fields, ",", quoted=True)]
    return Point(
        _plain(measurement),
        tuple((name, value) for name, value in pairs),
        tuple((_plain(name), _value(value)) for name, value in values),
        int(time),
    )


def points(pieces: tuple[bytes, ...]) -> list[Point]:
    assert all(piece.endswith(b"\n") for piece in pieces)
    return [point(line) for piece in pieces for line in piece.decode().removesuffix("\n").split("\n")]


@dataclass(frozen=True)
class Sample:
    """One number of VictoriaMetrics' import format."""

    labels: tuple[tuple[str, str], ...]
    time_ms: int
    value: float

    @property
    def name(self) -> str:
        return dict(self.labels)["__name__"]


def _labels(pairs: list[tuple[str, object]]) -> dict[str, object]:
    assert len({key for key, _ in pairs}) == len(pairs), "a label twice"
    return dict(pairs)


def samples(pieces: tuple[bytes, ...]) -> list[Sample]:
    assert all(piece.endswith(b"\n") for piece in pieces)
    found: list[Sample] = []
    for line in b"".join(pieces).decode().removesuffix("\n").split("\n"):
        series = json.loads(line, object_pairs_hook=_labels, parse_constant=lambda word: 1 / 0)
        assert list(series) == ["metric", "values", "timestamps"]
        assert all(series["metric"].values()), "a label without a value"
        assert all(isinstance(value, float) for value in series["values"]), "a number that is no float"
        labels = tuple(sorted(series["metric"].items()))
        found += [Sample(labels, *each) for each in zip(series["timestamps"], series["values"], strict=True)]
    return found
