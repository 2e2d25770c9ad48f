"""The site of an agent, as the registry has it now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from collector.stores.mapping import site_names

if TYPE_CHECKING:
    from collector.registry import Agent


class Sites:
    """Looks sites up; called once for each series, from any thread.

    Args:
        agents: Everybody in the registry.
    """

    def __init__(self, agents: Callable[[], Iterable[Agent]]) -> None:
        self._agents = agents
        self._known: dict[str, str] = {}

    def of(self, agent: str) -> str:
        """The agent's site; its id for one that is not in the registry, such as one of a lake from elsewhere."""
        if agent not in self._known:
            self._known = site_names(self._agents())
        return self._known.setdefault(agent, agent)
