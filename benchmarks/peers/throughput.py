"""One course: how fast readings get from the stations into the store, and what each process takes for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.chain import Chain, Way, running
from benchmarks.peers.meter import tree_bytes
from benchmarks.peers.readings import Readings
from benchmarks.peers.sending import BlockSender, LineSender, block_senders, line_senders, send
from benchmarks.peers.stores import wait_count
from simulators.demo.processes import DemoError, wait_for

_STORED_S: Final = 300.0
_FIRST_S: Final = 60.0
_WARM: Final = 10
"""One in so many messages warms everything up before the clock starts."""

Messages = Mapping[str, Sequence[bytes]]
Senders = Sequence[BlockSender] | Sequence[LineSender]


def course(way: Way, readings: Readings, messages: Messages, rows_a_message: int, folder: Path) -> dict[str, Any]:
    """Send everything one way as fast as it goes.

    Args:
        way: Which.
        readings: What the messages hold.
        messages: By station, in order.
        rows_a_message: Rows of each but the last.
        folder: For all files; empty.

    Raises:
        DemoError: Not everything came to be in the store.
    """
    count = len(next(iter(messages.values())))
    warm = max(1, count // _WARM)
    warm_values = readings.count // readings.minutes * min(readings.minutes, warm * rows_a_message)
    with running(way, folder, readings.names) as chain:
        senders = _senders(chain, messages)
        send(senders, warm)
        wait_for(lambda: chain.view.count() >= warm_values, "the first values", timeout_s=_FIRST_S)
        chain.view.calibrate(warm_values)
        figures = _measured(chain, senders, count, readings.count, readings.count - warm_values)
        for sender in senders:
            sender.publisher.close()
        chain.stage.stop(chain.program)
        held = chain.view.final_count()
        if held != readings.count:
            raise DemoError(f"{way}: {readings.count:,} values were sent, the store holds {held:,}")
        if chain.store is not None:
            chain.stage.stop(chain.store.process)
    store = folder / ("data/lake" if way.store == "lake" else "store")
    return {**figures, "store_disk_bytes_per_value": round(tree_bytes(store) / readings.count, 3)}


def _senders(chain: Chain, messages: Messages) -> Senders:
    port = chain.broker.port
    return block_senders(messages, port) if chain.way.program == "harkara" else line_senders(messages, port)


def _measured(chain: Chain, senders: Senders, count: int, whole: int, values: int) -> dict[str, Any]:
    chain.meter.reset_peaks()
    cpu_before, load_before = chain.meter.cpu_s(), time.process_time()
    wire_before = _wire(senders)
    payload = sum(sender.ends[-1] - sender.ends[sender.sent - 1] for sender in senders)
    began_s = time.monotonic()
    send(senders, count)
    passed_s = time.monotonic()
    stored_s = wait_count(chain.view, whole, timeout_s=_STORED_S)
    cpu = chain.meter.cpu_s()
    million = values / 1e6
    return {
        "values": values,
        "values_per_s": round(values / (stored_s - began_s)),
        "seconds": round(stored_s - began_s, 2),
        "seconds_until_passed_on": round(passed_s - began_s, 2),
        "cpu_s_per_million": {
            **{word: round((cpu[word] - cpu_before[word]) / million, 3) for word in cpu},
            "load": round((time.process_time() - load_before) / million, 3),
        },
        "peak_mb": chain.meter.peak_mb(),
        "sent_again_messages": sum(sender.sent_again for sender in senders),
        "payload_bytes_per_value": round(payload / values, 3),
        "wire_bytes_per_value": round((_wire(senders) - wire_before) / values, 3),
    }


def _wire(senders: Senders) -> int:
    """Bytes of MQTT so far, both ways, between stations and broker."""
    return sum(sender.publisher.bytes_out + sender.publisher.bytes_in for sender in senders)
