"""Starts a profile from published codec examples (lorawan-devices form): ports, lengths, channels by name, vectors.

The bytes and the expected words become vectors; the layout stays for the writer, from the vendor's document. The
codec's own program is never read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NamedTuple

from device_profiles.errors import profile_error
from device_profiles.quantities import QUANTITIES

_EXAMPLE: Final = re.compile(r"^\s*-\s*description:\s*(.*)$")
_PORT: Final = re.compile(r"^\s*fPort:\s*(\d+)")
_BYTES: Final = re.compile(r"bytes:\s*\[([^\]]*)\]", re.DOTALL)
_VALUE: Final = re.compile(r"^\s*['\"]?([A-Za-z][\w .%-]*?)['\"]?:\s*(-?\d+(?:\.\d+)?)\s*,?\s*$")
_ERRORS: Final = re.compile(r"^\s*errors:\s*$", re.MULTILINE)


class Example(NamedTuple):
    """One published uplink."""

    what: str
    port: int
    data: bytes
    words: dict[str, float]
    is_error: bool


def import_codec(path: Path, codec_name: str | None, output: Path | None) -> int:
    """Write a profile's beginning from a file of examples.

    Returns:
        0; the profile does not lint until its fields are written.

    Raises:
        ProfileError: The file has no examples.
    """
    text = path.read_text(encoding="utf-8")
    examples = list(_from_jsonl(text, codec_name) if path.suffix == ".jsonl" else _from_yaml(text))
    if not examples:
        raise profile_error(f"{path} has no uplink examples{f' of {codec_name}' if codec_name else ''}")
    name = codec_name or path.stem.removesuffix("-codec")
    written = _profile(name, examples)
    if output is None:
        print(written, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(written, encoding="utf-8")
        print(f"written: {output}, {len(examples)} examples; next: the fields, from the vendor's document")
    return 0


def _from_jsonl(text: str, codec: str | None) -> Iterator[Example]:
    for line in text.splitlines():
        entry = json.loads(line) if line.strip() else {}
        if not entry or (codec and entry.get("codec") != codec):
            continue
        data = entry["expect"].get("data") or {}
        words = {
            key: float(value)
            for key, value in _flat(data)
            if isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        yield Example(
            str(entry["what"]),
            int(entry["port"]),
            bytes.fromhex(entry["hex"]),
            words,
            "errors" in entry["expect"] and not data,
        )


def _flat(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        yield key, value.get("value") if isinstance(value, dict) else value


def _from_yaml(text: str) -> Iterator[Example]:
    """The few shapes example lists take, line by line; a YAML reader would turn the gas ``NO`` into false."""
    section = text.split("downlink", maxsplit=1)[0]
    starts = [match.start() for match in re.finditer(r"(?m)^\s*-\s*description:", section)]
    for start, end in zip(starts, [*starts[1:], len(section)], strict=True):
        block = section[start:end]
        description = _EXAMPLE.match(block.splitlines()[0])
        port = next((int(match[1]) for match in map(_PORT.match, block.splitlines()) if match), None)
        listed = _BYTES.search(block)
        if port is None or listed is None:
            continue
        data = bytes(int(item.strip(), 0) & 0xFF for item in listed[1].split(",") if item.strip())
        after = block[listed.end() :]
        words = {
            match[1]: float(match[2])
            for match in map(_VALUE.match, re.split(r"[\n{}]|,(?=\s*['\"]?[A-Za-z])", after))
            if match
        }
        yield Example(description[1].strip() if description else "", port, data, words, bool(_ERRORS.search(block)))


def _profile(name: str, examples: list[Example]) -> str:
    vendor, _, model = name.rpartition("/")
    words = list(dict.fromkeys(word for example in examples for word in example.words))
    lines = [
        "language = 1",
        f"vendor = {_quoted(vendor or 'name the vendor')}",
        f"model = {_quoted(model.removesuffix('-codec'))}",
        "version = 1",
        'title = { en = "say what it is", hi = "हिन्दी में लिखें" }',
        "",
        "[[documents]]",
        'title = "name the vendor document the fields are from"',
        "",
        "[transport]",
        'kind = "lorawan"',
        "",
        "[channels]",
    ]
    for word in words:
        close = get_close_matches(re.sub(r"[^a-z0-9]+", "_", word.lower()), QUANTITIES, 1, 0.6)
        lines.append(f"# {word}: {_channel(close[0]) if close else 'which quantity?'}")
    groups: dict[int, set[int]] = {}
    for example in examples:
        if not example.is_error:
            groups.setdefault(example.port, set()).add(len(example.data))
    for port, sizes in groups.items():
        length = min(sizes) if len(sizes) == 1 else [min(sizes), max(sizes)]
        lines += [
            "",
            "[[frames]]",
            f'name = "port_{port}"',
            f"when = {{ port = {port}, length = {length} }}",
            'fields = [{ name = "_all", type = "hex:rest" }]',
        ]
    for example in examples:
        lines += [
            "",
            "[[tests]]",
            f"name = {_quoted(example.what)}",
            f"port = {example.port}",
            f'hex = "{example.data.hex()}"',
        ]
        if example.is_error:
            lines.append('reject = "no_frame"')
        else:
            lines += [
                f"# the vendor says: {', '.join(f'{word} = {value:g}' for word, value in example.words.items())}",
                "expect = {}",
            ]
        lines.append(f"source = {_quoted(f'published example of {name}')}")
    return "\n".join(lines) + "\n"


def _channel(quantity: str) -> str:
    return f"{quantity} = {{ range = [0, 0], resolution = 0 }}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
