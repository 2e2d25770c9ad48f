"""Errors of the lake, named for what the caller should do."""

from __future__ import annotations

from harkara_io.errors import HarkaraError


class LakeError(HarkaraError):
    """Root of what the lake raises on purpose."""


class LakeLocked(LakeError):
    """Another process has the lake open: ask it over its control socket."""


class LakeUnusable(LakeError):
    """The lake's files or the DuckLake extension cannot be used: stop and tell a person."""


class QueryRefused(LakeError):
    """The question cannot be answered as asked: show the message, which is one line and names what comes nearest."""

    exit_status = 2
