"""What a status and the words with it ask of the sender; the same for every store that takes line protocol."""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Callable
from typing import Final

from collector.stores.http_store import HttpAnswer, HttpStore
from collector.stores.ports import (
    Answer,
    BadLines,
    Busy,
    NeedsPerson,
    Stored,
    TooLarge,
    Unreachable,
)

RETRY_AFTER_S_MAX: Final = 3600.0
"""A store that asks to be left alone for longer is asked once an hour. [s]"""

_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_WHY_A_PERSON: Final = {
    401: "the token is not accepted",
    403: "the token may not write there",
    404: "there is no such bucket, organisation or address",
}


def answer_of(store: HttpStore, got: HttpAnswer, now_s: Callable[[], float]) -> Answer:
    """Answer to a write.

    Args:
        store: Who answered.
        got: Its answer.
        now_s: UTC Unix time, for a ``Retry-After`` that is a date. [s]
    """
    said = said_by(got)
    status = got.status
    if status == 204:
        return Stored()
    if status in {429, 503}:
        return Busy(store.words(f"busy ({status}): {said}"), retry_after_s(got, now_s()))
    if status in {400, 422} and not got.is_page:
        return BadLines(store.all_words(said or f"refused without a word ({status})"))
    if status == 413:
        return TooLarge(store.words(f"too large (413): {said}"))
    if status >= 500 or status == 408:
        return Unreachable(store.words(f"failed ({status}): {said}"))
    return NeedsPerson(store.words(_for_a_person(got, said)))


def _for_a_person(got: HttpAnswer, said: str) -> str:
    if 300 <= got.status < 400:
        to = got.headers.get("location", "elsewhere")
        return f"this is no such store: it sends on to {to} ({got.status}); give that address"
    if got.is_page or got.status < 300:
        return f"this is no such store: it answers {got.status} with {said or 'nothing'}"
    return f"{_WHY_A_PERSON.get(got.status, 'it does not take this')} ({got.status}): {said}"


def said_by(got: HttpAnswer) -> str:
    """The words of an answer: a message of JSON, the title of a page, or the text."""
    text = got.body.decode("utf-8", "replace").strip()
    if got.is_page:
        title = _TITLE.search(text)
        return f"a web page {title[1].strip()!r}" if title else "a web page"
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(said, dict):
        return str(said.get("message") or said.get("error") or text)
    return text


def retry_after_s(got: HttpAnswer, now_s: float) -> float | None:
    """When to ask again: seconds or a date; None when it does not say so that it can be read. [s]."""
    text = got.headers.get("retry-after", "").strip()
    try:
        seconds = float(text) if not text[:1].isalpha() else _date_s(text) - now_s
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX) if math.isfinite(seconds) else None


def _date_s(text: str) -> float:
    return email.utils.parsedate_to_datetime(text).timestamp()
