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
from edge_agent.telemetry.placed import WAIT_S, PlacedQueue
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
    return PlacedQueue({"air": "drone"}, clock)


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
    placing = PlacedQueue({"air": "drone", "camera": "drone"}, Stopped())
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
