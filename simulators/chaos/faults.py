"""Everything that is broken, one function a kind. Each strikes, waits, and takes its cause away; healing is the site's.

A kind gets the site and random numbers of its cycle, so that a cycle breaks the same thing again when it is played
alone. What it names ``kind`` is the function's name.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

from simulators.chaos.disk_faults import (
    agent_disk_failing,
    agent_disk_full,
    agent_out_of_files,
    card_image_restored,
    collector_disk_failing,
    collector_out_of_files,
    outbox_ruined,
)
from simulators.chaos.host_faults import (
    agent_clock_stepped,
    agent_clock_unset,
    agent_disk_eio,
    agent_disk_read_only,
    agent_disk_slow,
)
from simulators.chaos.link_faults import (
    agent_link_cut_in_messages,
    agent_link_flapping,
    agent_link_half_open,
    agent_link_late,
    agent_link_loses_receipts,
    agent_link_refused,
    agent_link_slow,
    collector_link_flapping,
    collector_link_half_open,
    collector_link_loses_acknowledgements,
    collector_link_refused,
    collector_link_slow,
)
from simulators.chaos.message_faults import (
    blocks_of_another_agent,
    blocks_repeated,
    damaged_blocks_published,
    garbage_published,
    session_stolen,
)
from simulators.chaos.process_faults import (
    agent_and_broker_killed,
    agent_killed,
    agent_killed_while_starting,
    agent_paused,
    agent_stopped,
    broker_flapping,
    broker_killed,
    broker_paused,
    broker_stopped,
    collector_and_broker_killed,
    collector_killed,
    collector_killed_while_starting,
    collector_paused,
    collector_stopped,
    everything_killed,
)
from simulators.chaos.sensor_faults import (
    sensor_babbling,
    sensor_breaking_off,
    sensor_silent,
    sensor_unplugged,
)
from simulators.chaos.site import Site
from simulators.chaos.small_disk import can_mount
from simulators.host_trouble.host import can_build

Fault = Callable[[Site, Random], None]

FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        agent_killed,
        agent_killed_while_starting,
        agent_stopped,
        agent_paused,
        collector_killed,
        collector_killed_while_starting,
        collector_stopped,
        collector_paused,
        broker_killed,
        broker_stopped,
        broker_paused,
        broker_flapping,
        agent_and_broker_killed,
        collector_and_broker_killed,
        everything_killed,
        agent_link_refused,
        agent_link_half_open,
        agent_link_loses_receipts,
        agent_link_slow,
        agent_link_late,
        agent_link_cut_in_messages,
        agent_link_flapping,
        collector_link_refused,
        collector_link_half_open,
        collector_link_loses_acknowledgements,
        collector_link_slow,
        collector_link_flapping,
        session_stolen,
        garbage_published,
        damaged_blocks_published,
        blocks_repeated,
        blocks_of_another_agent,
        sensor_unplugged,
        sensor_silent,
        sensor_babbling,
        sensor_breaking_off,
        agent_disk_failing,
        agent_disk_full,
        agent_disk_read_only,
        agent_disk_eio,
        agent_disk_slow,
        agent_clock_stepped,
        agent_clock_unset,
        agent_out_of_files,
        collector_disk_failing,
        collector_out_of_files,
        card_image_restored,
        outbox_ruined,
    )
}
"""Every kind by its name."""

NEED_MOUNT: Final = frozenset({agent_disk_full.__name__})
"""Kinds that need a small disk, and so a user who may mount one."""
NEED_COMPILER: Final = frozenset(
    fault.__name__
    for fault in (agent_disk_read_only, agent_disk_eio, agent_disk_slow, agent_clock_stepped, agent_clock_unset)
)
"""Kinds that trouble an agent's host by a small C library, and so need a compiler."""


def possible(kind: str) -> bool:
    """Whether a kind can be played on this machine."""
    return (kind not in NEED_MOUNT or can_mount()) and (kind not in NEED_COMPILER or can_build())
