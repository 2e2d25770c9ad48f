"""``agent.toml`` is checked whole, with lines and hints; the example and what ``init`` writes load."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from device_profiles import catalogue
from edge_agent import (
    config,
    config_device_base,
    config_devices,
    config_power,
    settings,
    settings_devices,
    settings_power,
)
from edge_agent.load_config import load_apart
from harkara_io.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "agent.toml"

MINIMAL = """agent = "field-07"
[broker]
host = "localhost"
[[device]]
id = "gnss"
driver = "nmea"
port = "/dev/ttyUSB0"
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "agent.toml"
    file.write_text(text, encoding="utf-8")
    return file


def complaints(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.load(write(folder, text))
    return str(caught.value)


def test_the_example_loads_and_every_commented_default_is_the_default(tmp_path: Path) -> None:
    found = config.load(EXAMPLE)
    assert [device.id for device in found.device] == ["gnss", "weather"]
    lines = [
        line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if not line.startswith(("# A", "# C", "# G"))
    ]
    unsecret = [line for line in lines if "password" not in line and "tls" not in line and "_file" not in line]
    everything = "\n".join(line.removeprefix("# ") for line in unsecret)
    shown = config.load(write(tmp_path, everything))
    assert dataclasses.replace(shown.broker, username=None, port=None) == found.broker
    assert dataclasses.replace(shown.outbox, file=found.outbox.file) == found.outbox


def test_settings_and_schema_say_the_same() -> None:
    devices = [(getattr(config_devices, kind.__name__), kind) for kind in get_args(settings_devices.Device)]
    assert {schema for schema, _ in devices} == set(get_args(config_devices.Device))
    tables = [(getattr(config, name), getattr(settings, name)) for name in ("Config", "Broker", "Tls", "Outbox")]
    shared = [
        (config_device_base.Channel, settings_devices.Channel),
        (config_device_base.Direction, settings_devices.Direction),
        (config_power.Power, settings_power.Power),
        (config_power.Relay, settings_power.Relay),
    ]
    for schema, plain in (*tables, *devices, *shared):
        name = schema.__name__
        assert issubclass(schema, BaseModel)
        fields = {field.name: field for field in dataclasses.fields(plain)}
        assert set(fields) - {"profiles"} == set(schema.model_fields)
        for key, field in schema.model_fields.items():
            if not field.is_required() and name != "Config":
                default = fields[key].default
                assert default is dataclasses.MISSING or default == field.default, f"{name}.{key}"


def test_paths_count_from_the_files_own_folder(tmp_path: Path) -> None:
    found = config.load(write(tmp_path, MINIMAL))
    assert found.outbox.file == tmp_path / "outbox.db"
    assert found.socket_used == tmp_path / "agent.sock"


def test_checked_apart_it_is_the_same_and_so_are_the_errors(tmp_path: Path) -> None:
    file = write(tmp_path, MINIMAL)
    assert load_apart(file) == config.load(file)
    write(tmp_path, MINIMAL.replace("port =", "prot ="))
    with pytest.raises(ConfigError) as apart:
        load_apart(file)
    with pytest.raises(ConfigError) as here:
        config.load(file)
    assert str(apart.value) == str(here.value)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('host = "localhost"', 'hots = "localhost"', ":3: unknown key `broker.hots`; did you mean `host`?"),
        ("[broker]", "[brokr]", ":2: unknown key `brokr`; did you mean `broker`?"),
        ('port = "/dev', 'prot = "/dev', ":7: unknown key `device.1.prot`; did you mean `port`?"),
        ('driver = "nmea"', 'driver = "nema"', ":6: `device.1.driver`: no such `nema`; did you mean `nmea`?"),
        ('"field-07"', '"Field 07"', ":1: `agent`"),
        ('host = "localhost"', 'host = "localhost"\nport = 99999', ":4: `broker.port`: input should be less than"),
        ('port = "/dev/ttyUSB0"', "", ":4: `device.1`: device `gnss` needs one source; set one of port, tcp and gpsd"),
        ('port = "/dev/ttyUSB0"', 'tcp = "nowhere"', ":7: `device.1.tcp`: `nowhere` is no address; write host:port"),
        (
            'port = "/dev',
            'profile = "bosch/bme280"\nport = "/dev',
            ":7: `device.1.profile`: no profile 'bosch/bme280' in the catalogue; nearest: bosch/bme280-iio",
        ),
        ("[[device]]", "[[devise]]", ":4: unknown key `devise`; did you mean `device`?"),
        ('port = "/dev', 'seal_after = 5\nport = "/dev', "did you mean `seal_after_s`?"),
    ],
)
def test_a_fault_names_line_key_and_remedy(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in MINIMAL
    assert expected in complaints(tmp_path, MINIMAL.replace(old, new, 1))


def test_a_block_names_the_catalogues_profile_or_the_driver(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, MINIMAL)).profiles["gnss"].profile == "driver/nmea"
    named = config.load(write(tmp_path, MINIMAL.replace("port =", 'profile = "bosch/bme280-iio"\nport =')))
    known = catalogue.load("bosch/bme280-iio")
    found = named.profiles["gnss"]
    assert (found.profile, found.version, found.digest) == (known.id, known.version, known.digest)


def test_two_devices_may_not_share_id_or_port(tmp_path: Path) -> None:
    second = '[[device]]\nid = "gnss"\ndriver = "nmea"\nport = "/dev/other"\n'
    assert "two devices have the id `gnss`" in complaints(tmp_path, MINIMAL + second)
    third = '[[device]]\nid = "b"\ndriver = "nmea"\nport = "/dev/ttyUSB0"\n'
    assert "two devices have the port `/dev/ttyUSB0`" in complaints(tmp_path, MINIMAL + third)


def test_a_password_file_others_may_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("x", encoding="utf-8")
    secret.chmod(0o644)
    text = MINIMAL.replace('host = "localhost"', 'host = "localhost"\npassword_file = "password"')
    found = complaints(tmp_path, text)
    assert ":4: `broker.password_file`" in found
    assert f"chmod 600 {secret}" in found
    secret.chmod(0o600)
    assert config.load(write(tmp_path, text)).username_used == "field-07"


def test_channels_of_a_lines_device(tmp_path: Path) -> None:
    device = '[[device]]\nid = "w"\ndriver = "lines"\ncommand = ["prog"]\n[device.channels]\na = { unit = "Cel" }\n'
    base = MINIMAL.split("[[device]]", maxsplit=1)[0] + device
    found = config.load(write(tmp_path, base)).device[0]
    assert isinstance(found, settings_devices.LinesDevice)
    assert found.channels == {"a": settings_devices.Channel(unit="Cel")}
    assert "did you mean `unit`?" in complaints(tmp_path, base.replace("unit", "unti"))
    twice = base + 'b = { unit = "K", field = "a" }\n'
    assert "two channels of device `w` read the field `a`" in complaints(tmp_path, twice)


def test_a_profile_that_the_driver_cannot_read_names_the_one_that_can(tmp_path: Path) -> None:
    base = MINIMAL.split("[[device]]", maxsplit=1)[0]
    wrong = base + '[[device]]\nid = "t"\ndriver = "serial"\nport = "/dev/ttyS0"\nprofile = "maxim/ds18b20-w1"\n'
    said = complaints(tmp_path, wrong)
    assert 'maxim/ds18b20-w1 comes over w1, which driver "serial" does not read' in said
    assert 'driver = "sysfs"' in said
    nowhere = base + '[[device]]\nid = "t"\ndriver = "serial"\nport = "/dev/ttyS0"\nprofile = "no/such"\n'
    assert "no profile 'no/such' in the catalogue" in complaints(tmp_path, nowhere)
    unnamed = base + '[[device]]\nid = "t"\ndriver = "serial"\nport = "/dev/ttyS0"\n'
    assert "harkara profile list" in complaints(tmp_path, unnamed)


def test_slaves_share_a_port_when_each_has_its_own_unit(tmp_path: Path) -> None:
    base = MINIMAL.split("[[device]]", maxsplit=1)[0]
    one = '[[device]]\nid = "wind"\ndriver = "modbus"\nport = "/dev/ttyS0"\nprofile = "renke/rs-fsjt"\nunit = 1\n'
    two = one.replace("wind", "gust").replace("unit = 1", "unit = 2")
    assert len(config.load(write(tmp_path, base + one + two)).device) == 2
    assert "give each its own unit" in complaints(tmp_path, base + one + two.replace("unit = 2", "unit = 1"))
    assert "on the same port 4800 baud" in complaints(tmp_path, base + one + two + "baud = 19200\n")
    other = '[[device]]\nid = "dust"\ndriver = "serial"\nport = "/dev/ttyS0"\nprofile = "nova/sds011"\n'
    assert "two devices have the port" in complaints(tmp_path, base + one + other)


def slaves(*profiles: str, more: str = "") -> str:
    return MINIMAL + "".join(
        f'[[device]]\nid = "slave-{unit}"\ndriver = "modbus"\nprofile = "{name}"\nport = "/dev/rs485"\n'
        f"unit = {unit}\n{more}"
        for unit, name in enumerate(profiles, 1)
    )


def test_devices_of_one_port_with_other_factory_speeds_are_refused_with_what_to_write(tmp_path: Path) -> None:
    said = complaints(tmp_path, slaves("renke/rs-wsd", "generic/xy-md02"))
    assert "slave-2 has 9600 baud 8N1, slave-1 on the same port 4800 baud 8N1" in said
    assert "baud = 4800" in said
    assert "agent.toml:18" in said
    said = complaints(tmp_path, slaves("renke/rs-wsd", "lambrecht/rain-e", more="baud = 19200\n"))
    assert "19200 baud 8E1" in said
    assert 'parity = "none"' in said
    found = config.load(write(tmp_path, slaves("renke/rs-wsd", "generic/xy-md02", more="baud = 9600\n")))
    assert len(found.device) == 3


def test_jitter_of_half_the_interval_and_more_is_refused(tmp_path: Path) -> None:
    one = '[[device]]\nid = "a"\ndriver = "modbus"\nprofile = "renke/rs-fsjt"\nport = "/dev/rs485"\n'
    assert "5 s is half the interval of 10 s or more" in complaints(tmp_path, MINIMAL + one + "jitter_s = 5\n")
    assert "jitter_s = 1" in complaints(tmp_path, MINIMAL + one + "jitter_s = 5\n")
    config.load(write(tmp_path, MINIMAL + one + "jitter_s = 4.9\n"))
    assert "20 s or more" in complaints(tmp_path, MINIMAL + one + "jitter_s = 10\npoll_s = 20\n")


POWER = '[[power]]\nid = "probes"\n'
COUNTED = '[[device]]\nid = "rain"\ndriver = "pulse"\nprofile = "pulse/tipping-bucket"\nline = 4\npower = "probes"\n'
HEARD = (
    '[[device]]\nid = "dust"\ndriver = "serial"\nprofile = "nova/sds011"\nport = "/dev/ttyS1"\nask = "never"\n'
    'power = "probes"\n'
)
FED = '[[device]]\nid = "a"\ndriver = "modbus"\nprofile = "renke/rs-fsjt"\nport = "/dev/rs485"\nunit = 1\n'


def test_a_power_group_has_one_switch_and_devices_name_one_that_is_there(tmp_path: Path) -> None:
    found = config.load(write(tmp_path, MINIMAL + POWER + "line = 17\n" + FED + 'power = "probes"\n'))
    assert (found.power[0].line, found.power[0].on_max_s, found.power[0].off_at_exit) == (17, 120.0, True)
    relay = 'relay = { port = "/dev/rs485", unit = 16, coil = 2 }\n'
    found = config.load(write(tmp_path, MINIMAL + POWER + relay + FED + 'power = "probes"\n'))
    assert found.power[0].relay is not None
    assert (found.power[0].relay.unit, found.power[0].relay.coil) == (16, 2)
    for text, words in {
        POWER + FED: "needs one switch: line, relay, or command_on and command_off",
        POWER + "line = 1\n" + relay + FED: "needs one switch",
        POWER + 'command_on = ["/bin/true"]\n' + FED: "command_on and command_off belong together",
        POWER + "line = 17\n" + FED + 'power = "pumps"\n': "no power group `pumps`; there are ['probes']",
        POWER + "line = 1\n" + POWER + "line = 2\n" + FED: "two power groups have the id `probes`",
        POWER + relay.replace("16", "1") + FED: "a device has unit 1 of /dev/rs485 too",
        POWER + "line = 1\n" + COUNTED: "device `rain` is counted all the time",
        POWER + "line = 1\n" + HEARD: "device `dust`: with a power group it is asked by switching it on",
        POWER + "line = 1\nsettle_s = 10\non_max_s = 5\n" + FED: "settles longer",
    }.items():
        assert words in complaints(tmp_path, MINIMAL + text), text


def test_a_direction_is_in_short_or_in_full(tmp_path: Path) -> None:
    def direction(text: str) -> object:
        device = config.load(write(tmp_path, MINIMAL + FED + text)).device[1]
        assert isinstance(device, settings_devices.ModbusDevice)
        return device.direction

    assert direction('direction = "adapter"\n') is direction("") is None
    assert direction('direction = "kernel"\n') == settings_devices.Direction(by="kernel")
    gpio = settings_devices.Direction(by="gpio", line=18, after_ms=0.5)
    assert direction("direction = { line = 18, after_ms = 0.5 }\n") == gpio
    assert 'by = "gpio" has a line' in complaints(tmp_path, MINIMAL + FED + 'direction = { chip = "/dev/gpiochip1" }\n')
    said = complaints(
        tmp_path, MINIMAL + FED + FED.replace('"a"', '"b"').replace("= 1", "= 2") + 'direction = "kernel"\n'
    )
    assert "b and a share a port and turn it in different ways; give both the direction of a" in said
    over_tcp = FED.replace('port = "/dev/rs485"', 'tcp = "10.0.0.1:502"') + 'direction = "kernel"\n'
    assert "direction is of a port of this machine" in complaints(tmp_path, MINIMAL + over_tcp)
