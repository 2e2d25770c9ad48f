"""What the catalogue says of a profile that a store's names are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from device_profiles import catalogue
from device_profiles.errors import ProfileError

NO_KIND: Final = "reading"
"""Kind of what has no profile, or one of its own that the catalogue does not know."""


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What a device model says beside its channels' numbers.

    Attributes:
        kind: What it is for: its first domain, e.g. ``soil``.
        places: ``{"height": "2"}`` or ``{"depth": "0.1"}`` of each channel that has one. [m]
    """

    kind: str = NO_KIND
    places: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@cache
def _known() -> frozenset[str]:
    return frozenset(catalogue.ids())


def facts_of(profile: str) -> ProfileFacts:
    """Of a profile by its id; ids come from the network, so nothing but the catalogue is looked into."""
    return _read(profile) if profile in _known() else ProfileFacts()


@cache
def _read(profile: str) -> ProfileFacts:
    path, data = catalogue.read(profile)
    try:
        document = catalogue.parse(data, str(path))
    except ProfileError:
        return ProfileFacts()
    domains = document.get("domains") or [NO_KIND]
    places = {
        channel: {key: f"{table[key]}" for key in ("height", "depth") if key in table}
        for channel, table in document.get("channels", {}).items()
    }
    return ProfileFacts(str(domains[0]), {channel: place for channel, place in places.items() if place})
