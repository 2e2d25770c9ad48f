"""Fills the latest values from the lake at a start, looking only as far back as it must."""

from __future__ import annotations

from typing import Final

import duckdb
import numpy as np

from collector.lake.dictionary import SeriesDictionary
from collector.lake.latest import AHEAD_NS_MAX, ChannelKey, LatestValues, Readings

DAY_NS: Final = 86_400 * 10**9
_SPANS_NS: Final = (DAY_NS, 31 * DAY_NS, None)
_CHART_BUCKET_NS: Final = DAY_NS // 48

_NEWEST: Final = """
    SELECT r.series_id, epoch_ns(r.moment), r.value, r.flag, coalesce(b.clock_state, 0)
    FROM (SELECT series_id, max(observed_at) AS moment, arg_max(value, observed_at) AS value,
                 arg_max(flag, observed_at) AS flag, arg_max(block_id, observed_at) AS block_id
          FROM lake.reading
          WHERE observed_at >= make_timestamp_ns(?) AND observed_at <= make_timestamp_ns(?)
          GROUP BY series_id) r
    LEFT JOIN lake.block b ON b.block_id = r.block_id
"""
_CHART: Final = """
    SELECT series_id, max(epoch_ns(observed_at)) AS moment, arg_max(value, observed_at)
    FROM lake.reading
    WHERE observed_at >= make_timestamp_ns(?) AND observed_at <= make_timestamp_ns(?)
    GROUP BY series_id, epoch_ns(observed_at) // ?
    ORDER BY moment
"""
_TEXTS: Final = """
    SELECT e.agent, e.device, e.channel, max(epoch_ns(e.observed_at)), arg_max(e.text, e.observed_at),
           coalesce(arg_max(b.clock_state, e.observed_at), 0)
    FROM lake.event e LEFT JOIN lake.block b USING (block_id)
    WHERE e.observed_at <= make_timestamp_ns(?)
    GROUP BY e.agent, e.device, e.channel
"""


def rebuild(
    latest: LatestValues, cursor: duckdb.DuckDBPyConnection, dictionary: SeriesDictionary, *, now_ns: int
) -> None:
    """Put the newest reading of every series, and a day of points for the charts, into ``latest``.

    The last day is read first; older days only when some series has nothing in it.
    """
    until = now_ns + AHEAD_NS_MAX
    latest.remember(cursor.execute(_CHART, [now_ns - DAY_NS, until, _CHART_BUCKET_NS]).fetchall())
    found: set[int] = set()
    for span in _SPANS_NS:
        since = 0 if span is None else max(0, now_ns - span)
        rows = cursor.execute(_NEWEST, [since, until]).fetchall()
        _put(latest, [row for row in rows if row[0] not in found], now_ns)
        found |= {row[0] for row in rows}
        if len(found) >= len(dictionary):
            break
    for agent, device, channel, moment, text, clock in cursor.execute(_TEXTS, [until]).fetchall():
        latest.observe_text(ChannelKey(agent, device, channel), moment, text, clock, now_ns)


def _put(latest: LatestValues, rows: list[tuple[int, int, float, int, int]], now_ns: int) -> None:
    if not rows:
        return
    series, moments, values, flags, clocks = zip(*rows, strict=True)
    latest.observe(
        Readings(
            series=np.array(series, np.int32),
            observed_at_ns=np.array(moments, np.int64),
            value=np.array(values, np.float64),
            flag=np.array(flags, np.uint8),
            clock_state=clocks,
            block=np.arange(len(rows), dtype=np.int32),
        ),
        now_ns,
    )
