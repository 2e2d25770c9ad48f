"""``harkara agent doctor``: this machine, the broker and every device's way, and how to mend each."""

from __future__ import annotations

import argparse

from edge_agent import doctor
from harkara_io import cli_doctor


def run(args: argparse.Namespace) -> int:
    """As ``harkara doctor``, with what only the agent knows."""
    return cli_doctor.run(args, more=[("devices", lambda: doctor.findings(args.config))])
