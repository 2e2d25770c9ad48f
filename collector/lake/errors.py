"""Errors of the lake, named for what the caller should do."""

from __future__ import annotations


class LakeError(Exception):
    """Root of what the lake raises on purpose."""


class LakeLocked(LakeError):
    """Another process has the lake open: ask it over its control socket."""


class LakeUnusable(LakeError):
    """The lake's files or the DuckLake extension cannot be used: stop and tell a person."""


class QueryRefused(LakeError):
    """The question cannot be answered as asked: show the message, which is one line and names what comes nearest.

    Attributes:
        exit_status: Exit status of the command line.
    """

    exit_status = 2
