"""MQTT topics ``harkara/1/{agent}/{kind}`` and the form of an agent's id."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

PREFIX: Final = "harkara/1"
_AGENT_ID: Final = re.compile(r"[a-z0-9-]{3,40}")


class TopicKind(StrEnum):
    """Last level of a topic."""

    BLOCK = "block"
    RECEIPT = "receipt"
    SYNC = "sync"
    SYNCED = "synced"
    STATE = "state"


class Topic(NamedTuple):
    """A parsed topic."""

    agent: str
    kind: TopicKind


class TopicRejected(Exception):
    """The topic is none of ours; ``detail`` says why."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def is_agent_id(text: str) -> bool:
    """Whether ``text`` may be an agent's id: 3 to 40 of ``a-z``, ``0-9``, ``-``."""
    return _AGENT_ID.fullmatch(text) is not None


def check_agent_id(text: str) -> str:
    """Give the id back, or say what an id looks like.

    Raises:
        ValueError: It is not one.
    """
    if not is_agent_id(text):
        raise ValueError(f"agent id {text!r}: 3 to 40 characters of a-z, 0-9 and '-'")
    return text


def topic(agent: str, kind: TopicKind) -> str:
    """The topic of one agent.

    Raises:
        ValueError: ``agent`` is no agent id (it could hold a wildcard).
    """
    return f"{PREFIX}/{check_agent_id(agent)}/{kind.value}"


def subscription(kind: TopicKind) -> str:
    """Filter that matches one kind of every agent."""
    return f"{PREFIX}/+/{kind.value}"


def parse_topic(text: str) -> Topic:
    """Take a topic apart.

    Raises:
        TopicRejected: Another prefix, an agent id that is none, or a kind nobody knows.
    """
    levels = text.split("/")
    if len(levels) != 4 or f"{levels[0]}/{levels[1]}" != PREFIX:
        raise TopicRejected(f"not below {PREFIX}/")
    if not is_agent_id(levels[2]):
        raise TopicRejected("no agent id in the third level")
    try:
        return Topic(levels[2], TopicKind(levels[3]))
    except ValueError as exc:
        raise TopicRejected("unknown kind in the fourth level") from exc
