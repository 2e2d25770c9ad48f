"""What readings are called in a store, and what configuration may not say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.registry import Agent, Status
from collector.stores.mapping import MappingOptions, Place, place_of, site_names
from collector.stores.naming import digest, head
from collector.stores.profile_facts import ProfileFacts, facts_of
from collector.stores.unit_suffix import NAMED, unit_suffix
from device_profiles.units import UNITS
from tests.stores.made import facts

SOIL = "seeed/sensecap-s210x"


def test_a_profile_gives_kind_and_depth_and_an_unknown_one_does_not() -> None:
    place = place_of(
        facts("soil_temperature_10cm", "Cel", profile=SOIL), MappingOptions(), lambda _: "farm", facts_of(SOIL)
    )
    assert place == Place(
        facts_of(SOIL).kind, {"site": "farm", "device": "d1", "depth": "0.1"}, "soil_temperature_10cm_Cel"
    )
    assert place.measurement != "reading"
    for unknown in ("", "nobody/nothing", "../../etc/passwd", "/etc/hostname.toml"):
        assert facts_of(unknown) == ProfileFacts()


def test_templates_and_tags_say_what_stands_where() -> None:
    options = MappingOptions(
        measurement="{kind} of {agent}",
        tags=("profile", "device"),
        field="{profile}:{channel}",
        unit_suffix=False,
        extra_tags={"owner": "met"},
    )
    place = place_of(facts("level", "m", profile="p/q"), options, str, ProfileFacts("water"))
    assert place == Place("water of a1", {"owner": "met", "profile": "p/q", "device": "d1"}, "p/q:level")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"field": "value"}, "no {channel}"),
        ({"measurement": "{channel}"}, "{channel} cannot stand there"),
        ({"measurement": ""}, "measurement is empty"),
        ({"measurement": "{kind!r}"}, "cannot stand there"),
        ({"measurement": "{"}, "is no template"),
        ({"tags": ("site", "device", "colour")}, "no tag 'colour'"),
        ({"tags": ("site",)}, "add device"),
        ({"tags": ("device",)}, "without site and agent"),
        ({"extra_tags": {"site": "x"}}, "extra_tags sets 'site'"),
        ({"extra_tags": {"": "x"}}, "without a name"),
        ({"store": "victoriametrics", "precision": "ns"}, "keeps milliseconds"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("{", r"\{")) as caught:
        MappingOptions(**options)
    assert "\n" not in str(caught.value)


def test_a_measurement_is_never_a_comment_and_an_empty_tag_is_left_out() -> None:
    assert head("#m", {"b": "2", "a": "1", "c": ""}) == "x#m~" + digest("#m") + ",a=1,b=2"


def test_units_are_readable() -> None:
    wanted = {
        "": "",
        "1": "",
        "Cel": "Cel",
        "%": "percent",
        "m/s": "m_per_s",
        "/min": "per_min",
        "kW.h": "kW_h",
        "umol.m-2.s-1": "umol_m_neg2_s_neg1",
        "V.A{reactive}": "var",
        "m[g]": "milligravity",
        "mg": "mg",
    }
    assert {unit: unit_suffix(unit) for unit in wanted} == wanted
    assert [unit for unit in UNITS if not unit_suffix(unit).replace("_", "a").isalnum() and unit != "1"] == []
    assert [unit for unit in UNITS if len(unit_suffix(unit)) > 20] == []


@given(st.lists(st.text("mgper./[]{}1_-neg% ", max_size=8) | st.sampled_from([*UNITS, *NAMED.values()]), unique=True))
def test_no_two_units_are_called_the_same(units: list[str]) -> None:
    named = [unit_suffix(unit) for unit in units if unit not in {"", "1"}]
    assert len(set(named)) == len(named)
    assert all(name.isascii() and name.replace("_", "a").isalnum() for name in named)


def test_no_two_agents_have_one_site_and_none_changes_when_another_comes() -> None:
    def agent(name: str, place: str, added: int, called: str = "") -> Agent:
        return Agent(name, called, place, Status.ACTIVE, added, added)

    agents = [agent("a1", "North", 2), agent("a2", "North", 1), agent("a3", "", 3, "Pump"), agent("a4", "", 4)]
    sites = {"a1": "North (a1)", "a2": "North", "a3": "Pump", "a4": "a4"}
    assert site_names(agents) == sites
    assert site_names([*agents, agent("a5", "North", 5)]) == {**sites, "a5": "North (a5)"}
