"""``harkara agent run``: the process itself: configuration, log, signals, exit status."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from typing import Final

import harkara
from edge_agent.agent import Agent
from edge_agent.load_config import load_apart
from edge_agent.settings import Config
from harkara_io.errors import HarkaraError
from harkara_io.log_errors import LogError

log = logging.getLogger("harkara.agent")

_FAULT: Final = 1
_IN_THE_WAY: Final = 2


def run(args: argparse.Namespace) -> int:
    """Run an agent until SIGTERM or SIGINT.

    Raises:
        ConfigError: The configuration cannot be used; nothing was opened.
    """
    config = load_apart(args.config)
    if args.check:
        Agent(config, version=harkara.__version__)
        print(f"{args.config}: {len(config.device)} devices, all is well")
        return 0
    _start_log(config.log_level)
    # Modules live as long as the process: the collector of garbage need not walk them.
    gc.collect()
    gc.freeze()
    return asyncio.run(_until_signalled(config))


async def _until_signalled(config: Config) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    status = 0
    try:
        await Agent(config, version=harkara.__version__).run(stop)
        log.info("agent stopped")
    except (HarkaraError, LogError) as exc:
        log.error("agent cannot run: %s", exc)  # noqa: TRY400 - the line says it all
        status = int(getattr(exc, "exit_status", _IN_THE_WAY))
    except BaseExceptionGroup as group:
        log.exception("agent failed", exc_info=group)
        status = _FAULT
    # A thread that still waits for a broker or a hung port would hold the process back for minutes. Outbox and control
    # socket are closed by now, so nothing is lost by going.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _start_log(level: str) -> None:
    """One line per change of state on standard error; under systemd without the time, which the journal has."""
    under_systemd = bool(os.environ.get("JOURNAL_STREAM"))
    layout = "%(levelname)s %(name)s %(message)s" if under_systemd else "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=level.upper(), format=layout, stream=sys.stderr)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
