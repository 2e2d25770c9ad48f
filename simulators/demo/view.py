"""The terminal: a live picture where there is a screen, a line now and then where there is none."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from simulators.demo.snapshot import Snapshot

_EVENTS_SHOWN: Final = 6
_LINE_EVERY_S: Final = 5.0
_COLUMNS: Final = 2


class View(Protocol):
    """Where the demonstration shows itself."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, text: str) -> None:
        """Something happened."""

    def show(self, snapshot: Snapshot) -> None:
        """How it stands now."""


def make_view(console: Console) -> View:
    """The live picture on a terminal, plain lines elsewhere."""
    return LiveView(console) if console.is_terminal else LineView(console)


class LineView:
    """One line per event, and the figures every few seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_s = 0.0
        self._first_value = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def event(self, text: str) -> None:
        """Print it."""
        self._print(text)

    def show(self, snapshot: Snapshot) -> None:
        """Print the figures, seldom; the first value at once."""
        now_s = time.monotonic()
        due = now_s >= self._next_s
        if snapshot.latest and self._first_value:
            self._first_value = False
            due = True
        if due:
            self._next_s = now_s + _LINE_EVERY_S
            latest = ", ".join(f"{each.channel} {each.value} {each.unit}" for each in snapshot.latest[-3:])
            self._print(f"{snapshot.elapsed_s:5.1f} s  {latest or 'no value stored yet'}; {figures(snapshot)}")

    def _print(self, text: str) -> None:
        # Figures stay in one line where nobody will look at them on a screen.
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)


class LiveView:
    """A picture that is drawn again a few times a second."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4, transient=False)
        self._events: deque[str] = deque(maxlen=_EVENTS_SHOWN)
        self._snapshot = Snapshot(elapsed_s=0.0, total_s=0.0)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def event(self, text: str) -> None:
        """Add it to the last few."""
        self._events.append(text)
        self._draw()

    def show(self, snapshot: Snapshot) -> None:
        """Draw the picture."""
        self._snapshot = snapshot
        self._draw()

    def _draw(self) -> None:
        snapshot = self._snapshot
        self._live.update(
            Group(
                _latest_table(snapshot),
                Text(figures(snapshot), style="bold"),
                Text(plain_sentence(snapshot)),
                Text(f"page {snapshot.page}   {snapshot.broker}"),
                *(Text(f"  {event}", style="dim") for event in self._events),
            )
        )


def _latest_table(snapshot: Snapshot) -> Table:
    title = f"Latest values in the lake, {snapshot.elapsed_s:.0f} of {snapshot.total_s:.0f} s"
    table = Table(title=title, title_justify="left", expand=False, box=None, pad_edge=False)
    for _ in range(_COLUMNS):
        table.add_column("channel")
        table.add_column("value", justify="right")
        table.add_column("unit")
        table.add_column("age", justify="right")
    cells = [
        (f"{each.device} {each.channel}", each.value, each.unit, f"{each.age_s:.1f} s") for each in snapshot.latest
    ]
    rows = -(-len(cells) // _COLUMNS)
    for index in range(rows):
        picked = [cells[place] for place in range(index, len(cells), rows)]
        table.add_row(*(cell for each in picked for cell in each))
    if not cells:
        table.add_row("(the first block is on its way)")
    return table


def figures(snapshot: Snapshot) -> str:
    """The accounts in one line."""

    def number(value: int | None) -> str:
        return "?" if value is None else f"{value:,}"

    each = "" if snapshot.bytes_per_reading is None else f", {snapshot.bytes_per_reading:.2f} B a reading"
    loss = f", recorded loss {snapshot.recorded_loss:,}" if snapshot.recorded_loss else ""
    return (
        f"accepted {number(snapshot.accepted)}, pending {number(snapshot.pending)}, "
        f"stored {number(snapshot.stored)}{loss}{each}; link {snapshot.link or 'unknown'}"
    )


def plain_sentence(snapshot: Snapshot) -> str:
    """What became of the same readings on the usual way."""
    share = f"{snapshot.plain_lost:,} of {snapshot.plain_read:,} readings"
    return f"beside it, a plain QoS 1 publisher of the same station: {share} lost so far"
