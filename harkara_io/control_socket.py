r"""Ask a running process: a Unix socket with one JSON line per question and one or more per answer.

Outbox and catalogue are locked by the process that owns them, so every other command goes through here.

Layout of the conversation, one question per connection::

    -> {"command": "status", "follow": false}\n
    <- {"ok": true, "item": {...}}\n          0..n times
    <- {"ok": true, "result": {...}}\n        the last line of success
    <- {"ok": false, "error": "...", "hint": "..."}\n   or of failure
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harkara_io.errors import HarkaraError, nearest_hint

log = logging.getLogger("harkara.control")

Json = dict[str, Any]
Handler = Callable[[Json], Awaitable[Json]]
"""Answers one question: takes its fields (without ``command``), returns the result."""
StreamHandler = Callable[[Json], AsyncIterator[Json]]
"""Answers one question with many items; ends when the iterator ends."""

REQUEST_BYTES_MAX: Final = 64 * 1024
"""A longer question is refused."""
RESPONSE_LINE_BYTES_MAX: Final = 4 * 1024 * 1024
"""A longer answer line is an error on both sides; split it into items."""
CONNECTIONS_MAX: Final = 16
"""Further callers are told to come again."""
IDLE_S_MAX: Final = 10.0
"""A caller that does not finish its question, or take its answer, within this time is dropped. [s]"""
SUN_PATH_BYTES_MAX: Final = 107


class ControlError(HarkaraError):
    """The process answered that it cannot do this. ``hint`` says what would help."""

    def __init__(self, error: str, hint: str = "") -> None:
        super().__init__(f"{error}; {hint}" if hint else error)
        self.error = error
        self.hint = hint


class NotRunning(ControlError):
    """Nobody listens at that path: the process is stopped, or runs with another configuration."""


class AlreadyRunning(ControlError):
    """Another living process owns the socket."""

    exit_status = 2


class ControlServer:
    """Serves questions on a Unix socket of mode 0600.

    Use as ``async with``. Leaving closes the socket and removes its file; callers in mid-answer are cut off.

    Attributes:
        path: The socket's file.
    """

    def __init__(
        self,
        path: Path,
        *,
        commands: Mapping[str, Handler] | None = None,
        streams: Mapping[str, StreamHandler] | None = None,
    ) -> None:
        """Name what can be asked.

        Args:
            path: At most 107 bytes (a limit of the kernel); its folder must exist.
            commands: Answers of one object.
            streams: Answers of many objects.
        """
        self.path = path
        self._commands = dict(commands or {})
        self._streams = dict(streams or {})
        self._server: asyncio.Server | None = None
        self._open = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Bind and listen.

        Raises:
            AlreadyRunning: A living process answers at this path.
            ControlError: The path is too long or cannot be bound.
        """
        raw = os.fsencode(self.path)
        if len(raw) > SUN_PATH_BYTES_MAX:
            raise ControlError(
                f"control socket path is {len(raw)} bytes: {self.path}",
                f"at most {SUN_PATH_BYTES_MAX}; choose a shorter folder",
            )
        _remove_stale(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The mode must hold from the first instant, not from a chmod a moment later.
        before = os.umask(0o177)
        try:
            listener.bind(str(self.path))
        except OSError as exc:
            listener.close()
            raise ControlError(f"cannot bind control socket {self.path}: {exc.strerror}") from exc
        finally:
            os.umask(before)
        listener.listen(CONNECTIONS_MAX)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=REQUEST_BYTES_MAX)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
        # A disk that fails must not hide why we end; what stays is taken away at the next start.
        with contextlib.suppress(OSError):
            self.path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open += 1
        try:
            if self._open > CONNECTIONS_MAX:
                await _send(writer, {"ok": False, "error": "busy", "hint": "try again in a moment"})
            else:
                await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            pass  # The caller left or stalled: nothing of ours is lost.
        finally:
            self._open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(IDLE_S_MAX):
                line = await reader.readuntil(b"\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _send(
                writer,
                {
                    "ok": False,
                    "error": "not one line",
                    "hint": f"one JSON object and a newline, at most {REQUEST_BYTES_MAX} bytes",
                },
            )
            return
        question = _object(line)
        if question is None or not isinstance(name := question.pop("command", None), str):
            await _send(writer, {"ok": False, "error": "not a JSON object with a `command`"})
            return
        try:
            if (stream := self._streams.get(name)) is not None:
                async for item in stream(question):
                    await _send(writer, {"ok": True, "item": item})
                await _send(writer, {"ok": True, "result": {}})
            elif (command := self._commands.get(name)) is not None:
                await _send(writer, {"ok": True, "result": await command(question)})
            else:
                known = [*self._commands, *self._streams]
                await _send(
                    writer, {"ok": False, "error": f"unknown command `{name}`", "hint": nearest_hint(name, known)}
                )
        except ControlError as exc:
            await _send(writer, {"ok": False, "error": exc.error, "hint": exc.hint})
        except HarkaraError as exc:
            await _send(writer, {"ok": False, "error": str(exc)})
        except (ConnectionError, TimeoutError):
            raise
        except Exception:
            log.exception("control command failed command=%s", name)
            await _send(writer, {"ok": False, "error": f"`{name}` failed inside", "hint": "see the log of the process"})


def call(path: Path, command: str, *, timeout_s: float = 10.0, **fields: object) -> Json:
    """Ask one question and wait for its one answer.

    Args:
        path: The process's control socket.
        command: What to ask.
        timeout_s: How long to wait for each line. [s]
        **fields: The question's fields; must be JSON.

    Raises:
        NotRunning: Nobody listens there.
        ControlError: The process refused, died meanwhile or did not answer in time.
    """
    for kind, value in _answers(path, command, timeout_s, fields):
        if kind == "result":
            return value
    raise ControlError("the process ended its answer too early", "is it being stopped? ask again")


def stream(path: Path, command: str, *, timeout_s: float = 60.0, **fields: object) -> Iterator[Json]:
    """Ask one question and yield its items as they come; same arguments and errors as ``call``."""
    ended = False
    for kind, value in _answers(path, command, timeout_s, fields):
        if kind == "result":
            ended = True
            break
        yield value
    if not ended:
        raise ControlError("the process ended its answer too early", "is it being stopped? ask again")


def _answers(path: Path, command: str, timeout_s: float, fields: Mapping[str, object]) -> Iterator[tuple[str, Json]]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(timeout_s)
        try:
            link.connect(str(path))
            link.sendall(json.dumps({**fields, "command": command}).encode() + b"\n")
            with link.makefile("rb") as lines:
                while line := lines.readline(RESPONSE_LINE_BYTES_MAX + 1):
                    answer = _object(line)
                    if answer is None:
                        raise ControlError("the answer is no JSON line", "do both run the same version?")
                    if not answer.get("ok"):
                        raise ControlError(str(answer.get("error", "refused")), str(answer.get("hint", "")))
                    kind = "item" if "item" in answer else "result"
                    yield kind, answer[kind]
        except (FileNotFoundError, ConnectionRefusedError) as exc:
            raise NotRunning(f"nobody listens at {path}", "is it running, with this configuration?") from exc
        except PermissionError as exc:
            raise ControlError(
                f"no permission for {path}", "ask as the user the process runs as, or with sudo"
            ) from exc
        except TimeoutError as exc:
            raise ControlError(f"no answer from {path} within {timeout_s:g} s") from exc
        except OSError as exc:
            raise ControlError(f"{path}: {exc.strerror or exc}") from exc


def _remove_stale(path: Path) -> None:
    """Remove what a killed process left behind, never what a living one uses or what is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ControlError(f"{path} exists and is no socket", "move it away or name another control socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except OSError as exc:
            raise AlreadyRunning(f"{path} is in use", "stop the other process first") from exc
    raise AlreadyRunning(f"another process answers at {path}", "stop it first, or give this one its own data folder")


def _object(line: bytes) -> Json | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


async def _send(writer: asyncio.StreamWriter, answer: Json) -> None:
    line = json.dumps(answer, separators=(",", ":")).encode() + b"\n"
    if len(line) > RESPONSE_LINE_BYTES_MAX:
        line = (
            json.dumps(
                {"ok": False, "error": f"the answer has {len(line)} bytes", "hint": "ask for less at once"}
            ).encode()
            + b"\n"
        )
    writer.write(line)
    async with asyncio.timeout(IDLE_S_MAX):
        await writer.drain()
