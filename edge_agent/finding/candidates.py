"""What was found, and how well a profile of the catalogue fits what a device said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.rows import Decoded
from device_profiles.rejects import FrameRejected

FITS_SHOWN: Final = 5
"""Profiles shown of those that fit equally well."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a profile fits.

    Attributes:
        profile: Its id.
        told: Whether the device said by itself what it is: a probe, an identification or a fixed field matched.
        share: Of the channels that were asked for or heard, those with a believable number. 0 to 1.
        values: Channel to value and unit, as people read them.
    """

    profile: str
    told: bool
    share: float
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """One device that answered or spoke.

    Attributes:
        driver: Of the agent, that reads it.
        settings: Keys of its ``[[device]]`` table beside id, driver and profile.
        says: What it said of itself, or what was heard.
        fits: Profiles, the best first; none when the catalogue knows no such device.
    """

    driver: str
    settings: Mapping[str, Any]
    says: str
    fits: tuple[Fit, ...] = ()


@cache
def profiles(*transports: str) -> tuple[Profile, ...]:
    """The catalogue's profiles that are reached by one of these transports."""
    every = (catalogue.load(name) for name in catalogue.ids())
    return tuple(profile for profile in every if _reached_by(profile) & set(transports))


def _reached_by(profile: Profile) -> set[str]:
    transport = profile.document["transport"]
    return {str(transport["kind"]), *map(str, transport.get("also") or ())}


def fit_of(profile: Profile, decoded: Iterable[Decoded | FrameRejected], *, told: bool = False) -> Fit | None:
    """How well decoded answers fit; None when they are not the profile's.

    A number counts as believable inside the range that the profile gives its channel. A nought does not speak for a
    profile: registers that a device does not use read as nought.
    """
    values: dict[str, str] = {}
    announced = believable = 0
    for answer in decoded:
        if isinstance(answer, FrameRejected):
            return None
        for row in answer.rows:
            for reading in profile.apply(row):
                announced += 1
                if reading.value is None:
                    continue
                values[reading.channel] = f"{reading.value:g} {reading.unit}"
                believable += reading.value != 0 and _in_range(profile, reading.channel, reading.value)
    if not announced:
        return None
    return Fit(profile.id, told, believable / announced, values)


def _in_range(profile: Profile, channel: str, value: float) -> bool:
    limits = profile.channels[channel].table.get("range")
    return limits is None or float(limits[0]) <= value <= float(limits[1])


def best(fits: Iterable[Fit]) -> tuple[Fit, ...]:
    """The fits worth showing: those that were told alone, else those that make sense of the most."""
    ranked = sorted(fits, key=lambda fit: (not fit.told, -fit.share * len(fit.values), -fit.share, fit.profile))
    if ranked and ranked[0].told:
        ranked = [fit for fit in ranked if fit.told]
    return tuple(fit for fit in ranked if fit.share or fit.told)[:FITS_SHOWN]
