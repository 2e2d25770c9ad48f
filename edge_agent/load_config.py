"""Check ``agent.toml`` in a child process, so that the schema's memory goes with it."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

from edge_agent.settings import Config
from harkara_io.errors import ConfigError


def load_apart(path: Path) -> Config:
    """As ``edge_agent.config.load``, without leaving the schema in this process. Call it before any thread starts.

    Raises:
        ConfigError: As there.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(_checked(path))
            status = 0
        finally:
            # Nothing of the parent's may run twice: no exit handlers, no unwinding.
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    if not answer:
        raise ConfigError("could not be checked: the checking process ended", file=path)
    # Written by this very program a moment ago.
    found = pickle.loads(answer)  # noqa: S301
    if isinstance(found, Config):
        return found
    problems, file = found
    raise ConfigError(problems, file=file)


def _checked(path: Path) -> bytes:
    from edge_agent import config  # noqa: PLC0415 - the point: only the child loads it

    try:
        return pickle.dumps(config.load(path))
    except ConfigError as exc:
        return pickle.dumps((exc.problems, exc.file))
