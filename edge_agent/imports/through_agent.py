"""Rows of a file into the outbox of an agent that runs: it alone may write there, so it is handed the rows.

The file is read by who imports, with the rights and the memory of that process; over the control socket go rows with
their keys, in questions of bounded size. Each answer is given after the commit, so a broken conversation is simply had
again.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from device_profiles.errors import ProfileError
from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled, Value
from edge_agent.clock import Clock
from edge_agent.drivers.ports import Number, Sample, Text
from edge_agent.imports.into_outbox import IntoOutbox, OutboxFull
from edge_agent.imports.model import ImportedRow
from edge_agent.outbox import Outbox
from harkara_io.control_socket import ControlError, call
from harkara_io.log_errors import LogBroken
from harkara_io.log_thread import LogThread

COMMAND: Final = "import"
QUESTION_BYTES: Final = 32 * 1024
"""Of the rows in one question; the socket takes twice as much. [bytes]"""

ANSWER_S: Final = 60.0
"""A slow card takes its time for a commit. [s]"""


class ThroughAgent:
    """Hands rows to a running agent.

    Attributes:
        taken: Rows accepted.
        readings: Readings accepted.
        known: Rows that were there already.
    """

    def __init__(self, socket: Path) -> None:
        self.taken = self.readings = self.known = 0
        self._socket = socket

    def take(self, rows: Iterable[ImportedRow], progress: Callable[[], None]) -> None:
        """Hand over all rows.

        Raises:
            ControlError: The agent is gone, or refuses; what it accepted it has.
        """
        for question in _questions(rows):
            answer = call(self._socket, COMMAND, timeout_s=ANSWER_S, rows=question)
            self.taken += int(answer["taken"])
            self.readings += int(answer["readings"])
            self.known += int(answer["known"])
            progress()


class ImportServer:
    """Takes rows in a running agent."""

    def __init__(
        self,
        outbox: Outbox,
        thread: LogThread,
        agent: str,
        clock: Clock,
        *,
        devices: Collection[str],
        sealed: Callable[[], Awaitable[None]],
    ) -> None:
        """Prepare.

        Args:
            outbox: Of the agent.
            thread: In which it works.
            agent: Agent id.
            clock: Of the agent.
            devices: Its own devices, whose open rows no import may seal.
            sealed: Told when there are new blocks.
        """
        self._outbox, self._thread, self._agent, self._clock = outbox, thread, agent, clock
        self._devices, self._sealed = devices, sealed

    async def take(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Answer one question; raises ``ControlError``."""
        try:
            rows = [_row(each) for each in fields["rows"]]
        except (KeyError, TypeError, ValueError, IndexError) as exc:
            raise ControlError(f"no rows: {exc!s:.100}", "import with the version of the agent") from exc
        own = sorted({row.device for row in rows} & set(self._devices))
        if own:
            raise ControlError(
                f"`{own[0]}` is a device of the running agent",
                "give another --device, or stop the agent while you import",
            )
        into = IntoOutbox(self._outbox, self._agent, self._clock)
        try:
            await self._thread.run(into.take_beside, rows)
        except (OutboxFull, LogBroken, ProfileError) as exc:
            raise ControlError(str(exc)) from exc
        if into.taken:
            await self._sealed()
        return {"taken": into.taken, "readings": into.readings, "known": into.known}


def _questions(rows: Iterable[ImportedRow]) -> Iterator[list[Any]]:
    question: list[Any] = []
    size = 0
    for row in rows:
        fields = _fields(row)
        length = len(json.dumps(fields))
        if question and size + length > QUESTION_BYTES:
            yield question
            question, size = [], 0
        question.append(fields)
        size += length
    if question:
        yield question


def _fields(row: ImportedRow) -> list[Any]:
    sample = row.sample
    numbers = [
        [each.channel, each.unit, each.value, int(each.flag), each.reason]
        for each in sample.numbers
        if each.value is not None
    ]
    return [row.device, row.profile, row.key, sample.observed_at_ns, numbers, sample.texts]


def _row(fields: list[Any]) -> ImportedRow:
    device, profile, key, at_ns, numbers, texts = fields
    if not all(isinstance(each, int) for each in (key, at_ns)):
        raise ValueError("key and time are whole numbers")
    sample = Sample(
        at_ns,
        at_ns,
        tuple(
            Number(str(channel), str(unit), _value(value), Flag(flag), str(reason))
            for channel, unit, value, flag, reason in numbers
        ),
        tuple(Text(*text) for text in texts),
    )
    return ImportedRow(str(device), str(profile), sample, key)


def _value(value: Any) -> Value:  # noqa: ANN401 - as it came
    if isinstance(value, list):
        mantissa, exponent = value
        return Scaled(int(mantissa), int(exponent))
    return float(value)
