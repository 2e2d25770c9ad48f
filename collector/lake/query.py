"""Reads readings back: which series are meant, then their rows in time order. Values are bound; no text becomes SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Final

import duckdb
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from collector.lake.errors import QueryRefused
from harkara_io.errors import nearest_hint

BATCH_ROWS: Final = 16_384
INSTANT_NS_MAX: Final = 9_200_000_000_000_000_000
"""Some time in 2261, and before 1970 as far back: the end of what a nanosecond timestamp can hold. [ns]"""


class Query(BaseModel):
    """What is asked.

    Attributes:
        device: Device id; None for all.
        agent: Agent id; None for all.
        channels: Channel ids; empty for all.
        from_ns: First instant, UTC Unix time. [ns]
        to_ns: First instant no longer meant, UTC Unix time. [ns]
        limit: Only the newest so many readings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    device: Annotated[str, Field(max_length=256)] | None = None
    agent: Annotated[str, Field(max_length=256)] | None = None
    channels: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=256)] = ()
    from_ns: Annotated[int, Field(ge=-INSTANT_NS_MAX, le=INSTANT_NS_MAX)] | None = None
    to_ns: Annotated[int, Field(ge=-INSTANT_NS_MAX, le=INSTANT_NS_MAX)] | None = None
    limit: Annotated[int, Field(ge=1, le=2**53)] | None = None


SCHEMA: Final = pa.schema(
    [
        ("agent", pa.string()),
        ("device", pa.string()),
        ("channel", pa.string()),
        ("unit", pa.string()),
        ("observed_at_ns", pa.int64()),
        ("value", pa.float64()),
        ("exponent", pa.int8()),
        ("mantissa", pa.int64()),
        ("text", pa.string()),
        ("flag", pa.uint8()),
    ]
)
"""Columns of an answer. ``mantissa`` only where the double alone is not exact, ``text`` only for text events."""

_ROWS: Final = """
    SELECT s.agent, s.device, s.channel, s.unit, epoch_ns(r.observed_at) AS observed_at_ns, r.value, s.exponent,
           x.mantissa, NULL::VARCHAR AS text, r.flag
    FROM lake.reading r
    JOIN lake.series s ON s.series_id = r.series_id
    LEFT JOIN lake.exact x
      ON x.series_id = r.series_id AND x.block_id = r.block_id AND x.observed_at = r.observed_at
    WHERE r.series_id IN (SELECT unnest($series::INTEGER[])) AND r.series_id BETWEEN $lowest AND $highest
      AND r.observed_at >= make_timestamp_ns($since) AND r.observed_at < make_timestamp_ns($until)
    UNION ALL
    SELECT e.agent, e.device, e.channel, '', epoch_ns(e.observed_at), NULL, NULL, NULL, e.text, 2
    FROM lake.event e
    WHERE ($agent IS NULL OR e.agent = $agent) AND ($device IS NULL OR e.device = $device)
      AND (len($channels::VARCHAR[]) = 0 OR list_contains($channels::VARCHAR[], e.channel))
      AND e.observed_at >= make_timestamp_ns($since) AND e.observed_at < make_timestamp_ns($until)
"""
_ORDER: Final = "observed_at_ns, agent, device, channel"
_EVERYTHING: Final = f"SELECT * FROM ({_ROWS}) ORDER BY {_ORDER}"  # noqa: S608 - constants of this module
_NEWEST: Final = f"SELECT * FROM (SELECT * FROM ({_ROWS}) ORDER BY observed_at_ns DESC LIMIT $limit) ORDER BY {_ORDER}"  # noqa: S608
_CHANNELS: Final = """
    SELECT agent, device, channel, list(series_id) FROM lake.series GROUP BY ALL
    UNION ALL
    SELECT DISTINCT agent, device, channel, []::INTEGER[] FROM lake.event
"""


def run_query(cursor: duckdb.DuckDBPyConnection, query: Query) -> Iterator[pa.RecordBatch]:
    """Rows of `SCHEMA`, in time order, as they come; the memory limit of the lake bounds the sort, which may spill.

    Raises:
        QueryRefused: No such agent, device or channel; the message names the nearest.
    """
    series = _series_meant(cursor, query)
    parameters: dict[str, object] = {
        "series": series,
        "lowest": min(series, default=0),
        "highest": max(series, default=0),
        "since": -INSTANT_NS_MAX if query.from_ns is None else query.from_ns,
        "until": INSTANT_NS_MAX if query.to_ns is None else query.to_ns,
        "agent": query.agent,
        "device": query.device,
        "channels": list(query.channels),
    }
    if query.limit is not None:
        parameters["limit"] = query.limit
    statement = _EVERYTHING if query.limit is None else _NEWEST
    for batch in cursor.execute(statement, parameters).to_arrow_reader(BATCH_ROWS):
        yield batch.cast(SCHEMA)


def _series_meant(cursor: duckdb.DuckDBPyConnection, query: Query) -> list[int]:
    rows = cursor.execute(_CHANNELS).fetchall()
    if not rows:
        raise QueryRefused("the lake is empty: no agent has delivered anything yet")
    for place, kind, word in ((0, "agent", query.agent), (1, "device", query.device)):
        if word is not None:
            names = {row[place] for row in rows}
            rows = [row for row in rows if row[place] == word]
            if not rows:
                raise QueryRefused(f"no {kind} {json.dumps(word)} in the lake; {_near(word, names)}")
    names = {row[2] for row in rows}
    for channel in query.channels:
        if channel not in names:
            raise QueryRefused(f"no channel {json.dumps(channel)} there; {_near(channel, names)}")
    return [number for row in rows if not query.channels or row[2] in query.channels for number in row[3]]


def _near(word: str, names: set[str]) -> str:
    hint = nearest_hint(word, names)
    return hint if len(hint) <= 300 else hint[:297] + "..."
