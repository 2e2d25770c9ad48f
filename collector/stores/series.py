"""Which series of a store readings go into: named once, kept apart, counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from collector.stores import naming
from collector.stores.mapping import MappingOptions, Place, place_of, told_apart
from collector.stores.ports import SeriesFacts
from collector.stores.profile_facts import ProfileFacts, facts_of

SHOWN_MAX: Final = 100
"""Names told apart that are shown; more are only counted."""


Owner = tuple[str, str, str, str]
"""Agent, device, channel and unit."""


@dataclass(frozen=True, slots=True)
class StoreSeries:
    """One series of a store.

    Attributes:
        number: Counts the series of an encoder from 0.
        head: What names it in its lines: measurement and tags as line protocol has them, or all its labels as JSON.
        field: Its field as line protocol has it; empty where its name stands among the labels.
    """

    number: int
    head: str
    field: str


class SeriesNames:
    """The series of one store, by whose readings they hold.

    Args:
        options: Names and bounds.
        site_of: Site of an agent.
        profile_facts: What is known of a profile.
    """

    def __init__(
        self,
        options: MappingOptions,
        site_of: Callable[[str], str],
        profile_facts: Callable[[str], ProfileFacts] = facts_of,
    ) -> None:
        self._options = options
        self._site_of = site_of
        self._profile_facts = profile_facts
        self._known: dict[tuple[SeriesFacts, str], StoreSeries] = {}
        self._owners: dict[str, tuple[Owner, StoreSeries]] = {}
        self._heads: dict[str, str] = {}
        self.told_apart: list[str] = []
        self.told_apart_total = 0

    def __len__(self) -> int:
        return len(self._owners)

    def of_table(self, table: Sequence[SeriesFacts], ending: str = "") -> list[StoreSeries | None]:
        """Series of each entry, with a field that ends so; None beyond the limit.

        Where several new ones would have one name, the first by agent, device, channel and unit keeps it, whatever
        their order here.
        """
        fresh = {facts for facts in table if (facts, ending) not in self._known}
        for facts in sorted(fresh, key=lambda each: (_owner(each), each.profile)):
            series = self._named(facts, ending)
            if series is not None:
                self._known[facts, ending] = series
        return [self._known.get((facts, ending)) for facts in table]

    def _named(self, facts: SeriesFacts, ending: str) -> StoreSeries | None:
        place = place_of(facts, self._options, self._site_of, self._profile_facts(facts.profile))
        name, owner = _name(place, ending), _owner(facts)
        holder = self._owners.get(name, (owner,))[0]
        if holder != owner:
            place = told_apart(place, owner)
            wanted, name = name, _name(place, ending)
        if name in self._owners:
            return self._owners[name][1]
        if len(self._owners) >= self._options.series_max:
            return None
        series = self._series(place, ending)
        self._owners[name] = (owner, series)
        if holder != owner:
            self._show(facts, wanted, name)
        return series

    def _series(self, place: Place, ending: str) -> StoreSeries:
        number, field = len(self._owners), place.field + ending
        if self._options.store == "victoriametrics":
            return StoreSeries(number, naming.metric(place.measurement, field, place.tags), "")
        head = naming.head(place.measurement, place.tags)
        # Many series share a head: one text for all of them.
        return StoreSeries(number, self._heads.setdefault(head, head), naming.key(field))

    def _show(self, facts: SeriesFacts, wanted: str, own: str) -> None:
        self.told_apart_total += 1
        if len(self.told_apart) < SHOWN_MAX:
            whose = f"{facts.agent} {facts.device} {facts.channel}"
            self.told_apart.append(f"{whose}: {wanted} is another's, so it is written as {own}")


def _owner(facts: SeriesFacts) -> Owner:
    # Not the profile: a device that gets a better one goes on with its series.
    return facts.agent, facts.device, facts.channel, facts.unit or "1"


def _name(place: Place, ending: str) -> str:
    """What VictoriaMetrics makes one name of; where it is unique, InfluxDB's two are."""
    return naming.head(f"{place.measurement}_{place.field}{ending}", place.tags)
