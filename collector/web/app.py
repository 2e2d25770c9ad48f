"""The web application: one page, its style, latest values as JSON, a health check. No cookie, no script, no writes."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.middleware.gzip import GZipMiddleware

from collector.lake.formats import FLAG_WORDS
from collector.lake.instants import iso_text
from collector.lake.latest import LatestValue
from collector.lake.numerals import decimal_text
from collector.web.page import environment, render
from collector.web.ports import PageSource

SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names the page answers to. A page elsewhere that points its own name at loopback gets nothing."""
VALUES_A_CALL_MAX: Final = 500


def create_app(
    source: PageSource,
    *,
    clock_ns: Callable[[], int] = time.time_ns,
    host_names: frozenset[str] = LOCAL_NAMES,
) -> FastAPI:
    """The application over a source.

    Args:
        source: What to show; asked at each request.
        clock_ns: The collector's clock, UTC Unix time. [ns]
        host_names: Host names it answers to, without port.
    """
    app = FastAPI(title="Harkara", docs_url=None, redoc_url=None, openapi_url=None)
    templates = environment()
    style = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")

    @app.middleware("http")
    async def guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await proceed(request) if _host(request) in host_names else _not_here()
        response.headers.update(SECURITY_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.add_middleware(GZipMiddleware, minimum_size=1000)

    @app.get("/", response_class=HTMLResponse)
    def page(start: Annotated[int, Query(ge=0, le=10**9)] = 0, *, refresh: bool = True) -> HTMLResponse:
        return HTMLResponse(render(templates, source, now_ns=clock_ns(), start=start, refresh=refresh))

    @app.get("/style.css")
    def stylesheet() -> Response:
        return Response(style, media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    @app.get("/api/latest")
    def latest(
        start: Annotated[int, Query(ge=0, le=10**9)] = 0,
        count: Annotated[int, Query(ge=1, le=VALUES_A_CALL_MAX)] = VALUES_A_CALL_MAX,
    ) -> JSONResponse:
        return JSONResponse(latest_json(source, now_ns=clock_ns(), start=start, count=count))

    @app.get("/health")
    def health() -> JSONResponse:
        state = source.health()
        body = {
            "ok": state.ok,
            "problem": state.problem,
            "journal_position": state.journal_position,
            "lake_position": state.lake_position,
        }
        return JSONResponse(body, status_code=200 if state.ok else 503)

    return app


def latest_json(source: PageSource, *, now_ns: int, start: int = 0, count: int = VALUES_A_CALL_MAX) -> dict[str, Any]:
    """Latest values as JSON fields; also what the control socket answers to ``latest``."""
    account = source.accounts.totals()
    return {
        "now": iso_text(now_ns),
        "total": len(source.latest),
        "start": start,
        "values": [_value_json(value, now_ns) for value in source.latest.page(start, count)],
        "accounting": {
            "accepted": account.accepted,
            "stored": account.stored,
            "recorded_loss": account.recorded_loss,
            "pending": account.pending,
            "sentence": account.sentence(),
        },
    }


def _value_json(latest: LatestValue, now_ns: int) -> dict[str, Any]:
    return {
        "agent": latest.key.agent,
        "device": latest.key.device,
        "channel": latest.key.channel,
        # As text, because a JSON number would lose trailing zeros and JSON has no word for "not a number".
        "value": latest.text if latest.value is None else decimal_text(latest.value, latest.exponent),
        "unit": latest.unit,
        "observed_at": iso_text(latest.observed_at_ns),
        "observed_at_ns": latest.observed_at_ns,
        "age_s": round((now_ns - latest.observed_at_ns) / 1e9, 3),
        "flag": latest.flag,
        "flag_word": FLAG_WORDS.get(latest.flag, ""),
    }


def _host(request: Request) -> str:
    name = request.headers.get("host", "")
    return name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]


def _not_here() -> Response:
    return PlainTextResponse("this page answers only to its own name\n", status_code=421)
