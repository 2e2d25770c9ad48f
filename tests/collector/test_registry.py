"""Who may send: ids are checked and never reused, changes are seen by a running collector."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from collector.registry import Registry, RegistryError, RegistryFile, Status


def test_adding_disabling_enabling(tmp_path: Path) -> None:
    with RegistryFile(tmp_path / "r.db", clock_ns=iter(range(1, 100)).__next__) as file:
        made = file.add("agent-1", name="Ridge", place="30.7, 79.1")
        assert (made.status, made.name, made.place, made.added_at_ns) == (Status.ACTIVE, "Ridge", "30.7, 79.1", 1)
        assert file.set_status("agent-1", Status.DISABLED).status is Status.DISABLED
        with pytest.raises(RegistryError, match="never used for a second unit"):
            file.add("agent-1")
        assert file.set_status("agent-1", Status.ACTIVE).status is Status.ACTIVE
        with pytest.raises(RegistryError, match="not in the registry"):
            file.set_status("agent-2", Status.DISABLED)
    with RegistryFile(tmp_path / "r.db") as again:
        assert [agent.id for agent in again.agents()] == ["agent-1"]


@pytest.mark.parametrize("bad", ["", "ab", "Agent-1", "agent_1", "a" * 41, "agent/1", "agent-1 ", "#", "+++"])
def test_an_id_that_could_not_stand_in_a_topic_is_refused(tmp_path: Path, bad: str) -> None:
    with RegistryFile(tmp_path / "r.db") as file, pytest.raises(RegistryError, match="agent id"):
        file.add(bad)


def test_a_running_collector_sees_what_another_process_changes(tmp_path: Path) -> None:
    # A clock that stands still: versions must differ all the same.
    with RegistryFile(tmp_path / "r.db") as mine, RegistryFile(tmp_path / "r.db", clock_ns=lambda: 7) as other:
        registry = Registry(mine, retry_after_s=60)
        unknown = registry.refusal("agent-1")
        assert unknown is not None
        assert (unknown.reason, unknown.retry_after_s) == ("unknown", 60)
        other.add("agent-1")
        assert registry.reload() == ("agent-1",)
        assert registry.refusal("agent-1") is None
        other.set_status("agent-1", Status.DISABLED)
        assert registry.reload() == ()
        disabled = registry.refusal("agent-1")
        assert disabled is not None
        assert disabled.reason == "disabled"
        other.set_status("agent-1", Status.ACTIVE)
        assert registry.reload() == ("agent-1",)
        assert registry.reload() == ()


def test_many_agents_stay_in_order(tmp_path: Path) -> None:
    ids = [f"agent-{number:03d}" for number in range(50)]
    ticks = count(1)
    with RegistryFile(tmp_path / "r.db", clock_ns=lambda: next(ticks)) as file:
        for agent in reversed(ids):
            file.add(agent)
        assert [agent.id for agent in Registry(file, retry_after_s=1).agents] == ids
