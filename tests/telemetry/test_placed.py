"""Readings of sensors on board: each with the place between two positions, or with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from device_profiles.quality import Flag
from device_profiles.wire.values import Scaled
from edge_agent.clock import SystemClock
from edge_agent.config import load
from edge_agent.drivers.ports import Number, Sample
from edge_agent.telemetry import placed as module
from edge_agent.telemetry.placed import WAIT_S, PlacedQueue, Placing
from edge_agent.telemetry.track import TURN
from harkara_io.errors import ConfigError

S = 1_000_000_000


@dataclass
class Stopped(SystemClock):
    """A clock that moves when told."""

    now_s: float = 100.0

    def monotonic_s(self) -> float:
        return self.now_s


def position(at_s: float, latitude: float, *, unit: str = "mm") -> Sample:
    at_ns = int(at_s * S)
    numbers = (
        Number("latitude", "deg", Scaled(round(latitude * 1e7), -7)),
        Number("longitude", "deg", Scaled(780_000_000, -7)),
        Number("altitude", unit, Scaled(640_000 if unit == "mm" else 640, 0)),
    )
    return Sample(at_ns, at_ns, numbers)


def reading(at_s: float) -> Sample:
    return Sample(int(at_s * S), int(at_s * S), (Number("air_temperature", "Cel", Scaled(215, -1)),))


def taken(queue: PlacedQueue, device: str) -> list[dict[str, Number]]:
    found = []
    while (each := queue.take()) is not None:
        if each[0] == device:
            found.append({number.channel: number for number in each[1].numbers})
    return found


def queue(clock: Stopped) -> PlacedQueue:
    return PlacedQueue({"air": Placing("drone")}, clock)


@pytest.mark.parametrize("unit", ["mm", "m"])
def test_a_reading_waits_for_the_position_behind_it_and_lies_between(unit: str) -> None:
    placing = queue(Stopped())
    placing.put("drone", position(10, 30.0, unit=unit))
    placing.put("air", reading(10.5))
    assert taken(placing, "air") == []
    assert len(placing) == 1
    placing.put("drone", position(11, 30.0001, unit=unit))
    (numbers,) = taken(placing, "air")
    assert numbers["air_temperature"].value == Scaled(215, -1)
    assert numbers["latitude"].value == Scaled(300_000_500, -7)
    assert numbers["altitude"].value == Scaled(640_000, -3)
    assert numbers["position_error"].value == Scaled(62, -2)


def test_without_a_position_it_goes_on_after_a_while_and_says_so() -> None:
    clock = Stopped()
    placing = queue(clock)
    placing.put("air", reading(10))
    placing.release()
    assert taken(placing, "air") == []
    clock.now_s += WAIT_S
    placing.release()
    (numbers,) = taken(placing, "air")
    assert numbers["air_temperature"].value is not None
    assert (numbers["latitude"].value, numbers["latitude"].flag, numbers["latitude"].reason) == (
        None,
        Flag.MISSING,
        "no_fix",
    )


def test_a_gap_is_not_bridged_and_stopping_loses_nothing() -> None:
    placing = queue(Stopped())
    placing.put("drone", position(10, 30.0))
    placing.put("air", reading(11))
    placing.put("drone", position(13, 30.1))
    placing.put("air", reading(14))
    placing.release(everything=True)
    assert [numbers["latitude"].value for numbers in taken(placing, "air")] == [None, None]
    assert len(placing) == 0


def test_other_devices_pass_at_once_and_what_knows_its_place_keeps_it() -> None:
    placing = PlacedQueue({"air": Placing("drone"), "camera": Placing("drone")}, Stopped())
    placing.put("soil", reading(10))
    assert len(taken(placing, "soil")) == 1
    placing.put("drone", position(10, 30.0))
    own = Sample(10 * S, 10 * S, (Number("latitude", "deg", Scaled(31, 0)),))
    placing.put("camera", own)
    (numbers,) = taken(placing, "camera")
    assert numbers["latitude"].value == Scaled(31, 0)


def test_place_from_names_another_device(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        'agent = "drone-1"\n[broker]\nhost = "127.0.0.1"\n'
        '[[device]]\nid = "air"\ndriver = "lines"\nport = "/dev/ttyUSB0"\nplace_from = "drome"\n'
        '[[device]]\nid = "drone"\ndriver = "mavlink"\nprofile = "mavlink/position"\nudp = "0.0.0.0:14550"\n'
    )
    with pytest.raises(ConfigError, match="place_from names another device; there are drone"):
        load(file)
    file.write_text(file.read_text().replace("drome", "drone"))
    assert load(file).device[0].place_from == "drone"


def attitude(at_s: float, yaw: float) -> Sample:
    numbers = tuple(Number(name, "rad", value) for name, value in (("roll", 0.0), ("pitch", 0.0), ("yaw", yaw)))
    return Sample(int(at_s * S), int(at_s * S), numbers)


def test_an_attitude_lies_between_two_with_a_bound() -> None:
    placing = PlacedQueue({"air": Placing("drone", "imu")}, Stopped())
    placing.put("drone", position(10, 30.0))
    placing.put("imu", attitude(10, 3.0))
    placing.put("air", reading(10.25))
    placing.put("drone", position(10.5, 30.0))
    assert taken(placing, "air") == [], "it waits for the attitude, too"
    placing.put("imu", attitude(10.5, -3.0))
    (numbers,) = taken(placing, "air")
    assert numbers["yaw"].value in {Scaled(31416, -4), Scaled(-31416, -4)}, "the short way, over the south"
    assert numbers["attitude_error"].value == Scaled(round(0.5 * TURN * 0.25**2 * 1e4), -4)
    assert numbers["latitude"].value == Scaled(300_000_000, -7)


def test_a_sensor_that_is_late_gets_the_place_where_it_measured() -> None:
    placing = PlacedQueue({"air": Placing("drone", None, S // 2)}, Stopped())
    placing.put("drone", position(10, 30.0))
    placing.put("drone", position(11, 30.0001))
    placing.put("air", reading(11))
    (numbers,) = taken(placing, "air")
    assert numbers["latitude"].value == Scaled(300_000_500, -7)


Put = tuple[str, Sample]


def told(order: list[Put], *, waits: bool) -> dict[tuple[int, str], object]:
    """All readings of the sensor that come of an order of arrival; each once."""
    clock = Stopped()
    placing = PlacedQueue({"air": Placing("drone", "imu")}, clock)
    found: dict[tuple[int, str], object] = {}
    for device, sample in order:
        placing.put(device, sample)
        if waits:
            clock.now_s += WAIT_S
            placing.release()
    placing.release(everything=True)
    while (each := placing.take()) is not None:
        for number in each[1].numbers if each[0] == "air" else ():
            if number.value is not None:
                key = (each[1].observed_at_ns or 0, number.channel)
                assert key not in found, "no reading twice"
                found[key] = number.value
    return found


def stream() -> list[Put]:
    """Twelve seconds with a gap of three."""
    puts: list[tuple[float, str, Sample]] = []
    for step in range(24):
        at_s = 10 + step / 2
        if not 14 < at_s < 17:
            puts.append((at_s, "drone", position(at_s, 30.0 + step * step * 1e-6)))
            puts.append((at_s, "imu", attitude(at_s, step / 10)))
        puts.append((at_s + 0.2, "air", reading(at_s + 0.2)))
    return [(device, sample) for _, device, sample in sorted(puts, key=lambda each: each[0])]


def test_positions_out_of_a_backlog_give_the_places_that_they_would_have_given_in_time() -> None:
    live = stream()
    expected = told(live, waits=False)
    of = {channel: sum(key[1] == channel for key in expected) for channel in ("air_temperature", "latitude", "yaw")}
    # The last reading has no position behind it; of the gap of three seconds the readings have no place.
    assert of == {"air_temperature": 24, "latitude": 17, "yaw": 17}
    readings = [put for put in live if put[0] == "air"]
    sources = [put for put in live if put[0] != "air"]
    half = len(live) // 2
    assert told([*readings, *sources], waits=True) == expected, "the radio was away, the sensor was not"
    assert told([*live[half:], *live[:half]], waits=True) == expected, "the second half first"
    assert told([*live[half:], *live[:half]], waits=False) == expected
    assert told([*readings[12:], *sources, *readings[:12]], waits=True) == expected


def test_what_waits_for_its_place_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LATE_MAX", 20)
    placing = queue(Stopped())
    for number in range(25):
        placing.put("air", reading(number / 1000))
    placing.release(everything=True)
    placing.put("drone", position(0, 30.0))
    placing.put("drone", position(0.004, 30.0))
    placed = [numbers for numbers in taken(placing, "air") if numbers.get("latitude") and numbers["latitude"].value]
    assert placed == [], "the oldest stay without"


def test_a_late_sensor_without_a_source_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(
        'agent = "drone-1"\n[broker]\nhost = "127.0.0.1"\n'
        '[[device]]\nid = "air"\ndriver = "lines"\nport = "/dev/ttyUSB0"\nlatency_s = 0.4\n'
    )
    with pytest.raises(ConfigError, match="latency_s goes with place_from"):
        load(file)


def test_an_attitude_that_is_no_number_places_nothing() -> None:
    clock = Stopped()
    placed = PlacedQueue({"air": Placing(None, "drone")}, clock)

    def unknown(at_s: float) -> Sample:
        angles = (Number(name, "rad", float("nan")) for name in ("roll", "pitch", "yaw"))
        return Sample(int(at_s * S), int(at_s * S), tuple(angles))

    placed.put("drone", unknown(0.5))
    placed.put("air", reading(1.0))
    placed.put("drone", unknown(1.5))
    clock.now_s += WAIT_S
    placed.release()
    (found,) = taken(placed, "air")
    assert (found["roll"].value, found["roll"].reason) == (None, "no_fix")
