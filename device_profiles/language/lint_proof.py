"""Proof: every profile carries vectors, one of them a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from device_profiles.errors import nearest
from device_profiles.language.findings import Document, Finding
from device_profiles.rejects import RejectReason


def findings(document: Document) -> Iterator[Finding]:
    """Findings about ``[[tests]]``."""
    tests = document.get("tests") or []
    if len(tests) < 2:
        yield ("tests",), "error", f"{len(tests)} test vectors; at least two", ""
    if tests and not any(_is_failure(test) for test in tests):
        yield ("tests",), "error", "no test vector is of a failure: one frame must be rejected or one value missing", ""
    for index, test in enumerate(tests):
        given = [key for key in ("expect", "rows", "reject") if test.get(key) is not None]
        if len(given) != 1:
            yield ("tests", index), "error", "a test has exactly one of expect, rows, reject", ""
        if test.get("reject") is not None and test["reject"] not in set(RejectReason):
            yield (
                ("tests", index),
                "error",
                f"no reject reason {test['reject']!r}",
                nearest(str(test["reject"]), RejectReason, cutoff=0.3),
            )
        for channel in test.get("expect") or {}:
            if channel not in document["channels"]:
                yield (
                    ("tests", index),
                    "error",
                    f"expects channel {channel!r}, which does not exist",
                    nearest(channel, document["channels"]),
                )


def _is_failure(test: dict[str, Any]) -> bool:
    if test.get("reject") is not None:
        return True
    tables = [test.get("expect") or {}, *(test.get("rows") or [])]
    return any(
        isinstance(value, dict) and value.get("flag", 9) in (3, 4, 9) for table in tables for value in table.values()
    )
