"""Lines taken apart again, where a store has something against them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from collector.stores import naming

_FIELD: Final = rb'(?:"(?:\\.|[^"\\])*"|[^, \n]*)'


class Cut(NamedTuple):
    """Lines without a field.

    Attributes:
        rest: The lines; those that had no other field are gone.
        parts: What was cut out, as lines of their own.
    """

    rest: bytes
    parts: list[bytes]


def split(body: bytes) -> list[bytes]:
    """Lines with their ends."""
    return [line + b"\n" for line in body[:-1].split(b"\n")]


def halves(body: bytes) -> tuple[bytes, bytes]:
    """Two parts of whole lines; the second is empty when there is but one."""
    at = body.find(b"\n", len(body) // 2) + 1
    if at == len(body):
        at = body.rfind(b"\n", 0, len(body) - 1) + 1
    return (body[:at], body[at:]) if at else (body, b"")


def without_field(body: bytes, measurement: str, field: str) -> Cut:
    """Cut a field of a measurement out of all lines."""
    parts: list[bytes] = []

    def cut(found: re.Match[bytes]) -> bytes:
        head, before, value, after, time = found.groups()
        parts.append(head + value + time)
        left = before + after.removeprefix(b",") if after else before.removesuffix(b",")
        return head + left + time if left else b""

    name = re.escape(naming.key(field).encode())
    pattern = (
        rb"(?m)^("
        + re.escape(naming.measurement(measurement).encode())
        + rb"(?:,(?:\\.|[^\\ \n])*)? )((?:[^\n]*?(?<!\\),)?)("
        + name
        + rb"="
        + _FIELD
        + rb")((?:,[^\n]*)?)( -?[0-9]+\n)"
    )
    return Cut(re.sub(pattern, cut, body), parts)


def without_lines(body: bytes, bad: Iterable[bytes]) -> Cut:
    """Take out lines, given without their ends."""
    wanted = {line + b"\n" for line in bad}
    rest: list[bytes] = []
    parts: list[bytes] = []
    for line in split(body):
        (parts if line in wanted else rest).append(line)
    return Cut(b"".join(rest), parts)


def without_oldest(body: bytes, count: int) -> Cut:
    """Take out the lines with the smallest times."""
    lines = split(body)
    order = sorted(range(len(lines)), key=lambda number: int(lines[number].rsplit(b" ", 1)[1]))
    old = set(order[:count])
    return Cut(
        b"".join(line for number, line in enumerate(lines) if number not in old),
        [lines[number] for number in sorted(old)],
    )


def chunks(body: bytes, most: int) -> Iterator[bytes]:
    """Whole lines in parts of at most so many bytes, unless one line is longer."""
    while body:
        at = body.rfind(b"\n", 0, most) + 1 or body.find(b"\n") + 1 if len(body) > most else len(body)
        yield body[:at]
        body = body[at:]
