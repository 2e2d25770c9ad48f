"""Builds the page: what is known, in the order a person asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import jinja2

from collector.lake.formats import FLAG_WORDS
from collector.lake.instants import iso_text
from collector.lake.latest import LatestValue
from collector.web.ports import Link, PageSource
from collector.web.sparkline import HEIGHT, WIDTH, path_of
from collector.web.words import age_text, breakable, cut, is_late, range_text, unit_text, value_text
from device_profiles.wire.model import ClockState

ROWS_A_PAGE: Final = 40
"""With names cut to 40 characters and charts of 32 points this keeps the page under 20 kB."""
REFRESH_S: Final = 15
_QUIET_FLAGS: Final = (1, 2)
_CLOCK_WORDS: Final = {int(ClockState.UNSET): "clock not set", int(ClockState.RTC): "clock by RTC only"}


@dataclass(frozen=True, slots=True)
class Row:
    """One channel's line."""

    channel: str
    value: str
    unit: str
    age: str
    observed_at: str
    note: str
    chart: str
    span: str


@dataclass(frozen=True, slots=True)
class Device:
    """One device's table."""

    agent: str
    device: str
    note: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class AgentLine:
    """One agent's line."""

    agent: str
    state: str
    since: str
    good: bool
    accepted: str
    pending: str
    lost: str


def environment() -> jinja2.Environment:
    """Templates; everything that goes into one is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["breakable"] = breakable
    return templates


def render(templates: jinja2.Environment, source: PageSource, *, now_ns: int, start: int, refresh: bool) -> str:
    """The page.

    Args:
        templates: From `environment`.
        source: What to show.
        now_ns: The collector's clock, UTC Unix time. [ns]
        start: First channel to show.
        refresh: Whether the page loads itself anew every `REFRESH_S`.
    """
    count = len(source.latest)
    start = min(start, max(count - 1, 0))
    shown = source.latest.page(start, ROWS_A_PAGE)
    links = source.links()
    page = links[:ROWS_A_PAGE] if len(links) <= 8 else _linked_to(links, shown)
    totals = source.accounts.totals()
    return templates.get_template("page.html").render(
        accounting=totals,
        sentence=totals.sentence(),
        health=source.health(),
        agents=[_agent(link, source, now_ns) for link in page],
        agents_total=len(links),
        stores=source.store_lines(),
        devices=_devices(shown, now_ns),
        count=count,
        first=start + 1,
        last=start + len(shown),
        earlier=max(0, start - ROWS_A_PAGE) if start else None,
        later=start + ROWS_A_PAGE if start + len(shown) < count else None,
        start=start,
        refresh_s=REFRESH_S if refresh else 0,
        now=iso_text(now_ns // 10**9 * 10**9),
        width=WIDTH,
        height=HEIGHT,
    )


def _linked_to(links: Sequence[Link], shown: Sequence[LatestValue]) -> list[Link]:
    """Agents that need a look first, then those of the values on this page; at most eight."""
    here = {value.key.agent for value in shown}
    ranked = sorted(links, key=lambda link: (link.alive is True, link.agent not in here, link.agent))
    return ranked[:8]


def _devices(shown: Sequence[LatestValue], now_ns: int) -> list[Device]:
    devices = []
    for (agent, device), values in groupby(shown, key=lambda value: (value.key.agent, value.key.device)):
        group = list(values)
        worst = min(value.clock_state for value in group)
        rows = tuple(_row(value, now_ns) for value in group)
        devices.append(Device(agent=cut(agent), device=cut(device), note=_CLOCK_WORDS.get(worst, ""), rows=rows))
    return devices


def _row(latest: LatestValue, now_ns: int) -> Row:
    notes = [] if latest.flag in _QUIET_FLAGS else [FLAG_WORDS.get(latest.flag, f"flag {latest.flag}")]
    if is_late(latest, now_ns):
        notes.append("late")
    return Row(
        channel=cut(latest.key.channel),
        value=value_text(latest),
        unit=unit_text(latest.unit),
        age=age_text(now_ns - latest.observed_at_ns),
        observed_at=iso_text(latest.observed_at_ns // 10**9 * 10**9),
        note=", ".join(notes),
        chart=path_of(latest.chart),
        span=range_text(latest),
    )


def _agent(link: Link, source: PageSource, now_ns: int) -> AgentLine:
    account = source.accounts.of(link.agent)
    state = {True: "connected", False: "not connected", None: "not heard yet"}[link.alive]
    if not link.enabled:
        state = "disabled"
    return AgentLine(
        agent=link.agent,
        state=state,
        since="" if link.since_ns is None else age_text(now_ns - link.since_ns),
        good=link.alive is True and link.enabled,
        accepted=f"{account.accepted:,}",
        pending=f"{account.pending:,}",
        lost=f"{account.recorded_loss:,}",
    )
