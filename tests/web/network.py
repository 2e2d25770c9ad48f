"""A small network as the page sees it, made of the real parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from collector.lake.accounting import Accounts
from collector.lake.dictionary import SeriesDictionary, SeriesKey
from collector.lake.latest import LatestValues, Readings
from collector.web.ports import Health, Link, StoreLine

NOW_NS = 1_795_471_200 * 10**9
CHANNELS = (
    ("air_temperature", "Cel", -2, 21.4, 3.0),
    ("relative_humidity", "%", -1, 61.0, 12.0),
    ("air_pressure", "hPa", -2, 962.17, 1.6),
    ("wind_speed", "m/s", -2, 3.4, 2.9),
    ("wind_direction", "deg", 0, 190.0, 160.0),
    ("precipitation", "mm", -1, 0.4, 0.4),
    ("global_radiation", "W/m2", -1, 412.0, 400.0),
    ("pm2_5", "ug/m3", -1, 17.3, 9.0),
    ("soil_moisture", "m3/m3", -3, 0.231, 0.02),
    ("battery_voltage", "V", -3, 12.61, 0.4),
)


@dataclass
class Network:
    """What `PageSource` asks for, with real latest values and accounts inside."""

    dictionary: SeriesDictionary = field(default_factory=SeriesDictionary)
    accounts: Accounts = field(default_factory=Accounts)
    link_list: list[Link] = field(default_factory=list)
    store_list: list[StoreLine] = field(default_factory=list)
    state: Health = field(default_factory=lambda: Health(ok=True, journal_position=812, lake_position=812))
    latest: LatestValues = field(init=False)

    def __post_init__(self) -> None:
        self.latest = LatestValues(self.dictionary)

    def links(self) -> Sequence[Link]:
        return self.link_list

    def store_lines(self) -> Sequence[StoreLine]:
        return self.store_list

    def health(self) -> Health:
        return self.state

    def observe(
        self,
        key: SeriesKey,
        times_ns: Sequence[int],
        values: Sequence[float],
        *,
        flag: int = 2,
        clock: int = 3,
    ) -> None:
        """Feed readings of one series, a block a reading, so that each is a point of the chart."""
        number = self.dictionary.id_of(key)
        for moment, value in zip(times_ns, values, strict=True):
            self.latest.observe(
                Readings(
                    series=np.array([number], np.int32),
                    observed_at_ns=np.array([moment], np.int64),
                    value=np.array([value]),
                    flag=np.array([flag], np.uint8),
                    clock_state=[clock],
                    block=np.array([0], np.int32),
                ),
                NOW_NS,
            )


def day_of(network: Network, agent: str, device: str, *, late_s: int = 0, points: int = 140, clock: int = 3) -> None:
    """A day of a ten-channel station, the last reading ``late_s`` seconds before now."""
    step = 86_400 * 10**9 // points
    for order, (channel, unit, exponent, middle, swing) in enumerate(CHANNELS):
        times = [NOW_NS - (points - 1 - n) * step - (late_s + 7) * 10**9 for n in range(points)]
        places = -exponent
        values = [
            round(
                middle + swing / 2 * math.sin(n / points * 2 * math.pi + order) + 0.1 * swing * math.sin(n * 2.3),
                places,
            )
            for n in range(points)
        ]
        flag = 3 if channel == "pm2_5" else 2
        network.observe(SeriesKey(agent, device, channel, unit, exponent), times, values, flag=flag, clock=clock)


def typical() -> Network:
    """Three stations: one well, one whose clock was never set, one that went silent."""
    network = Network()
    day_of(network, "kolhapur-01", "weather")
    day_of(network, "panchganga-bridge", "river-gauge", clock=0)
    day_of(network, "sangli-02", "weather", late_s=9_000)
    totals = {"kolhapur-01": 1_204_330, "panchganga-bridge": 83_112, "sangli-02": 604_871}
    for agent, total in totals.items():
        network.accounts.stored([(agent, 7, total, total)])
    network.accounts.heard("sangli-02", 7, totals["sangli-02"] + 1_440)
    network.accounts.lost([("panchganga-bridge", 0, 360)])
    network.link_list = [
        Link("kolhapur-01", alive=True, since_ns=NOW_NS - 3 * 86_400 * 10**9),
        Link("panchganga-bridge", alive=True, since_ns=NOW_NS - 5_400 * 10**9),
        Link("sangli-02", alive=False, since_ns=NOW_NS - 9_000 * 10**9),
    ]
    return network
