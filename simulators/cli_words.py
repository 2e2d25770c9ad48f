"""What the commands of the simulators share: numbers among their words, progress, a folder, an end on request."""

from __future__ import annotations

import argparse
import contextlib
import math
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn


def count(text: str) -> int:
    """A whole number of 1 or more."""
    return _whole(text, least=1)


def count_or_none(text: str) -> int:
    """A whole number of 0 or more."""
    return _whole(text, least=0)


def positive(text: str) -> float:
    """A number above 0."""
    value = _number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text}")
    return value


def not_negative(text: str) -> float:
    """A number of 0 or more."""
    value = _number(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, not {text}")
    return value


def say(text: str) -> None:
    """A line of progress with the time of day."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does: everything that was started is stopped."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)


@contextlib.contextmanager
def run_folder(wish: Path | None, *, prefix: str) -> Iterator[Path]:
    """The folder a user wished for, kept; else a temporary one.

    Raises:
        FileExistsError: There is something in it already.
    """
    if wish is not None:
        if wish.exists() and any(wish.iterdir()):
            raise FileExistsError(17, "is not empty; name another with --dir", str(wish))
        wish.mkdir(parents=True, exist_ok=True)
        yield wish
        return
    # Not TemporaryDirectory: what a killed process left must not keep us from ending.
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _whole(text: str, *, least: int) -> int:
    try:
        value = int(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from exc
    if value < least:
        raise argparse.ArgumentTypeError(f"must be {least} or more, not {text}")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from exc
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text}")
    return value


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
    raise KeyboardInterrupt
