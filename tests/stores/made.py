"""Readings made for tests of stores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from collector.stores.ports import Readings, SeriesFacts, TextReading

NOW_NS = 1_780_000_000_000_000_000


def facts(
    channel: str = "level", unit: str = "m", *, agent: str = "a1", device: str = "d1", profile: str = ""
) -> SeriesFacts:
    return SeriesFacts(agent, device, profile, channel, unit)


def readings(
    table: Sequence[SeriesFacts],
    rows: Sequence[tuple[int, int, float]],
    *,
    flags: Sequence[int] | None = None,
    mantissa: Sequence[int] | None = None,
    texts: Sequence[TextReading] = (),
) -> Readings:
    """Of (series, time, value) rows."""
    return Readings(
        series_table=table,
        series=np.array([row[0] for row in rows], np.int32),
        observed_at_ns=np.array([row[1] for row in rows], np.int64),
        value=np.array([row[2] for row in rows], np.float64),
        flag=np.array(flags if flags is not None else [2] * len(rows), np.uint8),
        mantissa=None if mantissa is None else np.array(mantissa, np.int64),
        texts=texts,
    )
