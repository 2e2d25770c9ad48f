"""What watches over the stores goes on when a round of it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from collector.control import Front, Parts
from collector.stores import desk as module
from collector.stores.config import StoreConfig
from collector.stores.desk import StoreDesk
from harkara_io.control_socket import ControlError
from harkara_io.log_errors import LogBroken
from tests.conftest import wait_until
from tests.lake.stations import Bench


def test_a_status_that_fails_ends_neither_the_figures_nor_the_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH_S", 0.01)
    said: list[str] = []
    monkeypatch.setattr("collector.stores.desk._log.exception", lambda *words: said.append(str(words)))
    told: list[int] = []

    def status() -> Mapping[str, Any]:
        """As while the journal's disk fails: `Journal.stats` says so."""
        told.append(1)
        raise LogBroken("disk I/O error")

    config = StoreConfig(
        name="it", kind="victoriametrics", url="http://127.0.0.1:9", health_every_s=0.01, durable_after_s=0
    )
    with Bench(tmp_path) as bench:
        stores = StoreDesk([config], tmp_path / "stores", journal=bench.journal, lake=bench.lake, agents=tuple)
        served = stores._stores["it"]
        news = served.herald.news
        asked: list[int] = []

        def once_broken(*words: Any) -> str | None:
            asked.append(1)
            if len(asked) < 3:
                raise ZeroDivisionError
            return news(*words)

        monkeypatch.setattr(served.herald, "news", once_broken)
        stores.start(status)
        try:
            wait_until(lambda: len(told) >= 3 and len(asked) >= 4, what="both to be tried again")
        finally:
            stores.stop()
    assert len([words for words in said if "figures" in words]) == 1
    assert len([words for words in said if "states" in words]) == 1


def test_an_order_that_nobody_waits_for_any_longer_is_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the answer says: a store that hangs does not take an order back."""
    monkeypatch.setattr("collector.control.STORE_S_MAX", 0.01)
    config = StoreConfig(name="it", kind="victoriametrics", url="http://127.0.0.1:9")
    with Bench(tmp_path) as bench:
        stores = StoreDesk([config], tmp_path / "stores", journal=bench.journal, lake=bench.lake, agents=tuple)
        front = Front()
        front._parts = cast("Parts", SimpleNamespace(stores=stores, journal=bench.journal))
        with pytest.raises(ControlError, match="store it hangs"):
            asyncio.run(front._store_pause({"store": "it"}))
        pump = stores._stores["it"].pump
        pump._turns.do_what_was_asked()
        assert pump.is_paused
        stores.stop()
