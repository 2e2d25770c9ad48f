from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.wire.topics import (
    TopicKind,
    TopicRejected,
    check_agent_id,
    is_agent_id,
    parse_topic,
    subscription,
    topic,
)


@given(st.from_regex(r"[a-z0-9-]{3,40}", fullmatch=True), st.sampled_from(TopicKind))
def test_topics_come_back(agent: str, kind: TopicKind) -> None:
    assert parse_topic(topic(agent, kind)) == (agent, kind)


@given(st.text(max_size=60))
def test_any_text_is_a_topic_or_rejected(text: str) -> None:
    try:
        parsed = parse_topic(text)
    except TopicRejected:
        return
    assert topic(parsed.agent, parsed.kind) == text


@pytest.mark.parametrize("text", ["ab", "x" * 41, "Abc", "a/b", "a+b", "ab c", "abc\n", "", "äbc"])
def test_what_is_no_agent_id(text: str) -> None:
    assert not is_agent_id(text)
    with pytest.raises(ValueError):
        check_agent_id(text)
    with pytest.raises(ValueError):
        topic(text, TopicKind.BLOCK)


@pytest.mark.parametrize(
    "text",
    ["", "harkara/2/abc/block", "harkara/1/abc", "harkara/1/abc/block/x", "harkara/1/abc/command", "x/1/abc/block"],
)
def test_what_is_no_topic(text: str) -> None:
    with pytest.raises(TopicRejected):
        parse_topic(text)


def test_subscription() -> None:
    assert subscription(TopicKind.SYNC) == "harkara/1/+/sync"
