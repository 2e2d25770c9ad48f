"""From what a dashboard shows to Grafana's own description of it."""

from __future__ import annotations

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog import builder as cogbuilder
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from deploy.grafana.generator.specs import DashboardSpec, PanelSpec, Store, VariableSpec

SOURCES: Final[dict[Store, tuple[str, str]]] = {
    "influxdb": ("influxdb", "harkara-influxdb"),
    "victoriametrics": ("prometheus", "harkara-victoriametrics"),
}
"""Type and id of the data source that each store has in Grafana; provisioned under this id."""
REFRESH: Final = "1m"

_MAKE: Final[dict[str, Any]] = {"timeseries": timeseries.Panel, "stat": stat.Panel, "table": table.Panel}


class InfluxQuery(variants.Dataquery, cogbuilder.Builder[variants.Dataquery]):
    """A question in InfluxQL; the SDK has no words for this data source."""

    def __init__(self, query: str, *, is_table: bool) -> None:
        self._query, self._is_table = query, is_table

    def build(self) -> InfluxQuery:
        """It is its own description."""
        return self

    def to_json(self) -> dict[str, object]:
        """As Grafana's InfluxDB data source keeps it."""
        form = "table" if self._is_table else "time_series"
        return {"refId": "A", "query": self._query, "rawQuery": True, "resultFormat": form}


def built(spec: DashboardSpec, store: Store) -> str:
    """A dashboard for one store, as JSON."""
    board = (
        dashboard.Dashboard(spec.title)
        .uid(f"harkara-{spec.name}-{store}")
        .tags(["harkara", store])
        .refresh(REFRESH)
        .time("now-24h", "now")
        .timezone("browser")
        .editable()
    )
    for variable in spec.variables:
        board.with_variable(_variable(variable, store))
    for panel in spec.panels:
        board.with_panel(_panel(panel, store))
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _variable(spec: VariableSpec, store: Store) -> dashboard.QueryVariable:
    query = spec.influx_ql if store == "influxdb" else spec.metrics_ql
    return (
        dashboard.QueryVariable(spec.name)
        .label(spec.label)
        .datasource(_source(store))
        .query(query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(spec.is_many)
        .include_all(spec.is_many)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _panel(spec: PanelSpec, store: Store) -> Any:  # noqa: ANN401 - the SDK's panels have no common type
    panel = _MAKE[spec.kind]()
    panel.title(spec.title).description(spec.about).datasource(_source(store)).span(spec.width).height(spec.height)
    if spec.unit:
        panel.unit(spec.unit)
    if spec.repeat:
        panel.repeat(spec.repeat).repeat_direction("h")
    is_table = spec.kind == "table"
    if store == "influxdb":
        return panel.with_target(InfluxQuery(spec.influx_ql, is_table=is_table))
    query = prometheus.Dataquery().expr(spec.metrics_ql).ref_id("A").legend_format(spec.legend or "__auto")
    if is_table or spec.kind == "stat":
        query.instant().format(PromQueryFormat.TABLE if is_table else PromQueryFormat.TIME_SERIES)
    else:
        query.range()
    return panel.with_target(query)


def _source(store: Store) -> Any:  # noqa: ANN401 - as above
    kind, uid = SOURCES[store]
    return models.DataSourceRef(type_val=kind, uid=uid)
