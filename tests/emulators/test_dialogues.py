"""Devices that are asked, sentence by sentence: what they say next depends on what they were asked before."""

from __future__ import annotations

import pytest

from device_profiles import catalogue
from device_profiles.engine.rows import Decoded
from simulators.emulators.davis import Vantage
from simulators.emulators.host import usual
from simulators.emulators.kernel import Ds18b20
from simulators.emulators.port import Emulator, Measurement, Model
from simulators.emulators.registry import MODELS
from simulators.emulators.sdi12 import Sdi12Probe
from simulators.emulators.weather import Rg15

SECOND_NS = 10**9


def measured(device: Emulator, number: int, **values: float | None) -> list[bytes]:
    at_ns = number * SECOND_NS
    frames = device.measure(Measurement(number=number, at_ns=at_ns, clock_ns=at_ns, values=values))
    return [frame.data for frame in frames]


def said(device: Emulator, request: bytes, at_ns: int = 0) -> list[bytes]:
    return [frame.data for frame in device.answer(request, at_ns)]


def teros(address: str = "0") -> Sdi12Probe:
    model: Model = MODELS["meter/teros-12-sdi12"]
    probe = model.make(ord(address))
    assert isinstance(probe, Sdi12Probe)
    probe.measure(Measurement(number=1, at_ns=0, clock_ns=0, values=usual(model, 0)))
    return probe


def test_each_packet_of_a_loop_is_a_new_measurement() -> None:
    console = Vantage()
    measured(console, 1, air_temperature=10.0)
    acknowledged, first = said(console, b"LOOP 3\n")
    assert acknowledged == b"\x06"
    [second] = measured(console, 2, air_temperature=20.0)
    [third] = measured(console, 3, air_temperature=30.0)
    fahrenheit = [int.from_bytes(packet[12:14], "little") for packet in (first, second, third)]
    assert fahrenheit == [500, 680, 860]
    assert measured(console, 4, air_temperature=40.0) == [], "three were asked for"


def test_both_kinds_of_packets_take_turns_and_the_catalogue_reads_both() -> None:
    console = Vantage()
    measured(console, 1, air_temperature=10.0, wind_speed=4.0)
    _, first = said(console, b"LPS 3 3\n")
    packets = [first, *measured(console, 2, wind_speed=4.0), *measured(console, 3)]
    assert [packet[4] for packet in packets] == [0, 1, 0]
    profile = catalogue.load("davis/vantage")
    [decoded] = [profile.decode(packets[1])]
    assert isinstance(decoded, Decoded)
    found = {reading.channel: reading.value for row in decoded.rows for reading in profile.apply(row)}
    assert found["wind_speed"] == pytest.approx(4.0, abs=0.25)
    dashes = ("air_temperature", "wind_gust", "dew_point", "heat_index", "air_pressure", "wind_speed_mean_2min")
    assert [found[name] for name in dashes] == [None] * len(dashes)


def test_whatever_is_sent_to_a_console_ends_its_loop() -> None:
    console = Vantage()
    measured(console, 1, air_temperature=10.0)
    assert len(said(console, b"LOOP 100\n")) == 2
    assert said(console, b"\n") == [b"\n\r"]
    assert measured(console, 2, air_temperature=20.0) == []
    assert said(console, b"LPS 4 1\n") == [b"\x21"], "there is no third kind"
    assert said(console, b"LOOP \n") == [b"\x21"]


def rain(gauge: Rg15, total: float, event: float = 2.0) -> None:
    values = {"precipitation": 0.4, "precipitation_event": event, "precipitation_total": total}
    measured(gauge, 1, **values, precipitation_rate=1.0)


def test_a_gauge_begins_a_new_accumulation_with_every_answer_and_a_new_total_when_told() -> None:
    gauge = Rg15()
    rain(gauge, 54.0)
    assert said(gauge, b"R\n") == [b"Acc  0.40 mm, EventAcc  2.00 mm, TotalAcc 54.00 mm, RInt  1.00 mmph\r\n"]
    assert said(gauge, b"r\n")[0].startswith(b"Acc  0.00 mm")
    rain(gauge, 54.6)
    assert said(gauge, b"A\n") == [b"Acc  0.60 mm\r\n"]
    assert said(gauge, b"O\n") == []
    rain(gauge, 54.7, event=2.7)
    assert said(gauge, b"R\n") == [b"Acc  0.10 mm, EventAcc  2.70 mm, TotalAcc  0.10 mm, RInt  1.00 mmph\r\n"]
    assert said(gauge, b"K\n") == []
    rain(gauge, 55.0, event=3.0)
    assert said(gauge, b"R\n") == [b"Acc  0.30 mm, EventAcc  0.30 mm, TotalAcc  0.30 mm, RInt  1.00 mmph\r\n"]
    assert said(gauge, b"P\n") == [b"p\r\n"]


@pytest.mark.parametrize(
    ("true", "kernel"),
    [(-0.0625, b"t=-62\n"), (-0.5, b"t=-500\n"), (0.0625, b"t=62\n"), (-10.1875, b"t=-10187\n")],
)
def test_the_kernel_divides_towards_nought(true: float, kernel: bytes) -> None:
    [text] = measured(Ds18b20(), 1, temperature=true)
    assert text.endswith(kernel)


def test_a_probe_of_version_1_3_does_not_know_what_1_4_brought() -> None:
    probe = teros()
    [identity] = said(probe, b"0I!")
    assert identity[1:3] == b"13"
    assert len(identity.removesuffix(b"\r\n")) <= 1 + 2 + 8 + 6 + 3 + 13
    for command in (b"0IM!", b"0IM_001!", b"0IC!", b"0IV!", b"0HA!", b"0HB!", b"0DB0!"):
        assert said(probe, command) == [], command


@pytest.mark.parametrize("ends", [b"0!", b"0I!", b"5M!", b"\x005!", b"0D0!"])
def test_an_ended_measurement_leaves_no_values(ends: bytes) -> None:
    probe = teros()
    told, service = probe.answer(b"0M!", 0)
    assert (told.data, service.data, service.until_asked) == (b"00013\r\n", b"0\r\n", True)
    said(probe, ends, SECOND_NS // 2)
    assert said(probe, b"0D0!", 2 * SECOND_NS) == [b"0\r\n"]


def test_others_commands_do_not_end_a_concurrent_measurement_or_one_that_is_done() -> None:
    probe = teros()
    assert [frame.until_asked for frame in probe.answer(b"0C!", 0)] == [False]
    said(probe, b"5M!", SECOND_NS // 2)
    values = said(probe, b"0D0!", 2 * SECOND_NS)
    assert values == [b"0+2493.4+17.8+22\r\n"]
    said(probe, b"0M!", 2 * SECOND_NS)
    said(probe, b"5M!", 4 * SECOND_NS)
    assert said(probe, b"0D0!", 5 * SECOND_NS) == values


def test_checksums_only_where_they_were_asked_for() -> None:
    probe = teros()
    said(probe, b"0MC!")
    [checked] = said(probe, b"0D0!", 2 * SECOND_NS)
    said(probe, b"0M!", 3 * SECOND_NS)
    [plain] = said(probe, b"0D0!", 5 * SECOND_NS)
    assert (len(checked), checked[: len(plain) - 2]) == (len(plain) + 3, plain[:-2])
    [continuous] = said(probe, b"0RC0!", 6 * SECOND_NS)
    assert continuous == checked
