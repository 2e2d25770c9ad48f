"""What a store of others gives back, by its own query: every value of a device."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, Final

from simulators.demo.servers import InfluxDB, Store
from simulators.oracle import Stored

_ANSWER_S: Final = 60.0
_MS_NS: Final = 1_000_000
_BEGIN_S: Final = 1_500_000_000
"""Before anything the demonstration says; a span from 1970 to far ahead is answered with nothing. [s]"""
_DAY_S: Final = 86_400
_MEASUREMENT: Final = "reading"
"""Of devices without a profile of the catalogue, as those of the demonstration are."""
_NOT_NUMBERS: Final = ("_flag", "_text")


def values_in(store: Store, device: str) -> Iterator[Stored]:
    """Every number of a device that the store has; a value it has twice comes twice."""
    return _influx(store, device) if isinstance(store, InfluxDB) else _victoria(store, device)


def _influx(store: InfluxDB, device: str) -> Iterator[Stored]:
    query = f'SELECT * FROM "{_MEASUREMENT}" WHERE "device" = \'{device}\''  # noqa: S608 - a device of our own
    answer = _asked(
        f"{store.address}/query",
        {"db": store.bucket, "q": query, "epoch": "ns"},
        {"Authorization": f"Token {store.token}"},
    )
    for series in json.loads(answer)["results"][0].get("series", []):
        names = series["columns"]
        for row in series["values"]:
            for channel, value in zip(names[1:], row[1:], strict=True):
                if isinstance(value, int | float) and not channel.endswith(_NOT_NUMBERS):
                    yield Stored(device, channel, int(row[0]), float(value))


def _victoria(store: Store, device: str) -> Iterator[Stored]:
    _asked(f"{store.address}/internal/force_flush", {}, {})
    # All the store has on its disk: without merging equal times, so that twice shows.
    words = {"match[]": f'{{device="{device}"}}', "start": _BEGIN_S, "end": int(time.time()) + _DAY_S}
    for line in _asked(f"{store.address}/api/v1/export", words | {"reduce_mem_usage": 1}, {}).splitlines():
        series: dict[str, Any] = json.loads(line)
        channel = str(series["metric"]["__name__"]).removeprefix(f"{_MEASUREMENT}_")
        if channel.endswith(_NOT_NUMBERS):
            continue
        for at_ms, value in zip(series["timestamps"], series["values"], strict=True):
            yield Stored(device, channel, int(at_ms) * _MS_NS, float(value))


def _asked(url: str, query: dict[str, Any], headers: dict[str, str]) -> bytes:
    request = urllib.request.Request(f"{url}?{urllib.parse.urlencode(query)}", headers=headers)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=_ANSWER_S) as answer:  # noqa: S310 - our own server
        return bytes(answer.read())
