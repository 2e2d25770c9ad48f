"""One value of a line, to be asked for: whether a store gives back what it has answered for."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlencode

_LINE: Final = re.compile(r"((?:\\.|[^\\ ])+) ((?:\\.|[^\\=])+)=.* (-?\d+)\n?", re.DOTALL)
_COMMA: Final = re.compile(r"(?<!\\),")
_EQUALS: Final = re.compile(r"(?<!\\)=")
_ESCAPED: Final = re.compile(r"\\([,= ])")

WINDOW_S: Final = 120
"""A store of metrics may thin out what lies closer together; one value within this time will do. [s]"""


@dataclass(frozen=True, slots=True)
class Probe:
    """One value of a line: the first of line protocol, the last of a series.

    Attributes:
        labels: What its series is called: ``__name__``, or ``_measurement`` and ``_field``, and the tags.
        at_ns: Its time, UTC Unix time. [ns]
    """

    labels: Mapping[str, str]
    at_ns: int

    @classmethod
    def of(cls, line: bytes, unit_ns: int) -> Self | None:
        """Read a line of ours; None when it is none.

        Args:
            line: The line, in any form.
            unit_ns: Unit of its time in line protocol. [ns]
        """
        return cls._of_series(line) or cls._of_line(line, unit_ns)

    @classmethod
    def _of_series(cls, line: bytes) -> Self | None:
        if not line.startswith(b'{"metric":'):
            return None
        try:
            series = json.loads(line)
        except ValueError:
            return None
        return cls(series["metric"], series["timestamps"][-1] * 1_000_000)

    @classmethod
    def _of_line(cls, line: bytes, unit_ns: int) -> Self | None:
        found = _LINE.fullmatch(line.decode("utf-8", "replace"))
        if found is None:
            return None
        measurement, *pairs = _COMMA.split(found[1])
        tags = dict(_EQUALS.split(pair, maxsplit=1) for pair in pairs)
        labels = {"_measurement": _plain(measurement), "_field": _plain(found[2])}
        labels |= {_plain(key): _plain(value) for key, value in tags.items()}
        return cls(labels, int(found[3]) * unit_ns)

    def victoria_path(self) -> str:
        """Where VictoriaMetrics gives what it has of this series around that time."""
        labels = {key: value for key, value in self.labels.items() if key != "__name__"}
        match = ",".join(f"{json.dumps(key)}={json.dumps(value)}" for key, value in labels.items())
        name = json.dumps(self.labels["__name__"])
        at_s = self.at_ns / 1e9
        query = {"match[]": f"{{{name}{',' if match else ''}{match}}}", "start": f"{at_s - WINDOW_S:.3f}"}
        return f"/api/v1/export?{urlencode({**query, 'end': f'{at_s + 1:.3f}'})}"

    def flux(self, bucket: str, unit_ns: int) -> str:
        """A question for this value to InfluxDB."""
        conditions = " and ".join(f"r[{_quoted(key)}] == {_quoted(value)}" for key, value in self.labels.items())
        return (
            f"from(bucket: {_quoted(bucket)}) "
            f"|> range(start: time(v: {self.at_ns}), stop: time(v: {self.at_ns + unit_ns})) "
            f"|> filter(fn: (r) => {conditions}) |> limit(n: 1)"
        )


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _quoted(text: str) -> str:
    """A text as Flux writes it: as JSON does, but that ``${`` would begin an expression."""
    return json.dumps(text, ensure_ascii=False).replace("${", "\\${")
