"""``harkara doctor``: look at this machine, say what is wrong and how to mend it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

_EXAMPLE: Final = """examples:
  harkara doctor
  harkara doctor --config /etc/harkara/agent.toml
  harkara doctor --json | jq '.[] | select(.level != "ok")'

With --config the folder of its data and the way to its broker are looked at as well: name, port, TLS.
No password is sent.
exit status: 0 nothing is broken, 1 something is"""

Level = Literal["ok", "note", "warning", "broken"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What.
        level: ``broken`` keeps Harkara from working; ``warning`` costs something; ``note`` is good to know.
        what: What was found.
        mend: What to do; empty when nothing is needed.
    """

    check: str
    level: Level
    what: str
    mend: str = ""


Check = Callable[[], Iterable[Finding]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--config", type=Path, default=None, metavar="FILE", help="agent.toml or collector.toml to look at too"
    )
    parser.add_argument("--json", action="store_true", help="a JSON array of findings")


def run(args: argparse.Namespace, more: Sequence[tuple[str, Check]] = ()) -> int:
    """Look at everything, and at ``more``; a check that itself fails is a finding, not an end.

    Who has more to look at knows the configuration better, and says itself why it cannot be read.
    """
    from harkara_io import doctor_checks as checks  # noqa: PLC0415 - only when asked for
    from harkara_io import doctor_link  # noqa: PLC0415

    folder = Path.cwd()
    todo: list[tuple[str, Check]] = [
        ("python", checks.python),
        ("sqlite", checks.sqlite),
        ("packages", checks.packages),
        ("clock", checks.clock),
        ("serial ports", checks.serial_ports),
        ("buses", checks.buses),
    ]
    if args.config is not None:
        settings = doctor_link.Settings.read(args.config)
        folder = settings.folder
        if settings.host or not more:
            todo.append(("configuration", settings.findings))
        todo.append(("broker", settings.look_at_broker))
    todo.insert(3, ("disk", lambda: checks.disk(folder)))
    todo.extend(more)
    findings: list[Finding] = []
    for name, check in todo:
        try:
            findings.extend(check())
        except Exception as exc:  # noqa: BLE001 - one check must not hide the others
            findings.append(Finding(name, "warning", f"could not be looked at: {exc}"))
    print(json.dumps([asdict(finding) for finding in findings], indent=1) if args.json else as_text(findings))
    return 1 if any(finding.level == "broken" for finding in findings) else 0


def as_text(findings: Iterable[Finding]) -> str:
    """One line per finding, and one on how to mend it."""
    lines: list[str] = []
    for finding in findings:
        lines.append(f"{finding.level:<8} {finding.check}: {finding.what}")
        if finding.mend:
            lines.append(f"         mend: {finding.mend}")
    return "\n".join(lines)
