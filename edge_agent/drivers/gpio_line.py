"""One line of a GPIO chip that the agent drives: a relay, a transistor, the direction of a transceiver."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from edge_agent.drivers.ports import LinkDown

if TYPE_CHECKING:
    import gpiod


GPIOD_MISSING: Final = "the Python package gpiod is missing: pip install harkara[gpio]"


class OutputLine(Protocol):
    """A line that is driven; a few microseconds each, so it is used on the loop."""

    def open(self) -> None:
        """Take the line, inactive; raises ``LinkDown``."""
        ...

    def set(self, *, active: bool) -> None:
        """Drive it; raises ``LinkDown``."""
        ...

    def close(self) -> None:
        """Let it go, taken or not. Never raises."""
        ...


class GpiodLine:
    """A line by the kernel's character device; let go, it is an input again, which is off on most boards."""

    def __init__(self, chip: Path, line: int, *, name: str, active_low: bool = False) -> None:
        self._chip, self._line, self._name, self._active_low = chip, line, name, active_low
        self._request: gpiod.LineRequest | None = None

    def open(self) -> None:
        """Take it, inactive; raises ``LinkDown``."""
        try:
            import gpiod  # noqa: PLC0415 - an extra: only who has lines to drive installs it
            from gpiod.line import Direction, Value  # noqa: PLC0415
        except ImportError:
            raise LinkDown(GPIOD_MISSING) from None
        settings = gpiod.LineSettings(
            direction=Direction.OUTPUT, active_low=self._active_low, output_value=Value.INACTIVE
        )
        try:
            self._request = gpiod.request_lines(str(self._chip), consumer=self._name, config={self._line: settings})
        except OSError as exc:
            raise LinkDown(why_not(self._chip, self._line, exc)) from exc

    def set(self, *, active: bool) -> None:
        """Drive it; raises ``LinkDown``."""
        from gpiod.line import Value  # noqa: PLC0415

        request = self._request
        assert request is not None, "set follows open"
        try:
            request.set_value(self._line, Value.ACTIVE if active else Value.INACTIVE)
        except OSError as exc:
            raise LinkDown(why_not(self._chip, self._line, exc)) from exc

    def close(self) -> None:
        """Let it go."""
        request, self._request = self._request, None
        if request is not None:
            request.release()


def why_not(chip: Path, line: int, exc: OSError) -> str:
    """Why a line cannot be had, in one line with what to look at."""
    if exc.errno in {errno.ENOENT, errno.ENODEV}:
        return f"{chip} is not there: `gpiodetect` lists the chips"
    if exc.errno in {errno.EACCES, errno.EPERM}:
        return f"no permission for {chip}: add this user to the group gpio"
    if exc.errno == errno.EBUSY:
        return f"{chip} line {line} is in use by another program: `gpioinfo` names it"
    return f"{chip} line {line}: {exc.strerror or exc}"
