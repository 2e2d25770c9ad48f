"""The sending thread: in order, each piece until it is there, never more than two, and a store's words kept."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from random import Random

import pytest

from collector.stores.backoff import Backoff
from collector.stores.courier import PIECES_MAX, Courier, Piece, Trouble
from collector.stores.cursor import Tally
from collector.stores.lines import Lines
from collector.stores.ports import Busy, NeedsPerson, Stored, Unreachable
from collector.stores.state import (
    BEHIND,
    BEHIND_S,
    FORGETS,
    NEEDS_PERSON,
    PAUSED,
    QUIET_S,
    UP,
    WAITS,
    Herald,
    State,
    state_of,
)
from tests.conftest import wait_until


class Slow:
    """Answers when the test lets it."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.sent: list[bytes] = []
        self.answers: list[Stored | Trouble | None] = []
        self.go = threading.Semaphore(0)

    def send(self, lines: Lines) -> Stored | Trouble:
        assert self.go.acquire(timeout=20)
        answer = self.answers.pop(0) if self.answers else Stored()
        if answer is None:
            raise ZeroDivisionError
        if isinstance(answer, Stored):
            self.sent += lines.pieces
        return answer


def piece(number: int, run: int = 0) -> Piece:
    return Piece(run, 0, number, Lines((b"m f=%d 1\n" % number,), 1), Tally(1, 1))


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def courier(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> Iterator[Courier]:
    monkeypatch.setattr(Backoff, "pause_s", lambda _self, _answer: 0.01)
    made = Courier("it", slow, done=lambda: None, random=Random(1))
    made.start()
    yield made
    slow.go.release(100)
    made.stop(20)


def test_in_order_and_never_more_than_two(slow: Slow, courier: Courier) -> None:
    courier.put(piece(1))
    courier.put(piece(2))
    assert not courier.has_room
    assert len(courier.waiting) == PIECES_MAX
    slow.go.release(2)
    found: list[Piece] = []
    wait_until(lambda: found.extend(courier.finished()) or len(found) == 2, what="both pieces")  # type: ignore[func-returns-value]
    assert [each.position for each in found] == [1, 2]
    assert slow.sent == [b"m f=1 1\n", b"m f=2 1\n"]


@pytest.mark.parametrize("trouble", [Unreachable("down"), Busy("later"), NeedsPerson("401")])
def test_the_same_piece_until_it_is_there(slow: Slow, courier: Courier, trouble: Trouble) -> None:
    slow.answers = [trouble, trouble]
    courier.put(piece(1))
    slow.go.release(2)
    wait_until(lambda: courier.trouble == trouble, what="the trouble to show")
    assert not slow.sent
    slow.go.release()
    wait_until(courier.finished, what="the piece")
    assert courier.trouble is None


def test_what_was_dropped_while_it_was_sent_counts_for_nothing(slow: Slow, courier: Courier) -> None:
    courier.put(piece(1))
    courier.put(piece(2))
    courier.drop()
    assert courier.has_room
    courier.put(piece(3))
    slow.go.release(3)
    found: list[Piece] = []
    wait_until(lambda: found.extend(courier.finished()) or found, what="the piece")  # type: ignore[func-returns-value]
    assert [each.position for each in found] == [3]


def test_pieces_without_a_line_need_no_store(courier: Courier) -> None:
    courier.put(Piece(2, 0, 1, Lines((), 0), Tally(1, 0, {"text": 3})))
    assert courier.holds(2)
    wait_until(courier.finished, what="the piece")
    assert not courier.holds(2)


def test_a_fault_of_ours_is_trouble_and_no_end(slow: Slow, courier: Courier) -> None:
    slow.answers = [None]
    courier.put(piece(1))
    slow.go.release()
    wait_until(lambda: courier.trouble, what="the fault to show")
    assert "ZeroDivisionError" in str(courier.trouble)
    slow.go.release(2)
    wait_until(courier.finished, what="the piece")


def _state(**changed: object) -> State:
    facts = {"paused": "", "trouble": None, "forgets": "", "lag_s": 0.0, "lag_blocks": 0} | changed
    return state_of(**facts)  # type: ignore[arg-type]


def test_the_word_for_how_a_store_does() -> None:
    assert _state() == State(UP)
    assert _state(lag_s=BEHIND_S + 1, lag_blocks=12_345).word == BEHIND
    assert "12,345 blocks" in _state(lag_s=BEHIND_S + 1, lag_blocks=12_345).why
    assert _state(forgets="x", lag_s=1e9) == State(FORGETS, "x")
    assert _state(trouble=Busy("b"), forgets="x") == State(WAITS, "b")
    assert _state(trouble=NeedsPerson("401")) == State(NEEDS_PERSON, "401")
    assert _state(paused="by a person", trouble=NeedsPerson("401")) == State(PAUSED, "by a person")


def test_one_line_when_it_goes_and_one_when_it_is_back() -> None:
    herald = Herald()
    course = [State(UP), State(WAITS, "down"), State(WAITS, "still"), State(BEHIND, "late"), State(UP)]
    lines = [herald.news(state, 100.0 + second) for second, state in enumerate(course)]
    assert lines == [None, "waits: down", None, "is back, everything is sent to it again", None]
    assert herald.news(State(WAITS, "flaps"), 106.0) is None
    assert herald.news(State(UP), 107.0) is None
    assert herald.news(State(NEEDS_PERSON, "401"), 108.0) == "needs a person: 401"
    assert herald.news(State(WAITS, "down"), 109.0 + QUIET_S) == "waits: down"
