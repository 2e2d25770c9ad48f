"""Is the committed protobuf code what the schema gives? ``python -m tests.tools.generated_code [--write]``."""

from __future__ import annotations

import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[2]
SCHEMA = "device_profiles/wire/block.proto"
GENERATED = ("device_profiles/wire/block_pb2.py", "device_profiles/wire/block_pb2.pyi")


def generate(folder: Path) -> None:
    """Compile the schema into ``folder``."""
    include = str(files("grpc_tools") / "_proto")
    options = [f"--python_out={folder}", f"--pyi_out={folder}"]
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{include}", *options, str(ROOT / SCHEMA)]) != 0:
        raise SystemExit(f"{SCHEMA} does not compile")
    # The generator leaves a bare Mapping in its type stub, which mypy --strict refuses.
    stub = folder / GENERATED[1]
    text = stub.read_text(encoding="utf-8")
    stub.write_text(text.replace(", _Mapping]", ", _Mapping[str, object]]"), encoding="utf-8")


def stale(folder: Path) -> list[str]:
    """Committed files that differ from those in ``folder``."""
    return [
        name
        for name in GENERATED
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != (folder / name).read_bytes()
    ]


def main(arguments: list[str]) -> int:
    """Compare, or with ``--write`` replace. 0 when current."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        generate(folder)
        if "--write" in arguments:
            for name in GENERATED:
                (ROOT / name).write_bytes((folder / name).read_bytes())
            return 0
        names = stale(folder)
    if names:
        print(f"stale: {', '.join(names)}; run python -m tests.tools.generated_code --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
