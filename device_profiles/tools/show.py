"""What a profile says, for people and as JSON."""

from __future__ import annotations

from typing import Any

from device_profiles.engine.channels import ChannelPlan
from device_profiles.engine.profile import Profile


def as_json(profile: Profile) -> dict[str, Any]:
    """A profile's identity, transport, channels and parameters."""
    document = profile.document
    return {
        "profile": profile.id,
        "version": profile.version,
        "digest": profile.digest.hex(),
        "vendor": document["vendor"],
        "model": document["model"],
        "title": document["title"],
        "transport": _plain(document["transport"]),
        "documents": document["documents"],
        "requests": _plain(document.get("requests") or []),
        "parameters": _plain(document.get("parameters") or {}),
        "variants": [item["name"] for item in document.get("variants") or []],
        "frames": [frame.name for frame in profile.frames],
        "channels": {name: channel_json(plan) for name, plan in profile.channels.items()},
        "tests": len(document.get("tests") or []),
    }


def channel_json(plan: ChannelPlan) -> dict[str, Any]:
    """One channel with everything that is known of it."""
    table = _plain(plan.table)
    return {
        "label": {"en": plan.label("en"), "hi": plan.label("hi")},
        "unit": plan.unit,
        "wire_unit": plan.wire_unit if plan.on_wire else None,
        "kind": plan.kind,
        "quantity": plan.quantity.name or None,
        "cf": table.get("cf") or plan.quantity.cf or None,
        "resolution": plan.resolution,
        "range": table.get("range"),
        "climatology": table.get("climatology") or _limits(plan),
        "privacy": plan.privacy,
        "purpose": table.get("purpose"),
        "codes": table.get("codes"),
        "evidence": table.get("evidence", "high"),
    }


def as_text(profile: Profile) -> str:
    """The same as a page of a terminal."""
    data = as_json(profile)
    lines = [
        f"{profile.id}  {data['vendor']} {data['model']}, version {profile.version}, digest {data['digest']}",
        data["title"]["en"],
    ]
    lines += [f"from: {item['title']}{', ' + item['page'] if item.get('page') else ''}" for item in data["documents"]]
    lines += [f"transport: {', '.join(f'{key} {value}' for key, value in data['transport'].items())}"]
    lines += [
        f"request {item['name']}: {', '.join(f'{key} {value}' for key, value in item.items() if key != 'name')}"
        for item in data["requests"]
    ]
    lines += [
        f"parameter {name}: {', '.join(f'{key} {value}' for key, value in table.items())}"
        for name, table in data["parameters"].items()
    ]
    lines += ["", f"{'channel':<28} {'unit':<10} {'sensor range':<20} {'resolution':<11} {'class':<6} label"]
    for name, channel in data["channels"].items():
        limits = " to ".join(f"{item:g}" for item in channel["range"]) if channel["range"] else ""
        resolution = "" if channel["resolution"] is None else f"{channel['resolution']:g}"
        lines.append(
            f"{name:<28} {channel['unit']:<10} {limits:<20} {resolution:<11} {channel['privacy']:<6} "
            f"{channel['label']['en']}"
        )
    return "\n".join([*lines, "", f"{len(data['frames'])} frames, {data['tests']} vectors"])


def _limits(plan: ChannelPlan) -> list[float | None] | None:
    quantity = plan.quantity
    same = plan.unit == quantity.unit
    return [quantity.low, quantity.high] if same and (quantity.low is not None or quantity.high is not None) else None


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if value.__class__.__name__ == "Decimal" else value
