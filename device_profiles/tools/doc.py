"""A page per model: wiring, channels, limits, drawing of the frames. Written from the profile alone."""
# ruff: noqa: E501 - rows of tables stand on one line

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.engine.types import field_type
from device_profiles.errors import ProfileError
from device_profiles.tools.show import as_json


def write_pages(profiles: Iterable[str | Path], folder: Path) -> list[Path]:
    """Write ``folder/<vendor>/<model>.md`` for each profile and an index.

    Raises:
        ProfileError: A profile cannot be used.
    """
    written = []
    index = [
        "# Devices",
        "",
        "Written by `harkara profile doc` from the profiles.",
        "",
        "| profile | device | transport | channels |",
        "|---|---|---|---|",
    ]
    for name in profiles:
        profile = catalogue.load(name)
        path = folder / f"{profile.id}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(profile), encoding="utf-8")
        written.append(path)
        document = profile.document
        index.append(
            f"| [{profile.id}]({profile.id}.md) | {document['vendor']} {document['model']}: {document['title']['en']} | {profile.transport} | {len(profile.channels)} |"
        )
    (folder / "README.md").write_text("\n".join(index) + "\n", encoding="utf-8")
    return written


def page(profile: Profile) -> str:
    """The page of one model."""
    data = as_json(profile)
    document = profile.document
    lines = [f"# {data['vendor']} {data['model']}", "", f"{data['title']['en']}. {data['title'].get('hi', '')}", ""]
    lines += [f"Profile `{profile.id}`, version {profile.version}.", "", "## From", ""]
    for item in document["documents"]:
        title = f"[{item['title']}]({item['url']})" if item.get("url") else item["title"]
        lines.append(
            f"- {title}{', revision ' + item['revision'] if item.get('revision') else ''}{', ' + item['page'] if item.get('page') else ''}"
        )
    lines += ["", "## Wiring and transport", "", "| setting | value |", "|---|---|"]
    for key, value in data["transport"].items():
        lines.append(
            f"| {key} | {', '.join(f'{wire}: {use}' for wire, use in value.items()) if isinstance(value, dict) else value} |"
        )
    if data["requests"]:
        lines += ["", "| request | what |", "|---|---|"]
        lines += [
            f"| {item['name']} | {', '.join(f'{key} {value}' for key, value in item.items() if key != 'name')} |"
            for item in data["requests"]
        ]
    lines += [
        "",
        "## Channels",
        "",
        "| channel | label | unit | sensor range | resolution | class |",
        "|---|---|---|---|---|---|",
    ]
    for name, channel in data["channels"].items():
        limits = " to ".join(f"{item:g}" for item in channel["range"]) if channel["range"] else ""
        resolution = "" if channel["resolution"] is None else f"{channel['resolution']:g}"
        lines.append(
            f"| `{name}` | {channel['label']['en']}, {channel['label']['hi']} | {channel['unit']} | {limits} | {resolution} | {channel['privacy']} |"
        )
    if data["parameters"]:
        lines += ["", "## Set where it stands", "", "| parameter | what |", "|---|---|"]
        lines += [
            f"| `{name}` | {', '.join(f'{key} {value}' for key, value in table.items())} |"
            for name, table in data["parameters"].items()
        ]
    lines += ["", "## Frames", ""]
    for frame in document.get("frames") or []:
        lines += [f"### {frame['name']}", "", *_selector(frame), "```", *_drawing(frame), "```", ""]
    if document.get("note"):
        lines += [str(document["note"]), ""]
    return "\n".join(lines)


def _selector(frame: Mapping[str, Any]) -> list[str]:
    when = frame.get("when") or {}
    words = [f"{key} {value}" for key, value in when.items()]
    if frame.get("request"):
        words.append(f"answers request {frame['request']}")
    return [f"Taken when {', '.join(words)}.", ""] if words else []


def _drawing(table: Mapping[str, Any], indent: str = "") -> list[str]:
    lines = []
    position: int | None = 0
    for field in table.get("fields") or []:
        if field.get("of"):
            lines.append(f"{indent}{'':>8}  bits {field.get('bits')!s:<10} of {field['of']}: {field['name']}")
            continue
        if field.get("value"):
            lines.append(f"{indent}{'':>8}  = {field['value']}: {field['name']}")
            continue
        if any(field.get(key) is not None for key in ("key", "column")):
            lines.append(
                f"{indent}{field.get('key', field.get('column'))!s:>8}  {field.get('type', 'number'):<12} {field['name']}"
            )
            continue
        start = field.get("at", f"reg {field['reg']}" if field.get("reg") is not None else position)
        size = _size(field)
        lines.append(
            f"{indent}{'+' if start is None else start!s:>8}  {field.get('type', 'number'):<12} {field['name']}{_scale(field)}"
        )
        position = int(start) + size if isinstance(start, int) and size is not None and size >= 0 else None
    for part in table.get("parts") or []:
        head = (
            f"if {part['if']}"
            if part.get("if")
            else f"repeat {part['repeat']}"
            if part.get("repeat")
            else f"tag {part['tag']}, value, …"
            if part.get("tag")
            else "then"
        )
        lines.append(f"{indent}{head}")
        lines += _drawing(part, indent + "  ")
        for case in part.get("cases") or []:
            tags = case["tag"] if isinstance(case["tag"], list) else [case["tag"]]
            lines.append(f"{indent}  {', '.join(f'0x{tag:02X}' for tag in tags)}")
            lines += _drawing(case, indent + "    ")
    return lines


def _size(field: Mapping[str, Any]) -> int | None:
    try:
        return field_type(str(field.get("type") or "u8"), "big").size
    except ProfileError:
        return None


def _scale(field: Mapping[str, Any]) -> str:
    words = [f"{key} {field[key]}" for key in ("add", "scale", "offset", "divide") if field.get(key)]
    return f"  ({', '.join(words)})" if words else ""
