"""What readings are called in a store, as configuration may say it."""

from __future__ import annotations

import dataclasses
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from collector.stores.naming import digest
from collector.stores.ports import SeriesFacts
from collector.stores.profile_facts import ProfileFacts
from collector.stores.unit_suffix import unit_suffix

if TYPE_CHECKING:
    from collector.registry import Agent

Store = Literal["influxdb", "victoriametrics"]
PrecisionName = Literal["ns", "us", "ms", "s"]

UNIT_NS: Final[Mapping[PrecisionName, int]] = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
"""Length of a store's unit of time. [ns]"""

TAGS: Final = ("site", "device", "agent", "profile", "height", "depth")
_FOR_MEASUREMENT: Final = frozenset({"kind", "profile", "device", "agent"})
_FOR_FIELD: Final = frozenset({"channel", "kind", "profile"})


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """Names, precision and bounds of one store.

    Attributes:
        store: Whose rules of what can be held apply.
        measurement: Template with ``{kind}`` (the profile's first domain, e.g. ``soil``; ``reading`` without one),
            ``{profile}``, ``{device}``, ``{agent}``.
        tags: Which of `TAGS` each line has; height and depth where the profile's channel has them.
        field: Template with ``{channel}``, ``{kind}``, ``{profile}``; the unit's suffix follows it.
        unit_suffix: Whether the unit ends the field's name: ``air_temperature_Cel``.
        extra_tags: Further tags, the same for all lines.
        precision: The unit in which time is written; by default the store's own: nanoseconds for InfluxDB,
            milliseconds for VictoriaMetrics.
        flags: Whether quality flags other than "not evaluated" are written, as ``<field>_flag``.
        series_max: Series that are written; readings of more are counted and left out.

    Raises:
        ValueError: A template, a tag or the precision cannot be used; says which and what can.
    """

    store: Store = "influxdb"
    measurement: str = "{kind}"
    tags: tuple[str, ...] = ("site", "device", "height", "depth")
    field: str = "{channel}"
    unit_suffix: bool = True
    extra_tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    precision: PrecisionName | None = None
    flags: bool = True
    series_max: int = 1_000_000

    def __post_init__(self) -> None:
        in_measurement = _words(self.measurement, _FOR_MEASUREMENT, "measurement")
        if "channel" not in _words(self.field, _FOR_FIELD, "field"):
            raise ValueError(f"field {self.field!r} has no {{channel}}: all channels would become one")
        unknown = [tag for tag in self.tags if tag not in TAGS]
        if unknown:
            raise ValueError(f"no tag {unknown[0]!r}; there are {', '.join(TAGS)}")
        told_by = {*self.tags, *in_measurement}
        if "device" not in told_by:
            raise ValueError("tags without device: two devices would write into one series; add device")
        if not told_by & {"site", "agent"}:
            raise ValueError(
                "tags without site and agent: devices of one name on two agents would write into one series; add one"
            )
        both = sorted(set(self.extra_tags) & set(TAGS))
        if both:
            raise ValueError(f"extra_tags sets {both[0]!r}, which is a tag of its own; call it otherwise")
        if not all(self.extra_tags):
            raise ValueError("extra_tags has a tag without a name")
        if self.store == "victoriametrics" and self.precision in {"ns", "us"}:
            raise ValueError(f"precision {self.precision!r}: VictoriaMetrics keeps milliseconds; say ms or s")

    @property
    def precision_name(self) -> PrecisionName:
        """The precision in use."""
        return self.precision or ("ns" if self.store == "influxdb" else "ms")

    @property
    def unit_ns(self) -> int:
        """Length of the unit in which time is written [ns]."""
        return UNIT_NS[self.precision_name]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading is written: the names, before they are escaped."""

    measurement: str
    tags: Mapping[str, str]
    field: str


def place_of(
    facts: SeriesFacts, options: MappingOptions, site_of: Callable[[str], str], profile: ProfileFacts
) -> Place:
    """Where readings of a series are written."""
    words = {
        "kind": profile.kind,
        "profile": facts.profile,
        "device": facts.device,
        "agent": facts.agent,
        "channel": facts.channel,
    }
    at = profile.places.get(facts.channel, {})
    tags = dict(options.extra_tags)
    for tag in options.tags:
        text = site_of(facts.agent) if tag == "site" else words.get(tag) or at.get(tag, "")
        if text:
            tags[tag] = text
    name = options.field.format_map(words)
    suffix = unit_suffix(facts.unit) if options.unit_suffix else ""
    # A profile may be nameless; a measurement may not.
    measurement = options.measurement.format_map(words) or profile.kind
    return Place(measurement, tags, f"{name}_{suffix}" if suffix else name)


def told_apart(place: Place, owner: tuple[str, ...]) -> Place:
    """The same place for a series whose names another one has: its field's name ends in a digest of whose it is."""
    return Place(place.measurement, place.tags, f"{place.field}~{digest(chr(0).join(owner))}")


def site_names(agents: Iterable[Agent]) -> dict[str, str]:
    """A site for each agent by its id: its place, else its name, else its id; never one site for two agents.

    The agent that was added first keeps a name that several have; the others' ends in their id. Rows are never removed
    from the registry, so that a site never changes because another agent comes.
    """
    taken: set[str] = set()
    sites: dict[str, str] = {}
    for agent in sorted(agents, key=lambda agent: (agent.added_at_ns, agent.id)):
        name = agent.place or agent.name or agent.id
        sites[agent.id] = name = f"{name} ({agent.id})" if name in taken else name
        taken.add(name)
    return sites


def _words(template: str, allowed: frozenset[str], what: str) -> set[str]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as exc:
        raise ValueError(f"{what} {template!r} is no template: {exc}") from exc
    words = {word for _, word, _, _ in parts if word is not None}
    for _, word, form, conversion in parts:
        if word is not None and (word not in allowed or form or conversion):
            shown = ", ".join(f"{{{name}}}" for name in sorted(allowed))
            raise ValueError(f"{what} {template!r}: {{{word}}} cannot stand there; there are {shown}")
    if not template:
        raise ValueError(f"{what} is empty")
    return words
