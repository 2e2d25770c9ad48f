"""``harkara collector init``: the shipped configuration, every line explained, with the broker's name put in."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import resources
from typing import Final

from harkara_io.errors import ConfigError

_HOST_LINE: Final = 'host = "127.0.0.1"\n'


def template(broker: str) -> str:
    """The text of a ``collector.toml`` for this broker.

    Raises:
        ConfigError: The name cannot stand in a TOML string.
    """
    if not broker or any(char in broker for char in '"\\\n') or not broker.isprintable():
        raise ConfigError(f"--broker {broker!r} is no host name")
    text = (resources.files("collector") / "collector.toml").read_text(encoding="utf-8")
    head, _, rest = text.partition(_HOST_LINE)
    return f'{head}host = "{broker}"\n{rest}'


def run(args: argparse.Namespace) -> int:
    """Write it.

    Raises:
        ConfigError: The file is there already, or cannot be written.
    """
    text = template(args.broker)
    if str(args.out) == "-":
        sys.stdout.write(text)
        return 0
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if args.force else os.O_EXCL)
    try:
        with os.fdopen(os.open(args.out, flags, 0o644), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise ConfigError("is there already", file=args.out, hint="--force overwrites it") from exc
    except OSError as exc:
        raise ConfigError(f"cannot be written: {exc.strerror}", file=args.out) from exc
    print(f"{args.out} is written. Next:")
    print(
        f"  look through [broker] in {args.out}; put its password into broker.password (chmod 600), or drop both lines"
    )
    print(f"  harkara device add AGENT-ID --config {args.out}")
    print(f"  harkara collector run --config {args.out}")
    return 0
