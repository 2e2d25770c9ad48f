"""Writes the table from the public definition files: ``python -m device_profiles.mavlink.generate FOLDER``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from device_profiles.errors import ProfileError
from device_profiles.mavlink.definitions import Dialect
from device_profiles.mavlink.table import SETS, TABLE_FILE, lines
from device_profiles.mavlink.xml_reader import read_dialect


def read_folder(folder: Path, name: str = SETS[-1]) -> Dialect:
    """A dialect from the folder that holds its file and all it includes."""
    file = f"{name}.xml"
    return read_dialect((folder / file).read_bytes(), file, lambda wanted: (folder / wanted).read_bytes())


def main() -> int:
    """Run from the command line.

    Returns:
        0; with ``--check`` 1 when the table differs from the definitions.
    """
    parser = argparse.ArgumentParser(prog="python -m device_profiles.mavlink.generate", description=__doc__)
    parser.add_argument("folder", type=Path, help="holds ardupilotmega.xml, common.xml and what they include")
    parser.add_argument("--check", action="store_true", help="only say whether the table is current")
    args = parser.parse_args()
    table = Path(__file__).with_name(TABLE_FILE)
    try:
        text = "".join(f"{line}\n" for line in lines(read_folder(args.folder)))
    except (OSError, ProfileError) as exc:
        print(exc, file=sys.stderr)
        return 2
    if args.check:
        return int(text != table.read_text(encoding="ascii"))
    table.write_text(text, encoding="ascii")
    print(f"{table}: {text.count(chr(10))} lines, {len(text)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
