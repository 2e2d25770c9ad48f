"""What the dashboards show, and how each store is asked for it.

Questions rely on the default names of `docs/stores.md`: tags ``site`` and ``device``, fields with their unit, flags as
``<field>_flag``, and the ``harkara_*`` measurements that the collector writes of itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["timeseries", "stat", "table"]
Store = Literal["influxdb", "victoriametrics"]


@dataclass(frozen=True, slots=True)
class PanelSpec:
    """One panel.

    Attributes:
        title: Above it.
        about: What it tells, for the help sign.
        kind: How it is drawn.
        metrics_ql: Question to VictoriaMetrics.
        influx_ql: Question to InfluxDB.
        unit: Grafana's word for the unit; empty where panels carry several.
        legend: Names of series, from labels.
        width: Of 24 columns.
        height: Of rows.
        repeat: Variable for whose values the panel is repeated.
    """

    title: str
    about: str
    kind: Kind
    metrics_ql: str
    influx_ql: str
    unit: str = ""
    legend: str = ""
    width: int = 12
    height: int = 8
    repeat: str = ""


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A choice at the head of a dashboard.

    Attributes:
        name: As ``$name`` in questions.
        label: For people.
        metrics_ql: What there is to choose in VictoriaMetrics.
        influx_ql: The same in InfluxDB.
        is_many: Whether several can be chosen.
    """

    name: str
    label: str
    metrics_ql: str
    influx_ql: str
    is_many: bool = True


@dataclass(frozen=True, slots=True)
class DashboardSpec:
    """One dashboard.

    Attributes:
        name: Of its file.
        title: Of the page.
        variables: Its choices.
        panels: From left to right, row by row.
    """

    name: str
    title: str
    variables: tuple[VariableSpec, ...]
    panels: tuple[PanelSpec, ...]


READINGS: Final = "/^([^h]|h[^a]|ha[^r]|har[^k])/"
"""Measurements that are not ours; InfluxQL's patterns cannot say "not"."""
NO_FLAG: Final = "/[^g]$|[^a]g$|[^l]ag$|[^f]lag$|[^_]flag$/"
"""Fields that are no flags."""

SITE: Final = VariableSpec(
    "site", "Site", 'label_values({device!=""}, site)', 'SHOW TAG VALUES WITH KEY = "site" WHERE "device" != \'\''
)
DEVICE: Final = VariableSpec(
    "device",
    "Device",
    'label_values({device!="",site=~"$site"}, device)',
    'SHOW TAG VALUES WITH KEY = "device" WHERE "site" =~ /^$site$/',
)
FIELD: Final = VariableSpec(
    "field",
    "Quantity",
    'label_values({device=~"$device",site=~"$site",__name__!~".*_flag"}, __name__)',
    "SHOW FIELD KEYS FROM " + READINGS,
)
AGENT: Final = VariableSpec(
    "agent",
    "Agent",
    "label_values(harkara_agent_accepted, agent)",
    'SHOW TAG VALUES FROM "harkara_agent" WITH KEY = "agent"',
)


def _rate(measurement: str, field: str, by: str = "") -> tuple[str, str]:
    """How fast a count of ours grows, by both stores' words. [1/s]."""
    group = f', "{by}"' if by else ""
    return (
        f"rate({measurement}_{field}[$__rate_interval])",
        (
            f'SELECT non_negative_derivative(last("{field}"), 1s) FROM "{measurement}" WHERE $timeFilter '
            f"GROUP BY time($__interval){group} fill(none)"
        ),
    )


def _course(measurement: str, field: str, by: str = "", where: str = "") -> tuple[str, str]:
    """How a figure of ours went."""
    group = f', "{by}"' if by else ""
    label = f'{{{by}=~"${by}"}}' if where else ""
    return (
        f"{measurement}_{field}{label}",
        (
            f'SELECT last("{field}") FROM "{measurement}" WHERE {where}$timeFilter '
            f"GROUP BY time($__interval){group} fill(none)"
        ),
    )


_OF_AGENT: Final = '"agent" =~ /^$agent$/ AND '

NETWORK: Final = DashboardSpec(
    "network",
    "Harkara: network",
    (SITE,),
    (
        PanelSpec(
            "Stations",
            "Every agent of the registry: whether its link is up, when it was heard, what it still holds.",
            "table",
            'last_over_time({__name__=~"harkara_agent_(up|heard_s_ago|pending|recorded_loss)"}[$__range])',
            'SELECT last("up") AS "up", last("heard_s_ago") AS "heard_s_ago", last("pending") AS "pending", '
            'last("recorded_loss") AS "recorded_loss" FROM "harkara_agent" WHERE $timeFilter GROUP BY "site", "agent"',
            width=24,
        ),
        PanelSpec(
            "Readings stored",
            "How fast the lake grows.",
            "timeseries",
            *_rate("harkara_collector", "stored"),
            unit="cps",
            legend="stored",
        ),
        PanelSpec(
            "Readings on their way",
            "Accepted by agents and not stored yet. Grows while links are down, and goes back to nought.",
            "timeseries",
            *_course("harkara_collector", "pending"),
            unit="short",
            legend="pending",
        ),
        PanelSpec(
            "Newest values",
            "Of every quantity of the chosen sites.",
            "table",
            'last_over_time({device!="",__name__!~".*_flag",site=~"$site"}[$__range])',
            f'SELECT last({NO_FLAG}) FROM {READINGS} WHERE "site" =~ /^$site$/ AND $timeFilter '
            'GROUP BY "site", "device"',
            width=24,
            height=12,
        ),
        PanelSpec(
            "Flagged readings",
            "Readings with a quality flag other than 'not evaluated', in the chosen time.",
            "table",
            'sum by (site, device) (count_over_time({__name__=~".*_flag",site=~"$site"}[$__range]))',
            'SELECT count(/_flag$/) FROM /.*/ WHERE "site" =~ /^$site$/ AND $timeFilter GROUP BY "site", "device"',
            width=24,
        ),
    ),
)

STATION: Final = DashboardSpec(
    "station",
    "Harkara: station",
    (SITE, DEVICE, FIELD),
    (
        PanelSpec(
            "$field",
            "The mean of each interval, as measured; a gap is a gap.",
            "timeseries",
            'avg_over_time({__name__="$field",site=~"$site",device=~"$device"}[$__interval])',
            f'SELECT mean("$field") FROM {READINGS} WHERE "site" =~ /^$site$/ AND "device" =~ /^$device$/ '
            'AND $timeFilter GROUP BY time($__interval), "site", "device" fill(none)',
            legend="{{site}} {{device}}",
            width=24,
            repeat="field",
        ),
    ),
)

AGENTS: Final = DashboardSpec(
    "agents",
    "Harkara: agents",
    (AGENT,),
    tuple(
        PanelSpec(title, about, "timeseries", *_course("harkara_agent", field, "agent", _OF_AGENT), unit, "{{agent}}")
        for title, about, field, unit in (
            ("Link", "1 while the agent's connection is up.", "up", "short"),
            ("Last heard", "Time since anything came from it.", "heard_s_ago", "s"),
            ("Waiting at the agent", "Readings accepted and not stored yet.", "pending", "short"),
            ("Accepted", "Readings committed on the agent's disk, ever.", "accepted", "short"),
            ("Stored", "Readings in the lake, ever.", "stored", "short"),
            ("Given up", "Readings lost with a durable record of why.", "recorded_loss", "short"),
        )
    ),
)

COLLECTOR: Final = DashboardSpec(
    "collector",
    "Harkara: collector",
    (),
    (
        PanelSpec(
            "Blocks",
            "Taken from agents.",
            "timeseries",
            *_rate("harkara_collector", "blocks"),
            unit="cps",
            legend="blocks",
        ),
        PanelSpec(
            "Bytes",
            "Of blocks taken.",
            "timeseries",
            *_rate("harkara_collector", "block_bytes"),
            unit="Bps",
            legend="bytes",
        ),
        PanelSpec(
            "Behind in the lake",
            "Blocks journalled and not in the lake yet.",
            "timeseries",
            *_course("harkara_collector", "lake_lag_blocks"),
            unit="short",
            legend="blocks",
        ),
        PanelSpec(
            "Memory",
            "Of the collector's process.",
            "timeseries",
            *_course("harkara_collector", "rss_bytes"),
            unit="bytes",
            legend="resident",
        ),
        PanelSpec(
            "Behind in stores",
            "How long the oldest block waits that a store lacks.",
            "timeseries",
            *_course("harkara_store", "lag_s", "store"),
            unit="s",
            legend="{{store}}",
        ),
        PanelSpec(
            "Values into stores",
            "How fast each store is given values.",
            "timeseries",
            *_rate("harkara_store", "values", "store"),
            unit="cps",
            legend="{{store}}",
        ),
        PanelSpec(
            "Refused lines",
            "Lines that a store did not take; they lie in its quarantine, their readings in the lake.",
            "timeseries",
            *_course("harkara_store", "refused", "store"),
            unit="short",
            legend="{{store}}",
        ),
        PanelSpec(
            "Quarantine and duplicates",
            "Blocks put aside because something is wrong with them.",
            "stat",
            "last_over_time(harkara_collector_quarantined[$__range])",
            'SELECT last("quarantined") FROM "harkara_collector" WHERE $timeFilter',
            unit="short",
        ),
    ),
)

DASHBOARDS: Final = (NETWORK, STATION, AGENTS, COLLECTOR)
