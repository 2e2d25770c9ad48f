"""Sensors that the kernel reads: found by their driver's name, read attribute by attribute, gone and back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from device_profiles import catalogue
from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.drivers.polled import PolledDriver
from edge_agent.drivers.ports import LinkDown, Read, Sample
from edge_agent.drivers.schedule import Schedule
from edge_agent.drivers.sysfs import SysfsInstrument
from tests.drivers.bus_rig import profile

W1 = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"


def iio(root: Path, number: int, name: str, **attributes: str) -> Path:
    return chip(root / f"bus/iio/devices/iio:device{number}", name=name, **attributes)


def chip(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text + "\n", encoding="ascii")
    return folder


def w1(root: Path, serial: str, text: str) -> Path:
    folder = root / f"bus/w1/devices/{serial}"
    folder.mkdir(parents=True)
    (folder / "w1_slave").write_text(text, encoding="ascii")
    return folder


def read(model: str, root: Path, folder: Path | None = None) -> list[Read]:
    async def run() -> list[Read]:
        instrument = SysfsInstrument(catalogue.load(model), SystemClock(), folder=folder, root=root)
        await instrument.open()
        try:
            return await instrument.measure()
        finally:
            await instrument.close()

    return asyncio.run(run())


def values(reads: list[Read]) -> dict[str, object]:
    assert len(reads) == 1
    assert isinstance(reads[0], Sample), reads
    return {number.channel: number.value for number in reads[0].numbers}


def test_an_iio_chip_is_found_by_what_it_offers_and_keeps_its_digits(tmp_path: Path) -> None:
    iio(tmp_path, 0, "ads1115", in_voltage0_raw="12", in_voltage0_scale="3")
    iio(
        tmp_path,
        1,
        "bme280",
        in_temp_input="23450",
        in_pressure_input="101.325000000",
        in_humidityrelative_input="48250",
    )
    found = values(read("bosch/bme280-iio", tmp_path))
    assert found["air_temperature"] == Scaled(23450, -3)
    assert found["relative_humidity"] == Scaled(48250, -3)
    assert found["air_pressure"] in {Scaled(101325000000, -9), Scaled(101325, -3)}


def test_a_one_wire_probe_is_found_and_its_checksum_is_held_to(tmp_path: Path) -> None:
    folder = w1(tmp_path, "28-0316a2795bff", W1)
    assert values(read("maxim/ds18b20-w1", tmp_path)) == {"temperature": Scaled(23125, -3)}
    (folder / "w1_slave").write_text(W1.replace("10 57 :", "10 58 :").replace("YES", "NO"), encoding="ascii")
    assert isinstance(read("maxim/ds18b20-w1", tmp_path)[0], FrameRejected)


def test_two_probes_need_a_path_and_the_error_names_them(tmp_path: Path) -> None:
    first, second = w1(tmp_path, "28-aaaa", W1), w1(tmp_path, "28-bbbb", W1)
    with pytest.raises(LinkDown, match="2 sensors fit, set path to one of") as caught:
        read("maxim/ds18b20-w1", tmp_path)
    assert str(first) in str(caught.value)
    assert values(read("maxim/ds18b20-w1", tmp_path, second)) == {"temperature": Scaled(23125, -3)}


def test_a_sensor_that_is_not_there_or_goes_away_says_so(tmp_path: Path) -> None:
    with pytest.raises(LinkDown, match="the kernel shows no sensor of driver bmp280"):
        read("bosch/bme280-iio", tmp_path)
    with pytest.raises(LinkDown, match="is not there"):
        read("maxim/ds18b20-w1", tmp_path, tmp_path / "28-gone")
    folder = w1(tmp_path, "28-aaaa", W1)

    async def unplugged() -> None:
        instrument = SysfsInstrument(catalogue.load("maxim/ds18b20-w1"), SystemClock(), folder=folder)
        await instrument.open()
        (folder / "w1_slave").unlink()
        await instrument.measure()

    with pytest.raises(LinkDown, match="no attribute can be read"):
        asyncio.run(unplugged())


def hwmon(root: Path, number: int, name: str, **attributes: str) -> Path:
    return chip(root / f"class/hwmon/hwmon{number}", name=name, **attributes)


def test_a_hardware_monitor_is_found_by_its_name_alone(tmp_path: Path) -> None:
    hwmon(tmp_path, 0, "nvme", temp1_input="31850")
    hwmon(tmp_path, 1, "cpu_thermal", temp1_input="48312")
    alarm = hwmon(tmp_path, 2, "rpi_volt", in0_lcrit_alarm="1")
    assert values(read("hwmon/cpu-thermal", tmp_path)) == {"device_temperature": Scaled(48312, -3)}
    assert values(read("hwmon/rpi-volt", tmp_path)) == {"supply_low": Scaled(1, 0)}
    (alarm / "name").write_text("other\n", encoding="ascii")
    with pytest.raises(LinkDown, match="the kernel shows no sensor of driver rpi_volt"):
        read("hwmon/rpi-volt", tmp_path)


def test_an_attribute_of_a_hardware_monitor_is_found_by_its_label(tmp_path: Path) -> None:
    folder = hwmon(tmp_path, 0, "cpu_thermal", temp1_input="1000", temp2_input="48312", temp2_label="Tctl")
    changed = {
        'file = ["temp1_input"]': 'file = ["temp(Tctl)_input"]',
        'key = "temp1_input"': 'key = "temp(Tctl)_input"',
    }

    async def run() -> list[Read]:
        instrument = SysfsInstrument(profile("hwmon/cpu-thermal", **changed), SystemClock(), folder=None, root=tmp_path)
        await instrument.open()
        return await instrument.measure()

    assert values(asyncio.run(run())) == {"device_temperature": Scaled(48312, -3)}
    (folder / "temp2_label").unlink()
    with pytest.raises(LinkDown, match="no attribute can be read"):
        asyncio.run(run())


def test_what_is_read_but_gives_no_reading_is_down_after_silence_s(tmp_path: Path) -> None:
    folder = w1(tmp_path, "28-aaaa", W1.replace("10 57 :", "10 58 :").replace("YES", "NO"))

    async def run() -> None:
        clock = SystemClock()
        instrument = SysfsInstrument(catalogue.load("maxim/ds18b20-w1"), clock, folder=folder)
        driver = PolledDriver(instrument, Schedule(0.05, clock), clock, silence_s=0.3)
        await driver.open()
        async with asyncio.timeout(30):
            while True:
                await driver.read()

    with pytest.raises(LinkDown, match=r"no reading for 0\.3 s"):
        asyncio.run(run())
