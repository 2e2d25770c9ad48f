"""``harkara collector run``: the process itself: configuration, log, signals, exit status."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator
from typing import Final

from collector.config import CollectorConfig, broker_address, load_config
from collector.service import run_collector
from collector.sources.ports import BrokerAddress
from harkara_io.errors import HarkaraError
from harkara_io.log_errors import LogError
from harkara_io.sd_notify import Notifier

LOG: Final = logging.getLogger("collector")

_FAULT: Final = 1


def run(args: argparse.Namespace) -> int:
    """Run a collector until SIGTERM or SIGINT.

    Raises:
        ConfigError: The configuration cannot be used; no data was opened.
    """
    config = load_config(args.config)
    address = broker_address(config.broker)
    _check_stores(config)
    if args.check:
        stores = "".join(f", store {store.name} at {store.url}" for store in config.store)
        print(f"{args.config}: broker {address.host}:{address.port}, data in {config.data}{stores}, all is well")
        return 0
    _start_log(config.log_level)
    return asyncio.run(_until_signalled(config, address))


def _check_stores(config: CollectorConfig) -> None:
    """Look at the files that the stores need before anything is opened."""
    if config.store:
        from collector.stores.connect import connect  # noqa: PLC0415 - its libraries take a while

        for store in config.store:
            connect(store).close()


async def _until_signalled(config: CollectorConfig, address: BrokerAddress) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        await run_collector(config, address, stopping, Notifier.from_environment())
    except (HarkaraError, LogError, BaseExceptionGroup) as exc:
        known = next((each for each in _leaves(exc) if isinstance(each, HarkaraError | LogError)), None)
        if known is None:
            LOG.exception("collector failed")
            return _FAULT
        LOG.error("collector cannot run: %s", known)  # noqa: TRY400 - the line says it all
        return known.exit_status
    LOG.info("collector stopped")
    return 0


def _leaves(exc: BaseException) -> Iterator[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        for each in exc.exceptions:
            yield from _leaves(each)
    else:
        yield exc


def _start_log(level: str) -> None:
    """One line per change of state on standard error; under systemd without the time, which the journal has."""
    under_systemd = bool(os.environ.get("JOURNAL_STREAM"))
    layout = "%(levelname)s %(name)s %(message)s" if under_systemd else "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=level.upper(), format=layout, stream=sys.stderr)
    for chatty in ("asyncio", "uvicorn", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
