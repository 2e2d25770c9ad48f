"""Sections of a model's page, each as lines of Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from device_profiles.quality import REASONS
from device_profiles.tools.drawing import listing, strip
from device_profiles.units import UNITS

Data = Mapping[str, Any]
_SETTINGS: Final = {
    "kind": "transport",
    "also": "also over",
    "baud": "speed [bit/s]",
    "data_bits": "data bits",
    "parity": "parity",
    "stop_bits": "stop bits",
    "unit_id": "factory Modbus address",
    "address": "factory address",
    "numbering": "registers counted",
    "voltage": "supply [V]",
    "company_id": "Bluetooth company",
    "service": "service or driver",
    "kernel": "Linux versions",
    "dialect": "message definitions",
}
_NUMBERING: Final = {"0": "from 0", "1": "from 1", "40001": "from 40001"}
_CLASSES: Final = {"P0": "public", "P1": "device health", "P2": "linkable", "P3": "personal", "P4": "restricted"}


def documents(_data: Data, document: Data) -> list[str]:
    """What the profile was written from."""
    lines = ["", "## From", ""]
    for item in document["documents"]:
        title = f"[{item['title']}]({item['url']})" if item.get("url") else item["title"]
        words = [title]
        if item.get("revision"):
            words.append(f"revision {item['revision']}")
        if item.get("page"):
            words.append(str(item["page"]))
        lines.append(f"- {', '.join(words)}")
    return lines


def wiring(data: Data, document: Data) -> list[str]:
    """How the device is reached: settings, framing, wires."""
    lines = ["", "## Wiring and transport", "", "| setting | value |", "|---|---|"]
    for key, value in data["transport"].items():
        if key == "wiring":
            continue
        shown = _NUMBERING.get(str(value), value) if key == "numbering" else value
        if isinstance(shown, list):
            joint = " to " if key == "voltage" else ", "
            shown = joint.join(_number(item) for item in shown)
        lines.append(f"| {_SETTINGS.get(key, key)} | {cell(shown)} |")
    ports = sorted(
        {port for frame in document.get("frames") or [] for port in _list((frame.get("when") or {}).get("port"))}
    )
    if ports:
        lines.append(f"| ports | {', '.join(map(str, ports))} |")
    framing, checksum = document.get("framing") or {}, document.get("checksum") or {}
    if framing:
        words = ", ".join(f"{key} {_plain(value)}" for key, value in framing.items() if key != "kind")
        lines.append(f"| frames cut by | {framing['kind']}{f': {words}' if words else ''} |")
    if checksum:
        lines.append(f"| checksum | {checksum['kind']} |")
    wires = data["transport"].get("wiring") or {}
    if wires:
        lines += ["", "| wire or pin | what |", "|---|---|"]
        lines += [f"| {cell(wire)} | {cell(use)} |" for wire, use in wires.items()]
    return lines


def asking(data: Data, document: Data) -> list[str]:
    """Requests, steps of a measurement, rules for asking."""
    lines: list[str] = []
    if data["requests"]:
        lines += ["", "## Asking", "", "| request | what |", "|---|---|"]
        lines += [f"| {item['name']} | {cell(_request(item))} |" for item in data["requests"]]
    steps = document.get("steps") or []
    if steps:
        lines += ["", "Steps of a measurement:", ""]
        lines.extend(f"{number}. {_step(step)}" for number, step in enumerate(steps, 1))
    polling = document.get("polling") or {}
    if polling:
        lines += ["", f"Rules: {', '.join(f'{key} {value}' for key, value in polling.items())}."]
    return lines


def _step(step: Data) -> str:
    words = [str(step["do"]).replace("_", " ")]
    if step.get("request"):
        words.append(f"`{step['request']}`")
    if step.get("wait_s"):
        words.append(f"then wait {step['wait_s']} s")
    return " ".join([*words, *(["(writes to the device)"] if step.get("writes") else [])])


def _request(item: Data) -> str:
    words = []
    if item.get("function"):
        words.append(f"function {item['function']}, {item.get('count', 1)} registers from {item.get('address', 0)}")
    elif item.get("count"):
        words.append(f"{item['count']} values")
    asked = ("command", "text", "hex", "message")
    words.extend(f"{key} `{_escaped(str(item[key]))}`" for key in asked if item.get(key))
    if item.get("file"):
        words.append(", ".join(f"`{name}`" for name in item["file"]))
    if item.get("every_s"):
        words.append(f"every {_number(item['every_s'])} s")
    if item.get("writes"):
        words.append("writes to the device")
    if item.get("note"):
        words.append(str(item["note"]))
    return "; ".join(words)


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")


def channels(data: Data, _document: Data) -> list[str]:
    """What it measures, with limits and privacy class."""
    lines = [
        "",
        "## Channels",
        "",
        "| channel | what | unit | sensor range | plausible | resolution | class |",
        "|---|---|---|---|---|---|---|",
    ]
    codes = []
    for name, channel in data["channels"].items():
        label = channel["label"]
        doubt = "; the sensor does not really measure it" if channel["evidence"] == "low" else ""
        both = label["en"] if label["en"] == label["hi"] else f"{label['en']} ({label['hi']})"
        resolution = "" if channel["resolution"] is None else _number(channel["resolution"])
        measured = channel["kind"] in ("number", "counter")
        purpose = f": {channel['purpose']}" if channel["purpose"] else ""
        cells = [
            f"`{name}`",
            f"{both}{doubt}",
            _unit(channel["unit"]) if measured else channel["kind"],
            _span(channel["range"]),
            _span(channel["climatology"]) if measured else "",
            resolution,
            f"{channel['privacy']} {_CLASSES[channel['privacy']]}{purpose}",
        ]
        lines.append(f"| {' | '.join(cell(text) for text in cells)} |")
        if channel["codes"]:
            meanings = ", ".join(f"{number} {word}" for number, word in channel["codes"].items())
            codes.append(f"- `{name}`: {meanings}")
    return [*lines, *(["", *codes] if codes else [])]


def missing(_data: Data, document: Data) -> list[str]:
    """Readings that are no measurement."""
    rows: list[tuple[str, str, str]] = []
    for frame in document.get("frames") or []:
        for field in _fields(frame):
            name = str(field["name"])
            if name.startswith("_"):
                continue
            rows.extend((name, *_rule(rule)) for rule in field.get("missing") or [])
    if not rows:
        return []
    lines = ["", "## What is no measurement", "", "| channel | when it reads | then |", "|---|---|---|"]
    lines += [f"| `{name}` | {cell(when)} | {cell(then)} |" for name, when, then in dict.fromkeys(rows)]
    return lines


def _rule(rule: Any) -> tuple[str, str]:  # noqa: ANN401 - a number, a text or a table
    table = rule if isinstance(rule, dict) else {"value": rule}
    words = [_plain(value) for value in [table.get("value"), *(table.get("values") or [])] if value is not None]
    if table.get("below") is not None:
        words.append(f"below {table['below']}")
    if table.get("above") is not None:
        words.append(f"above {table['above']}")
    if table.get("if"):
        words.append(f"anything, if `{table['if']}`")
    flag, reason = str(table.get("flag") or "missing"), str(table.get("reason") or "invalid")
    return ", ".join(words), f"{flag}: {REASONS.get(reason, reason)}"


def parameters(data: Data, _document: Data) -> list[str]:
    """What is known only where the device stands."""
    if not data["parameters"]:
        return []
    lines = [
        "",
        "## Set where it stands",
        "",
        "| parameter | unit | default | range or choices | |",
        "|---|---|---|---|---|",
    ]
    lines.extend(_parameter(name, table) for name, table in data["parameters"].items())
    return lines


def _parameter(name: str, table: Data) -> str:
    allowed = ", ".join(table["choices"]) if table.get("choices") else _span(table.get("range"))
    default = "" if table.get("default") is None else _plain(table["default"])
    words = [*(["of each unit's calibration sheet"] if table.get("per_serial") else []), str(table.get("note") or "")]
    note = ", ".join(word for word in words if word)
    return f"| `{name}` | {_unit(table.get('unit') or '1')} | {cell(default)} | {cell(allowed)} | {cell(note)} |"


def variants(_data: Data, document: Data) -> list[str]:
    """Revisions and how they are told."""
    variants = document.get("variants") or []
    identity = document.get("identity")
    lines = ["", "## Variants", ""] if variants else []
    for item in variants:
        probe = item.get("probe")
        told = f", told by its answer to `{probe['request']}`" if probe else ""
        lines.append(f"- `{item['name']}`{told}{': ' + item['note'] if item.get('note') else ''}")
    if identity:
        lines += [
            "",
            f"Every device of this model answers `{identity['request']}` alike; another answer is another model's.",
        ]
    return lines


def frames(_data: Data, document: Data) -> list[str]:
    """Drawings of every kind of frame."""
    frames = document.get("frames") or []
    if not frames:
        return []
    lines = ["", "## Frames"]
    for frame in frames:
        lines += ["", f"### {frame['name']}", ""]
        words = [f"{key} {_plain(value)}" for key, value in (frame.get("when") or {}).items()]
        if frame.get("request"):
            words.append(f"answers `{frame['request']}`")
        if frame.get("variants"):
            words.append(f"variant {', '.join(frame['variants'])}")
        if words:
            lines += [f"Taken when: {'; '.join(words)}.", ""]
        if frame.get("note"):
            lines += [str(frame["note"]), ""]
        if frame.get("ignore"):
            lines.append("Carries no readings.")
            continue
        drawn = [*strip(frame), *([""] if strip(frame) else []), *listing(frame)]
        lines += ["```text", *drawn, "```"]
    return lines


def _fields(table: Data) -> Iterator[Data]:
    yield from table.get("fields") or []
    for inner in [*(table.get("parts") or []), *(table.get("cases") or [])]:
        yield from _fields(inner)


def _unit(code: str) -> str:
    unit = UNITS.get(code)
    symbol = unit.symbol if unit else code
    return "" if code == "1" else symbol if symbol == code else f"{symbol} (`{code}`)"


def _span(limits: Any) -> str:  # noqa: ANN401 - two numbers, either of them perhaps None
    if not limits:
        return ""
    low, high = limits
    if high is None:
        return f"from {_number(low)}"
    return f"up to {_number(high)}" if low is None else f"{_number(low)} to {_number(high)}"


def _number(value: Any) -> str:  # noqa: ANN401 - int, float or Decimal
    return (
        f"{value:g}"
        if isinstance(value, float) and abs(value) < 1e6
        else f"{value:.10g}"
        if isinstance(value, float)
        else str(value)
    )


def _plain(value: Any) -> str:  # noqa: ANN401 - anything TOML holds
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return str(value)


def _list(value: Any) -> list[int]:  # noqa: ANN401 - nothing, a number or several
    return [] if value is None else value if isinstance(value, list) else [value]


def cell(value: object) -> str:
    """A text that stands in one cell of a table."""
    return str(value).replace("|", "\\|").replace("\n", " ")
