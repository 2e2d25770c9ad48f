"""The world: neighbours agree, distance and height tell, and the same seed gives the same values in any order."""

from __future__ import annotations

import numpy as np
import pytest

from device_profiles.quantities import QUANTITIES as CATALOGUE
from simulators.world.fields import EPOCH_NS, QUANTITIES, Points, World, standing
from simulators.world.noise import Array
from simulators.world.streams import stream

HOUR_NS = 3_600_000_000_000
MONTH = EPOCH_NS + np.arange(0, 30 * 24, dtype=np.int64) * HOUR_NS
WORLD = World(seed=7)


def at(quantity: str, east_m: float, elevation_m: float = 560.0, *, seed: int = 7) -> Array:
    return World(seed=seed).sample(quantity, standing(east_m, 0.0, elevation_m, MONTH))


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_values_are_plausible_and_move(quantity: str) -> None:
    values = at(quantity, 0.0)
    limits = CATALOGUE[quantity]
    assert limits.low is not None
    assert limits.high is not None
    assert limits.low <= values.min() < values.max() <= limits.high


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_seed_decides(quantity: str) -> None:
    assert np.array_equal(at(quantity, 0.0), at(quantity, 0.0))
    assert not np.array_equal(at(quantity, 0.0), at(quantity, 0.0, seed=8))


@pytest.mark.parametrize("quantity", ["air_temperature", "relative_humidity", "air_pressure", "wind_speed", "pm2_5"])
def test_neighbours_agree_more_than_strangers(quantity: str) -> None:
    here, near, far = (at(quantity, east_m) for east_m in (0.0, 300.0, 400_000.0))
    assert np.abs(here - near).mean() < 0.3 * np.abs(here - far).mean()


def test_drone_over_a_station_reads_what_the_station_reads() -> None:
    track = np.linspace(-500.0, 500.0, 101)
    times = EPOCH_NS + np.arange(101, dtype=np.int64) * 1_000_000_000
    flown = WORLD.sample("pm2_5", Points(track, np.zeros(101), np.full(101, 560.0), times))
    stood = WORLD.sample("pm2_5", standing(0.0, 0.0, 560.0, times))
    assert flown[50] == pytest.approx(stood[50], rel=1e-12)
    assert flown[0] != pytest.approx(stood[0], rel=1e-6)


def test_mountain_is_colder_and_thinner() -> None:
    assert at("air_temperature", 0.0, 2560.0) == pytest.approx(at("air_temperature", 0.0) - 13.0)
    assert (at("air_pressure", 0.0, 2560.0) < at("air_pressure", 0.0) - 150.0).all()


def test_sun_shines_by_day_only() -> None:
    light = at("solar_radiation", 0.0).reshape(30, 24)
    assert (light[:, 20] == 0.0).all()  # 20 h UTC is after one in the morning at 73.85 degrees east
    assert (light[:, 7] > 100.0).all()


def test_temperature_follows_the_day() -> None:
    by_hour = at("air_temperature", 0.0).reshape(30, 24).mean(axis=0)
    assert by_hour.argmax() in {8, 9, 10, 11}  # 14.5 h solar time is half past nine UTC there


def test_streams_are_independent_by_name() -> None:
    first = stream(7, "device", "a").standard_normal(8)
    stream(7, "device", "b").standard_normal(1000)
    assert np.array_equal(first, stream(7, "device", "a").standard_normal(8))
    assert not np.array_equal(first, stream(7, "device", "b").standard_normal(8))
    assert not np.array_equal(stream(7, "ab", "c").random(4), stream(7, "a", "bc").random(4))


def test_water_follows_the_rain_and_any_order_of_asking_gives_the_same() -> None:
    wet = World(seed=7, wetness=4.0)
    points = standing(0.0, 0.0, 560.0, MONTH)
    rain = wet.sample("precipitation_rate", points)
    level, soil, fallen = (wet.sample(name, points) for name in ("water_level", "soil_moisture", "precipitation"))
    assert rain.max() > 1.0
    assert (fallen.reshape(30, 24)[:, 0] == 0.0).all()  # the count begins with the day
    assert (np.diff(fallen.reshape(30, 24), axis=1) >= 0.0).all()
    assert level.max() - level.min() > 0.3
    dry = World(seed=7, wetness=0.0).sample("water_level", points)
    assert dry == pytest.approx(0.6)
    fresh = World(seed=7, wetness=4.0)
    for place in (700, 3, 333):
        single = standing(0.0, 0.0, 560.0, MONTH[place : place + 1])
        assert fresh.sample("water_level", single)[0] == level[place]
        assert fresh.sample("soil_moisture", single)[0] == soil[place]


def test_front_turns_the_weather_of_one_place_after_another() -> None:
    times = EPOCH_NS + np.arange(0, 20 * 24 * 6, dtype=np.int64) * 600_000_000_000
    world = World(seed=3)
    here, there = (world._passages(standing(east, 0.0, 0.0, times)) for east in (0.0, 200_000.0))
    assert all((late < early).all() for (early, _), (late, _) in zip(here, there, strict=True))
    assert len({strength for _, strength in here}) == len(here)
