"""Questions to a running collector: answers go over its control socket as Arrow batches, one form for every reader."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from pydantic import ValidationError

from collector.lake.errors import QueryRefused
from collector.lake.query import Query, run_query
from harkara_io.control_socket import stream

Json = dict[str, Any]
FLUSH_S_MAX: Final = 20.0
"""How long a question waits for what is journalled to reach the lake; then it is answered with what is there. [s]"""


class QueryAnswers:
    """The collector's side of ``query``.

    Args:
        cursor: Makes a connection to the lake, used in one worker thread at a time.
        flush: Waits until what is journalled is in the lake; returns False when that took too long.
    """

    def __init__(self, cursor: Callable[[], duckdb.DuckDBPyConnection], flush: Callable[[float], bool]) -> None:
        self._cursor = cursor
        self._flush = flush

    async def stream(self, fields: Mapping[str, object]) -> AsyncIterator[Json]:
        """Items ``{"fresh": bool}``, then ``{"batch": base64 of an Arrow stream}``. DuckDB works off the event loop.

        Raises:
            QueryRefused: The question is not one, or names what is not there.
        """
        query = parse_query(fields)
        yield {"fresh": await asyncio.to_thread(self._flush, FLUSH_S_MAX)}
        cursor = await asyncio.to_thread(self._cursor)
        with closing(cursor):
            batches = run_query(cursor, query)
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                yield {"batch": base64.b64encode(_to_ipc(batch)).decode("ascii")}


def parse_query(fields: Mapping[str, object]) -> Query:
    """The question in JSON fields.

    Raises:
        QueryRefused: A field is unknown or has the wrong type.
    """
    try:
        return Query.model_validate(dict(fields))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise QueryRefused(f"query: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from exc


def ask(socket: Path, query: Query, *, timeout_s: float = 60.0) -> Iterator[pa.RecordBatch]:
    """Ask a running collector. The socket is connected at the first batch.

    Raises:
        NotRunning: Nobody listens there.
        ControlError: It refused; its message is one line.
    """
    fields = query.model_dump(exclude_none=True)
    for item in stream(socket, "query", timeout_s=timeout_s, **fields):
        if "batch" in item:
            with pa.ipc.open_stream(base64.b64decode(item["batch"])) as reader:
                yield from reader


def _to_ipc(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())
