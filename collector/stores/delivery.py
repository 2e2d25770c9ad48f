"""Lines to a store until it has them: too large a piece is halved, and bad lines are found and put aside.

What needs waiting or a person is the caller's. The same lines may be sent again at any time: a store keeps one value of
each series and time.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from collector.stores import line_text, refusals
from collector.stores.lane import Lane
from collector.stores.lines import Lines
from collector.stores.ports import Answer, BadLines, Busy, NeedsPerson, StoreClient, Stored, TooLarge, Unreachable
from collector.stores.quarantine import Quarantine

SEARCH_MAX: Final = 120
"""Requests that are spent on finding the bad lines of one piece."""

PROBES: Final = 16
"""Lines that are tried alone before a refusal is laid to lines that it does not name."""

UNEXPLAINED_MAX: Final = 3
"""Handfuls of lines that are put aside in a row, all of them refused for no reason that lines could have: more need a
person."""

FORGET_S: Final = 600.0
"""After this a field or a size that a store refused is tried again. [s]"""

WORDS_MAX: Final = 500

Outcome = Stored | Busy | NeedsPerson | Unreachable


@dataclass(slots=True)
class _Effort:
    """What was done for one piece."""

    left: int = SEARCH_MAX
    stored: bool = False


class Delivery:
    """Sends lines and settles what is wrong with them.

    Args:
        client: The store.
        quarantine: Where refused lines go.
        beside: More ways to the store, for pieces sent at the same time.
        monotonic_s: A clock that only rises. [s]

    Attributes:
        refused: Lines, or parts of lines, that the store does not have, by reason: ``quarantined`` kept with its words,
            ``too_old`` older than what it keeps, ``dropped`` it said how many and not which.
        requests: Requests made.
    """

    def __init__(
        self,
        client: StoreClient,
        quarantine: Quarantine,
        *,
        beside: Sequence[Lane] = (),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._beside = beside
        self._quarantine = quarantine
        self._monotonic_s = monotonic_s
        self._fields: dict[tuple[str, str], tuple[float, str]] = {}
        self._size_max: tuple[float, int] | None = None
        self._unexplained = 0
        self.refused: Counter[str] = Counter()
        self.requests = 0

    @property
    def refused_fields(self) -> list[str]:
        """Fields that the store does not take now, with its words."""
        return [f"{measurement} {field}: {words}" for (measurement, field), (_, words) in list(self._fields.items())]

    def send(self, lines: Lines) -> Outcome:
        """Send all pieces. Anything but stored says why to stop here; send all of them again then."""
        width = 1 + len(self._beside)
        for first in range(0, len(lines.pieces), width):
            self._forget()
            bodies = [self._without_refused(piece) for piece in lines.pieces[first : first + width]]
            for body, answer in zip(bodies, self._write_together(bodies), strict=True):
                outcome = self._settle(body, answer)
                if not isinstance(outcome, Stored):
                    return outcome
        return Stored()

    def close(self) -> None:
        """Let all ways to the store go."""
        self._client.close()
        for lane in self._beside:
            lane.close()

    def _write_together(self, bodies: Sequence[bytes]) -> list[Answer | None]:
        """The answer to each; None for what must be cut before it is sent, or is empty."""
        size_max = self._size_max[1] if self._size_max else max(map(len, bodies))
        if len(bodies) == 1 or not all(0 < len(body) <= size_max for body in bodies):
            return [None] * len(bodies)
        self.requests += len(bodies)
        under_way = [lane.write(body) for lane, body in zip(self._beside, bodies[1:], strict=False)]
        own = self._client.write(bodies[0])
        return [own, *(answer.result() for answer in under_way)]

    def _settle(self, piece: bytes, answer: Answer | None) -> Outcome:
        """Send lines until the store has all that it will ever take; with its answer to all of them if it was asked."""
        effort = _Effort()
        waiting: list[tuple[bytes, Answer | None]] = [(piece, answer)]
        while waiting:
            body, answer = waiting.pop()
            if not body:
                continue
            if answer is None and self._size_max is not None and len(body) > self._size_max[1]:
                parts = list(line_text.chunks(body, self._size_max[1]))
                if len(parts) > 1:
                    waiting += [(part, None) for part in reversed(parts)]
                    continue
            answer = answer or self._write(body)
            if isinstance(answer, Stored):
                effort.stored = True
                self._unexplained = 0
                continue
            rest: list[bytes] | Outcome
            if isinstance(answer, TooLarge):
                rest = self._halved(body, answer.words, effort)
            elif isinstance(answer, BadLines):
                rest = self._sorted_out(body, answer.words, effort)
            else:
                rest = answer
            if not isinstance(rest, list):
                return rest
            waiting += [(part, None) for part in rest]
        return Stored()

    def _write(self, body: bytes) -> Answer:
        self.requests += 1
        return self._client.write(body)

    def _halved(self, body: bytes, words: str, effort: _Effort) -> list[bytes] | NeedsPerson:
        effort.left -= 1
        if effort.left <= 0 and not effort.stored:
            return NeedsPerson(words)
        first, second = line_text.halves(body)
        if not second:
            self._put_aside([first], words)
            return []
        self._size_max = (self._monotonic_s() + FORGET_S, max(len(first), len(second)))
        return [second, first]

    def _sorted_out(self, body: bytes, words: str, effort: _Effort) -> list[bytes] | Outcome:
        """What is to be sent still once what the store names is taken out; halves where it names nothing."""
        refusal = refusals.read(words)
        effort.left -= 1
        if effort.left <= 0:
            return self._given_up(body, words, refusal, effort)
        if refusal.field_of is not None:
            cut = line_text.without_field(body, *refusal.field_of)
            if cut.parts:
                self._fields[refusal.field_of] = (self._monotonic_s() + FORGET_S, words[:WORDS_MAX])
                self._put_aside(cut.parts, words)
                return [cut.rest]
        if refusal.lines:
            cut = line_text.without_lines(body, refusal.lines)
            if cut.parts:
                self._quarantine.keep_all(([line[:-1]], refusal.lines[line[:-1]][:WORDS_MAX]) for line in cut.parts)
                self.refused["quarantined"] += len(cut.parts)
                return [cut.rest]
        if refusal.too_old:
            self.refused["too_old"] += refusal.too_old
            # The others are stored, unless something else is the matter with some of them.
            return [] if refusal.too_old >= refusal.dropped else [line_text.without_oldest(body, refusal.too_old).rest]
        return self._searched(body, words, refusal, effort)

    def _searched(self, body: bytes, words: str, refusal: refusals.Refusal, effort: _Effort) -> list[bytes] | Outcome:
        lines = line_text.split(body)
        if not (refusal.of_lines or effort.stored):
            outcome = self._probed(lines[:: -(-len(lines) // PROBES)], effort)
            if not isinstance(outcome, Stored):
                return outcome
            if not effort.stored:
                # It takes none: whatever is wrong, it is hardly the lines.
                if len(lines) > PROBES or self._unexplained >= UNEXPLAINED_MAX:
                    return NeedsPerson(words[:WORDS_MAX])
                self._unexplained += 1
                self._put_aside(lines, words)
                return []
        if len(lines) == 1:
            self._put_aside(lines, words)
            return []
        first, second = line_text.halves(body)
        return [second, first]

    def _probed(self, lines: Sequence[bytes], effort: _Effort) -> Outcome:
        """Send lines one by one until the store takes one."""
        for line in lines:
            answer = self._write(line)
            if isinstance(answer, Stored):
                effort.stored = True
                break
            if not isinstance(answer, (BadLines, TooLarge)):
                return answer
        return Stored()

    def _given_up(
        self, body: bytes, words: str, refusal: refusals.Refusal, effort: _Effort
    ) -> list[bytes] | NeedsPerson:
        """The search has cost enough."""
        if refusal.dropped:
            # The others are stored, so only which they are stays unknown.
            self.refused["dropped"] += refusal.dropped
        elif effort.stored or refusal.of_lines:
            self._put_aside(line_text.split(body), words)
        else:
            return NeedsPerson(words[:WORDS_MAX])
        return []

    def _without_refused(self, body: bytes) -> bytes:
        for (measurement, field), (_, words) in self._fields.items():
            cut = line_text.without_field(body, measurement, field)
            if cut.parts:
                self._put_aside(cut.parts, words)
                body = cut.rest
        return body

    def _forget(self) -> None:
        now_s = self._monotonic_s()
        self._fields = {name: kept for name, kept in self._fields.items() if kept[0] > now_s}
        if self._size_max is not None and self._size_max[0] <= now_s:
            self._size_max = None

    def _put_aside(self, lines: Sequence[bytes], words: str) -> None:
        self._quarantine.keep([line.removesuffix(b"\n") for line in lines], words[:WORDS_MAX])
        self.refused["quarantined"] += len(lines)
