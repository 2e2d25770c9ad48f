"""Which profiles are shown for what a device said."""

from __future__ import annotations

import pytest

from device_profiles import catalogue
from edge_agent.finding.bus import modbus_addresses, modbus_formats, named
from edge_agent.finding.candidates import Fit, best, fit_of
from edge_agent.finding.listening import formats, judge
from simulators.emulators.port import Measurement
from simulators.emulators.registry import MODELS
from simulators.frames import Frame


def said(name: str, times: int = 2) -> bytes:
    model = MODELS[name]
    device = model.make(model.address)
    frames: list[Frame] = []
    for number in range(1, times + 1):
        at_ns = 1_780_000_000 * 10**9 + number * 10**9
        frames += device.measure(Measurement(number=number, at_ns=at_ns, clock_ns=at_ns, values=model.channels))
    return b"".join(frame.data for frame in frames)


@pytest.mark.parametrize("name", ["plantower/pms5003", "nova/sds011", "gill/windsonic", "victron/mppt"])
def test_what_speaks_by_itself_is_named_first(name: str) -> None:
    candidates = [catalogue.load(each) for each in catalogue.ids() if each.split("/")[0] in _VENDORS]
    fits = judge(b"\x00noise" + said(name), candidates)
    assert fits[0].profile == name
    assert fits[0].values


_VENDORS = {"plantower", "nova", "gill", "victron", "honeywell", "hydreon", "winsen", "vaisala"}


def test_noise_is_nobody() -> None:
    candidates = [catalogue.load(name) for name in ("plantower/pms5003", "nova/sds011", "victron/mppt")]
    assert judge(bytes(range(256)) * 8, candidates) == ()


def test_an_identification_names_the_probe() -> None:
    assert [fit.profile for fit in named("14METER   TER12 310T12-00001234")] == ["meter/teros-12-sdi12"]
    assert named("14METER   TER99 310") == ()
    assert named("13NOBODY  XYZ001100") == ()
    assert named("") == ()
    assert all(fit.told for fit in named("14METER   TER12 310"))


def test_who_said_so_itself_stands_alone_and_more_sense_stands_first() -> None:
    told = Fit("a/told", told=True, share=0.0)
    much, little = (
        Fit("b/much", told=False, share=0.9, values={"x": "1", "y": "2"}),
        Fit("c/little", told=False, share=1.0, values={"x": "1"}),
    )
    assert best([little, much, told]) == (told,)
    assert best([little, much]) == (much, little)
    assert best([Fit("d/noughts", told=False, share=0.0, values={"x": "0"})]) == ()


def test_registers_that_read_as_nought_speak_for_nobody() -> None:
    profile = catalogue.load("renke/rs-wsd")
    none = fit_of(profile, [profile.decode_registers(_request(profile.document), [0, 0])])
    some = fit_of(profile, [profile.decode_registers(_request(profile.document), [658, 214])])
    assert none is not None
    assert some is not None
    assert (none.share, some.share) == (0.0, 1.0)


def _request(document: object) -> str:
    assert isinstance(document, dict)
    return str(document["requests"][0]["name"])


def test_the_catalogue_says_where_to_look() -> None:
    assert {form.baud for form in formats()} >= {9600, 19_200, 115_200}
    assert {form.baud for form in modbus_formats()} >= {4800, 9600}
    assert set(modbus_addresses()) >= {*range(1, 17), 104}
