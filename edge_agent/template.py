"""Write a commented ``agent.toml`` from what was heard on the ports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from edge_agent.discover import Finding

_HEAD = """\
# Configuration of a Harkara agent. Paths count from this file's folder.
# Check it with: harkara agent run --check --config {name}

# Given at enrolment, never used again for another agent: 3 to 40 of a-z, 0-9 and "-".
# On the collector: harkara device add {agent}
agent = {agent_text}

[broker]
host = {broker_text}
# port = 1883                     # 8883 with [broker.tls]
# username = {agent_text}
# password_file = "password"      # first line of the file; chmod 600
# protocol = "3.1.1"              # or "5"
# keepalive_s = 120               # a link with a block more often than that is never pinged

# [broker.tls]                    # remove the hashes to encrypt; the broker's name is always checked
# ca_file = "ca.pem"

[outbox]
file = "outbox.db"
# max_bytes = 1_073_741_824       # at the cap the oldest readings give way, with a record of the loss
"""

_EMPTY = """
# Nothing was heard. Remove the hashes of what fits:
# [[device]]
# id = "gnss"
# driver = "nmea"
# port = "/dev/serial/by-id/..."  # or tcp = "192.168.1.20:10110"
# baud = 9600
#
# [[device]]
# id = "station"
# driver = "lines"                # one JSON object or CSV line per reading
# command = ["/usr/local/bin/read-station", "--json"]
# [device.channels]
# air_temperature = { unit = "Cel" }
"""


def agent_id(host_name: str) -> str:
    """An agent id made from a host name."""
    slug = re.sub(r"[^a-z0-9]+", "-", host_name.lower()).strip("-")[:40]
    return slug if len(slug) >= 3 else f"agent-{slug or 'one'}"


def render(findings: Sequence[Finding], *, agent: str, broker: str, name: str) -> str:
    """The file's text. Ports that gave nothing stand in comments, with the reason."""
    text = _HEAD.format(agent=agent, agent_text=_quoted(agent), broker_text=_quoted(broker), name=name)
    used: set[str] = set()
    blocks = [_device(finding, _free_id(finding, used)) for finding in findings if finding.kind in _KNOWN]
    silent = [f"# {finding.port}: {finding.detail}" for finding in findings if finding.kind not in _KNOWN]
    if silent:
        text += "\n# Ports that gave no device:\n" + "\n".join(silent) + "\n"
    return text + ("".join(blocks) if blocks else _EMPTY)


_KNOWN = frozenset({"nmea", "json", "csv"})


def _device(finding: Finding, device: str) -> str:
    lines = ["", "[[device]]", f"id = {_quoted(device)}"]
    if finding.kind == "nmea":
        heard = ", ".join(sorted(finding.sentences))
        lines += [f'driver = "nmea"                   # heard: {heard}', *_port(finding)]
        lines += [f"# gives {channel}, last {last}" for channel, last in finding.channels.items()]
        return "\n".join(lines) + "\n"
    lines += ['driver = "lines"', *_port(finding), f'format = "{finding.kind}"']
    if finding.kind == "csv":
        lines.append(f"separator = {_quoted(finding.separator)}")
        shown = ", ".join(_quoted(column) for column in finding.columns)
        lines.append(
            f"columns = [{shown}]" + ("" if finding.has_header else "  # the device names none: give them names")
        )
    lines += ["[device.channels]                 # UCUM units, e.g. Cel, %, hPa, m/s; remove what you do not need"]
    lines += [f"{channel} = {_channel(key, channel)}  # last: {last}" for key, channel, last in _channels(finding)]
    return "\n".join(lines) + "\n"


def _port(finding: Finding) -> Iterable[str]:
    yield f"port = {_quoted(str(finding.port))}"
    yield f"baud = {finding.baud}"


def _channels(finding: Finding) -> Iterable[tuple[str, str, str]]:
    used: set[str] = set()
    for key, last in finding.channels.items():
        channel = re.sub(r"[^A-Za-z0-9_]+", "_", key).strip("_") or "value"
        channel = channel if not channel[0].isdigit() else f"c{channel}"
        while channel in used:
            channel += "_"
        used.add(channel)
        yield key, channel, last


def _channel(key: str, channel: str) -> str:
    return '{ unit = "" }' if key == channel else f'{{ unit = "", field = {_quoted(key)} }}'


def _free_id(finding: Finding, used: set[str]) -> str:
    base = {"nmea": "gnss", "json": "station", "csv": "station"}[finding.kind]
    if finding.kind == "nmea" and "latitude" not in finding.channels and "RMC" not in finding.sentences:
        base = "instrument"
    name, number = base, 1
    while name in used:
        number += 1
        name = f"{base}-{number}"
    used.add(name)
    return name


def _quoted(text: str) -> str:
    # A JSON string of printable text is a TOML basic string.
    return json.dumps(text, ensure_ascii=False)
