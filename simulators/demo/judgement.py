"""The end of the demonstration: the sensors' logs against what ``harkara query`` gives back, and the figures."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from simulators.demo.layout import AIR, DRONE, Layout
from simulators.demo.places import Places, judge_places, read_places, split
from simulators.demo.processes import run_harkara
from simulators.demo.servers import Store
from simulators.demo.store_answers import values_in
from simulators.demo.words import Word, judge_words
from simulators.oracle import Stored, Verdict, Window, expectations, judge
from simulators.truth import Emission, read_truth

_UNCOMMITTED_NS: Final = 2_500_000_000
"""What a killed agent may have read and not committed: a group commit of 1 s, and the epoch still open before it."""
_OPENED_NS: Final = 1_000_000_000
"""Opening a port throws away what came a moment before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill of the agent, by this machine's clock.

    Attributes:
        killed_at_ns: Just before the signal. [ns]
        started_at_ns: Just before it was started again. [ns]
    """

    killed_at_ns: int
    started_at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the run gave. The names are those of the JSON line.

    Attributes:
        emitted: Readings the sensors said.
        unread_while_down: Of them, what was said around a kill and never accepted.
        accepted: Readings the agent made durable, by its own count over all its lives.
        stored: Readings the query gave: of the lake, or of the store of others where there is one.
        altered: Stored with another number than the sensor wrote, or never said by any sensor.
        pending: Readings without a receipt at the end.
        recorded_loss: Readings given up with a record.
        duplicates: Readings stored more than once.
        lost: Readings neither stored nor said around a kill.
        bytes_per_reading: MQTT payload of the stored blocks by their readings. [B]
        agent_rss_mb: Largest resident memory seen. [MB]
        kills: How often the agent was killed.
        outage_s: How long no broker listened. [s]
        broker: Which broker it was.
        plain_read: Readings the plain publisher had read from the same station.
        plain_lost: Of them, what its subscriber never received.
        placed: Instants of readings on board that have a place; nought without a drone.
        without_place: Such instants where no place could be known: the agent was dead, or heard no position.
        attitudes: Of the instants, with the attitude of the drone.
        events: What the drone did, in words: armed, its mode, in flight or not, mission items.
        store: Whose query gave them.
        place_error_p50_m: Half of the places are this near to where the sensor really was. [m]
        place_error_p95_m: 95 of a hundred are. [m]
        place_error_max_m: All are. [m]
    """

    emitted: int
    unread_while_down: int
    accepted: int
    stored: int
    altered: int
    pending: int
    recorded_loss: int
    duplicates: int
    lost: int
    bytes_per_reading: float
    agent_rss_mb: float
    kills: int
    outage_s: float
    broker: str
    plain_read: int
    plain_lost: int
    placed: int = 0
    without_place: int = 0
    attitudes: int = 0
    events: int = 0
    store: str = "lake"
    place_error_p50_m: float = 0.0
    place_error_p95_m: float = 0.0
    place_error_max_m: float = 0.0

    @property
    def kept(self) -> bool:
        """Whether the promise was kept: stored = accepted, once each, every value as the sensor wrote it."""
        return (
            self.stored == self.accepted > 0
            and self.emitted == self.accepted + self.unread_while_down
            and not (self.altered or self.pending or self.recorded_loss or self.duplicates or self.lost)
        )

    def sentence(self) -> str:
        """The accounting identity in one sentence."""
        return (
            f"{self.emitted:,} readings said = {self.accepted:,} accepted + {self.unread_while_down:,} said while the "
            f"agent was dead; {self.accepted:,} accepted = {self.stored:,} stored + {self.recorded_loss:,} recorded "
            f"loss + {self.pending:,} pending; {self.duplicates} twice, {self.altered} altered, {self.lost} lost."
        )


def judge_devices(
    layout: Layout, devices: Iterable[str], kills: Iterable[Kill], store: Store | None = None
) -> tuple[Verdict, Places, int]:
    """Compare every sensor's own log with what a query of its device gives, and places with where the drone was.

    Args:
        layout: Where the logs are.
        devices: Whose.
        kills: Of the agent.
        store: Is asked instead of the lake, where there is one.

    Returns:
        Verdict, places, and how many stored readings are words.
    """
    emissions = {device: list(read_truth(layout.truth(device))) for device in devices}
    windows = [window for device, said in emissions.items() for window in down_windows(device, said, kills)]
    expected = expectations(emission for said in emissions.values() for emission in said)
    placed: list[Stored] = []
    positions: list[int] = []
    instants: list[int] = []
    words: list[Word] = []

    def rows() -> Iterator[Stored]:
        for device in emissions:
            yield from query(layout, device, words) if store is None else values_in(store, device)

    def stored() -> Iterator[Stored]:
        for row in split(rows(), AIR, placed):
            if row.device == AIR:
                instants.append(row.observed_at_ns)
            elif row.device == DRONE[0] and row.channel == "latitude":
                positions.append(row.observed_at_ns)
            yield row

    verdict = judge(expected, stored(), windows)
    if AIR not in emissions:
        return verdict, Places(), 0
    places = judge_places(read_places(layout.places), placed, instants, positions, verdict)
    return verdict, places, judge_words(words, verdict)


def down_windows(device: str, emissions: list[Emission], kills: Iterable[Kill]) -> Iterator[Window]:
    """When the agent could not hear this device: from its last commit before a kill until its port is open again."""
    for kill in kills:
        later = (each for each in emissions if each.emitted_at_ns > kill.started_at_ns)
        heard_again = (each.emitted_at_ns for each in later if each.heard)
        end_ns = next(heard_again, max((each.emitted_at_ns for each in emissions), default=kill.started_at_ns))
        yield Window(device, kill.killed_at_ns - _UNCOMMITTED_NS, end_ns + _OPENED_NS)


def query(layout: Layout, device: str, words: list[Word]) -> Iterator[Stored]:
    """Every stored reading of a device, by the command a user would type; those that are texts go into ``words``."""
    answer = run_harkara("query", device, "--config", str(layout.collector_config), "--format", "json")
    for row in _rows(answer):
        if isinstance(row["value"], str) and not isinstance(row["value"], _Numeral):
            words.append(Word(device, str(row["channel"]), int(row["observed_at_ns"]), row["value"]))
            continue
        if row["value"] is None:
            # A value the sensor said is missing: no reading.
            continue
        yield Stored(device, str(row["channel"]), int(row["observed_at_ns"]), float(row["value"]))


class _Numeral(str):
    """A number as it is written; what is text in the answer is a plain string."""

    __slots__ = ()


def _rows(answer: str) -> Iterator[dict[str, Any]]:
    if answer.lstrip().startswith("["):
        yield from json.loads(answer, parse_float=_Numeral)
        return
    for line in answer.splitlines():
        if line:
            yield json.loads(line, parse_float=_Numeral)
