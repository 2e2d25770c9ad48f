"""The whole search on real terminals: what speaks is heard, what is asked answers, what is silent is nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent.drivers.ports import LinkDown
from edge_agent.finding import detect, listening
from edge_agent.finding.candidates import Found
from edge_agent.finding.detect import Search
from simulators.emulators.host import on_pty, usual
from simulators.emulators.modbus import ModbusSlave
from simulators.emulators.modbus_tcp import serve
from simulators.emulators.port import Emulator, Model
from simulators.emulators.registry import MODELS
from simulators.pty_port import PtyPort


def bus(*devices: tuple[str, int]) -> list[tuple[Model, Emulator]]:
    return [(MODELS[name], MODELS[name].make(address)) for name, address in devices]


def alone(name: str) -> list[tuple[Model, Emulator]]:
    return bus((name, MODELS[name].address))


def search(port: Path, **what: object) -> list[Found]:
    return asyncio.run(detect.on_port(port, Search(**({"seconds": 0.3} | what))))  # type: ignore[arg-type]


def test_slaves_of_one_bus_are_found_each_at_its_address(tmp_path: Path) -> None:
    told: list[str] = []
    with on_pty(tmp_path / "bus", bus(("renke/rs-fsjt", 3), ("renke/rs-wsd", 5))) as host:
        found = search(tmp_path / "bus", bauds=[4800], addresses=[2, 3, 5], progress=told.append)
        assert host.answers > 0
    assert [each.settings["unit"] for each in found] == [3, 5]
    assert [each.driver for each in found] == ["modbus", "modbus"]
    assert found[0].fits[0].profile == "renke/rs-fsjt"
    assert "renke/rs-wsd" in {fit.profile for fit in found[1].fits}
    assert any("address 5" in words for words in told)


def test_probes_of_one_bus_say_who_they_are(tmp_path: Path) -> None:
    with on_pty(tmp_path / "bus", bus(("meter/teros-12-sdi12", ord("0")), ("meter/teros-12-sdi12", ord("3")))):
        found = search(tmp_path / "bus", bauds=[1200])
    assert [each.settings["address"] for each in found] == ["0", "3"]
    assert {each.fits[0].profile for each in found} == {"meter/teros-12-sdi12"}
    assert all(each.fits[0].told for each in found)


@pytest.mark.parametrize(
    ("name", "baud"), [("hydreon/rg-15", 9600), ("davis/vantage", 19_200), ("sensirion/sps30-uart", 115_200)]
)
def test_a_framed_sensor_that_is_asked(tmp_path: Path, name: str, baud: int) -> None:
    with on_pty(tmp_path / "line", alone(name)):
        found = search(tmp_path / "line", bauds=[baud])
    assert [(each.driver, each.fits[0].profile) for each in found] == [("serial", name)]


@pytest.mark.parametrize(("name", "driver"), [("plantower/pms5003", "serial"), ("nmea/gnss", "nmea")])
def test_what_speaks_is_only_listened_to(tmp_path: Path, name: str, driver: str) -> None:
    with on_pty(tmp_path / "line", alone(name)) as host:
        found = search(tmp_path / "line", bauds=[9600], seconds=60, passive=True)
        assert host.requests == 0
    assert [each.driver for each in found] == [driver]


def test_a_silent_line_is_told_nothing_when_only_listened_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PtyPort(tmp_path / "line") as port:
        assert search(tmp_path / "line", passive=True) == []
        assert port.read(0.0) in {b"", None}
        monkeypatch.setattr(listening, "ANSWER_S", 0.05)
        asked = asyncio.run(listening.ask_framed(tmp_path / "line", lambda form: form.baud == 115_200))
        assert asked == []
        assert port.read(1.0)


def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="is not there"):
        search(tmp_path / "none")


def test_slaves_behind_a_gateway() -> None:
    slaves = [
        (model, device)
        for model, device in bus(("renke/rs-fsjt", 1), ("eastron/sdm120", 4))
        if isinstance(device, ModbusSlave)
    ]
    with serve(slaves, usual) as where:
        host, _, port = where.partition(":")
        found = asyncio.run(detect.at_gateway(host, int(port), Search(seconds=1, addresses=[1, 2, 4])))
    assert [(each.settings["tcp"], each.settings["unit"]) for each in found] == [(where, 1), (where, 4)]
    assert found[1].fits[0].profile == "eastron/sdm120"
