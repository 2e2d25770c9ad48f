"""Which stored value is which said one, when neither says so: as many pairs as there can be, what must be first."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence


def assign(
    said: Sequence[int],
    stored: Sequence[int],
    width_ns: int,
    equal: Callable[[int, int], bool],
    must: Collection[int],
) -> dict[int, int]:
    """Pair what was said with what is stored.

    Args:
        said: Times, ascending. [ns]
        stored: Times, ascending. [ns]
        width_ns: So far may the two of a pair lie apart. [ns]
        equal: Whether something said and something stored are the same, by their places.
        must: Places of what was said and has to be stored: no other takes its pair.

    Returns:
        Place of what is stored by place of what was said.
    """
    pairs = _Pairs(said, stored, width_ns, equal)
    for place in range(len(said)):
        # In order: what is stored comes after it was said, and one after the other.
        row = next((row for row in pairs.near(place) if row not in pairs.owner and equal(place, row)), None)
        if row is not None:
            pairs.join(place, row)
    for place in sorted(must):
        if place not in pairs.row:
            pairs.make_room(place, must)
    for place in range(len(said)):
        if place not in pairs.row:
            pairs.make_room(place, ())
    return pairs.row


class _Pairs:
    """A matching that grows along alternating paths (Berge); what has to be stored never loses its pair to another."""

    def __init__(
        self, said: Sequence[int], stored: Sequence[int], width_ns: int, equal: Callable[[int, int], bool]
    ) -> None:
        self.row: dict[int, int] = {}
        self.owner: dict[int, int] = {}
        self._said, self._stored, self._width_ns, self._equal = said, stored, width_ns, equal
        self._known: dict[tuple[int, int], bool] = {}

    def near(self, place: int) -> range:
        """What is stored near something said."""
        at_ns = self._said[place]
        first = bisect_left(self._stored, at_ns - self._width_ns)
        return range(first, bisect_right(self._stored, at_ns + self._width_ns))

    def join(self, place: int, row: int) -> None:
        """A pair."""
        self.row[place], self.owner[row] = row, place

    def make_room(self, place: int, must: Collection[int]) -> None:
        """Find a pair for one more, by letting others change theirs; at worst one that need not have any loses it."""
        came_from: dict[int, tuple[int, int]] = {}
        waiting, seen = [place], {place}
        spare = -1
        for each in waiting:
            for row in self.near(each):
                if not self._same(each, row):
                    continue
                other = self.owner.get(row)
                if other is None:
                    self._shift(each, row, came_from)
                    return
                if other not in seen:
                    seen.add(other)
                    came_from[other] = (each, row)
                    waiting.append(other)
                    if spare < 0 and place in must and other not in must:
                        spare = other
        if spare >= 0:
            del self.row[spare]
            self._shift(*came_from[spare], came_from)

    def _shift(self, place: int, row: int, came_from: dict[int, tuple[int, int]]) -> None:
        while True:
            self.join(place, row)
            if place not in came_from:
                return
            place, row = came_from[place]

    def _same(self, place: int, row: int) -> bool:
        key = place, row
        if key not in self._known:
            self._known[key] = self._equal(place, row)
        return self._known[key]
