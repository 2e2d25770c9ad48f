"""Sets of block numbers as intervals: what receipts, syncs and ledgers speak in.

A segment's life is a few long runs of numbers, so a set of millions costs a handful of pairs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final


class IntervalSet:
    """An immutable set of integers >= 0, held as sorted inclusive intervals that neither overlap nor touch.

    ``len()`` is the number of intervals, ``count`` the number of integers.
    """

    __slots__ = ("_his", "_los")

    def __init__(self) -> None:
        """The empty set."""
        self._los: tuple[int, ...] = ()
        self._his: tuple[int, ...] = ()

    @classmethod
    def of(cls, *pairs: tuple[int, int]) -> IntervalSet:
        """The set of all integers in these inclusive intervals, in any order, overlapping or not.

        Raises:
            ValueError: An interval ends before it starts, or starts below zero.
        """
        return cls.from_pairs(pairs)

    @classmethod
    def from_pairs(cls, pairs: Iterable[tuple[int, int]]) -> IntervalSet:
        """As `of`, from an iterable."""
        los: list[int] = []
        his: list[int] = []
        for lo, hi in sorted(pairs):
            if lo < 0 or hi < lo:
                raise ValueError(f"not an interval: {lo}..{hi}")
            if his and lo <= his[-1] + 1:
                his[-1] = max(his[-1], hi)
            else:
                los.append(lo)
                his.append(hi)
        return cls._raw(tuple(los), tuple(his))

    @classmethod
    def from_numbers(cls, numbers: Iterable[int]) -> IntervalSet:
        """The set of these integers."""
        return cls.from_pairs((number, number) for number in numbers)

    @classmethod
    def _raw(cls, los: tuple[int, ...], his: tuple[int, ...]) -> IntervalSet:
        made = cls.__new__(cls)
        made._los = los  # noqa: SLF001 - our own, just made
        made._his = his  # noqa: SLF001
        return made

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        at = bisect_right(self._los, number) - 1
        return at >= 0 and number <= self._his[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._los, self._his, strict=True))

    def __len__(self) -> int:
        return len(self._los)

    def __bool__(self) -> bool:
        return bool(self._los)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IntervalSet):
            return NotImplemented
        return self._los == other._los and self._his == other._his

    def __hash__(self) -> int:
        return hash((self._los, self._his))

    def __repr__(self) -> str:
        return "{" + " ".join(f"{lo}" if lo == hi else f"{lo}..{hi}" for lo, hi in self) + "}"

    @property
    def count(self) -> int:
        """How many integers."""
        return sum(self._his) - sum(self._los) + len(self._los)

    @property
    def first(self) -> int | None:
        """Smallest member; None when empty."""
        return self._los[0] if self._los else None

    @property
    def last(self) -> int | None:
        """Largest member; None when empty."""
        return self._his[-1] if self._his else None

    def numbers(self) -> Iterator[int]:
        """Every member in order. Mind the size."""
        for lo, hi in self:
            yield from range(lo, hi + 1)

    def add(self, lo: int, hi: int | None = None) -> IntervalSet:
        """This set and the interval ``lo..hi`` (or the one number ``lo``)."""
        hi = lo if hi is None else hi
        if lo < 0 or hi < lo:
            raise ValueError(f"not an interval: {lo}..{hi}")
        los, his = self._los, self._his
        start = bisect_left(his, lo - 1)  # first interval that touches or lies behind
        stop = bisect_right(los, hi + 1)  # first interval wholly behind
        if start < stop:
            lo = min(lo, los[start])
            hi = max(hi, his[stop - 1])
            if stop - start == 1 and lo == los[start] and hi == his[start]:
                return self
        return self._raw((*los[:start], lo, *los[stop:]), (*his[:start], hi, *his[stop:]))

    def end_of(self, number: int) -> int | None:
        """Last member of the interval that holds ``number``; None when it is no member."""
        at = bisect_right(self._los, number) - 1
        return self._his[at] if at >= 0 and number <= self._his[at] else None

    def union(self, other: IntervalSet) -> IntervalSet:
        """Members of either."""
        if not other:
            return self
        if not self:
            return other
        if len(other) == 1:
            return self.add(other._los[0], other._his[0])
        return self.from_pairs([*self, *other])

    def intersection(self, other: IntervalSet) -> IntervalSet:
        """Members of both."""
        los: list[int] = []
        his: list[int] = []
        i = j = 0
        while i < len(self._los) and j < len(other._los):
            lo = max(self._los[i], other._los[j])
            hi = min(self._his[i], other._his[j])
            if lo <= hi:
                los.append(lo)
                his.append(hi)
            if self._his[i] < other._his[j]:
                i += 1
            else:
                j += 1
        return self._raw(tuple(los), tuple(his))

    def subtract(self, other: IntervalSet) -> IntervalSet:
        """Members of this one that the other lacks."""
        if not self or not other:
            return self
        los: list[int] = []
        his: list[int] = []
        j = 0
        for first, hi in self:
            lo = first
            while j < len(other._los) and other._his[j] < lo:
                j += 1
            k = j
            while k < len(other._los) and other._los[k] <= hi:
                if lo < other._los[k]:
                    los.append(lo)
                    his.append(other._los[k] - 1)
                lo = max(lo, other._his[k] + 1)
                k += 1
            if lo <= hi:
                los.append(lo)
                his.append(hi)
        return self._raw(tuple(los), tuple(his))

    __or__ = union
    __and__ = intersection
    __sub__ = subtract

    def gaps(self, lo: int, hi: int) -> IntervalSet:
        """Members of ``lo..hi`` that are missing here; empty when ``hi < lo``."""
        if hi < lo:
            return EMPTY
        return self._raw((lo,), (hi,)).subtract(self)

    def to_bytes(self) -> bytes:
        """Compact form: varints of gap, length - 1, gap, length - 1 ..."""
        out = bytearray()
        at = 0
        for lo, hi in self:
            _put_varint(out, lo - at)
            _put_varint(out, hi - lo)
            at = hi
        return bytes(out)

    @classmethod
    def from_bytes(cls, data: bytes, max_intervals: int = 1 << 16) -> IntervalSet:
        """The inverse of `to_bytes`.

        Raises:
            ValueError: Truncated, not in order, above 64 bits, or more than ``max_intervals``.
        """
        los: list[int] = []
        his: list[int] = []
        at = offset = 0
        while offset < len(data):
            if len(los) >= max_intervals:
                raise ValueError(f"more than {max_intervals} intervals")
            gap, offset = _get_varint(data, offset)
            length, offset = _get_varint(data, offset)
            lo = at + gap
            if los and gap < 2:
                raise ValueError("intervals touch")
            at = lo + length
            if at >= 1 << 64:
                raise ValueError("interval above 64 bits")
            los.append(lo)
            his.append(at)
        return cls._raw(tuple(los), tuple(his))


def _put_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _get_varint(data: bytes, offset: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if offset >= len(data) or shift > 63:
            raise ValueError("bad varint")
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7


EMPTY: Final = IntervalSet()
