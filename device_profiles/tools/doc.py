"""A page per model: wiring, how it is asked, channels, limits, what is no measurement, drawings of the frames.

Written from the profile alone, so that the pages are never older than the models.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.tools import doc_sections as sections
from device_profiles.tools.show import as_json


def write_pages(profiles: Iterable[str | Path], folder: Path) -> list[Path]:
    """Write ``folder/<vendor>/<model>.md`` for each profile and an index.

    Raises:
        ProfileError: A profile cannot be used.
    """
    written = []
    for relative, text in pages(profiles).items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if relative != "README.md":
            written.append(path)
    return written


def pages(profiles: Iterable[str | Path]) -> dict[str, str]:
    """Text of every page by its path under the folder; the index is ``README.md``."""
    found: dict[str, str] = {}
    index = [
        "# Devices",
        "",
        "Written by `harkara profile doc` from the profiles.",
        "",
        "| profile | device | transport | channels |",
        "|---|---|---|---:|",
    ]
    for name in profiles:
        profile = catalogue.load(name)
        found[f"{profile.id}.md"] = page(profile)
        document = profile.document
        device = sections.cell(f"{document['vendor']} {document['model']}: {document['title']['en']}")
        index.append(f"| [{profile.id}]({profile.id}.md) | {device} | {profile.transport} | {len(profile.channels)} |")
    index += ["", f"{len(found)} models."]
    found["README.md"] = "\n".join(index) + "\n"
    return found


def page(profile: Profile) -> str:
    """The page of one model."""
    data = as_json(profile)
    document = profile.document
    lines = [f"# {data['vendor']} {data['model']}", "", f"{data['title']['en']}.", ""]
    if data["title"].get("hi"):
        lines += [f"{data['title']['hi']}।", ""]
    lines.append(f"Profile `{profile.id}`, version {profile.version}.")
    if document.get("revisions"):
        lines.append(f"Holds for {', '.join(str(item) for item in document['revisions'])}.")
    if document.get("note"):
        lines += ["", str(document["note"])]
    ordered = (
        sections.documents,
        sections.wiring,
        sections.asking,
        sections.channels,
        sections.missing,
        sections.parameters,
        sections.variants,
        sections.frames,
    )
    for section in ordered:
        lines += section(data, document)
    return "\n".join(lines) + "\n"
