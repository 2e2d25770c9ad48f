"""``harkara profile``: look at, check, try and write device profiles."""
# ruff: noqa: PLC0415 - each action loads only what it needs: pydantic costs more than a decode

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from device_profiles import catalogue
from device_profiles.engine.profile import Profile
from device_profiles.errors import ProfileError, profile_error

_HELP: Final = """\
examples:
  harkara profile list --transport lorawan
  harkara profile show decentlab/dl-trs12
  harkara profile lint my-vendor/my-model.toml
  harkara profile decode decentlab/dl-trs12 --port 1 --hex 0210d3000346be813d00000c80
  harkara profile new --output my-model.toml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Sub-commands of ``harkara profile``."""
    parser.epilog = _HELP
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="models of the catalogue")
    listing.add_argument("--transport", help="only this transport")
    listing.add_argument("--quantity", help="only models that measure this")
    show = actions.add_parser("show", help="one model: channels, limits, requests")
    show.add_argument("profile")
    lint = actions.add_parser("lint", help="check profiles")
    lint.add_argument("profile", nargs="*", help="id or .toml file; the whole catalogue when none is given")
    lint.add_argument("--warnings", action="store_true", help="show warnings too")
    lint.add_argument("--schema", action="store_true", help="print the JSON Schema of the language and end")
    test = actions.add_parser("test", help="run the vectors profiles carry")
    test.add_argument("profile", nargs="*")
    decode = actions.add_parser("decode", help="explain a frame byte by byte, or decode a recording")
    decode.add_argument("profile", help="id or .toml file; mavlink: every message by its definition")
    source = decode.add_mutually_exclusive_group(required=True)
    source.add_argument("--hex", help="the frame in hexadecimal")
    source.add_argument("--text", help="the frame as text; \\r \\n \\t are understood")
    source.add_argument(
        "--file", type=Path, help="a recording: raw bytes, hexdump or pcap; one JSON line a reading or reject"
    )
    decode.add_argument("--port", type=int, help="LoRaWAN FPort")
    decode.add_argument("--request", help="name of the request the frame answers")
    decode.add_argument("--variant")
    decode.add_argument(
        "--dialect", type=Path, metavar="FILE.xml", help="with mavlink: message definitions of your own"
    )
    decode.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="a deployment parameter")
    new = actions.add_parser("new", help="write a profile by answering questions")
    new.add_argument("--output", type=Path, help="file to write; default: standard output")
    new.add_argument("--answers", type=Path, help="answers, one a line, instead of asking")
    ttn = actions.add_parser(
        "import-ttn", help="start a profile from a codec file with examples (lorawan-devices form)"
    )
    ttn.add_argument("codec", type=Path, help="…-codec.yaml or a .jsonl of examples")
    ttn.add_argument("--codec-name", help="which codec of a .jsonl")
    ttn.add_argument("--output", type=Path)
    doc = actions.add_parser("doc", help="write a page per model")
    doc.add_argument("profile", nargs="*")
    doc.add_argument("--output", type=Path, default=Path("docs/devices"), help="folder (default docs/devices)")
    for action in (listing, show, lint, test, decode, doc):
        action.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Do what was asked.

    Returns:
        0 done, 1 a check failed or a frame was rejected, 2 wrong usage or an unusable profile.
    """
    actions: Mapping[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "show": _show,
        "lint": _lint,
        "test": _test,
        "decode": _decode,
        "new": _new,
        "import-ttn": _import_ttn,
        "doc": _doc,
    }
    try:
        return actions[args.action](args)
    except ProfileError as exc:
        print(exc, file=sys.stderr)
        return exc.exit_status


def _list(args: argparse.Namespace) -> int:
    rows = []
    for name in catalogue.ids():
        document = catalogue.parse(catalogue.read(name)[1], name)
        kinds = [document["transport"]["kind"], *document["transport"].get("also", [])]
        channels = list(document["channels"])
        quantities = {table.get("quantity") or channel for channel, table in document["channels"].items()}
        if (args.transport and args.transport not in kinds) or (args.quantity and args.quantity not in quantities):
            continue
        rows.append({"profile": name, "transport": kinds[0], "title": document["title"]["en"], "channels": channels})
    if args.json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    for row in rows:
        print(f"{row['profile']:<36} {row['transport']:<11} {row['title']}")
    print(f"{len(rows)} models")
    return 0


def _show(args: argparse.Namespace) -> int:
    from device_profiles.tools.show import as_json, as_text

    profile = catalogue.load(args.profile)
    print(json.dumps(as_json(profile), ensure_ascii=False) if args.json else as_text(profile))
    return 0


def _lint(args: argparse.Namespace) -> int:
    from device_profiles.language.check import check_file
    from device_profiles.language.profile import json_schema

    if args.schema:
        print(json.dumps(json_schema(), indent=1))
        return 0
    profiles: list[str] = args.profile or catalogue.ids()
    problems = [problem for profile in profiles for problem in check_file(profile)]
    errors = [problem for problem in problems if problem.severity == "error"]
    if args.json:
        fields = ("path", "line", "severity", "what", "hint", "example")
        listed = [{field: getattr(problem, field) for field in fields} for problem in problems]
        print(
            json.dumps(
                {
                    "models": len(profiles),
                    "errors": len(errors),
                    "warnings": len(problems) - len(errors),
                    "problems": listed,
                }
            )
        )
    else:
        for problem in problems if args.warnings else errors:
            print(problem)
        print(f"{len(profiles)} models, {len(errors)} errors, {len(problems) - len(errors)} warnings")
    return 1 if errors else 0


def _test(args: argparse.Namespace) -> int:
    from device_profiles.tools.vectors import run_profile

    profiles: list[str] = args.profile or catalogue.ids()
    results = [result for profile in profiles for result in run_profile(profile)]
    failed = [result for result in results if result.faults]
    if args.json:
        faults = [{"profile": result.profile, "test": result.name, "faults": list(result.faults)} for result in failed]
        print(json.dumps({"models": len(profiles), "vectors": len(results), "failed": len(failed), "failures": faults}))
    else:
        for result in failed:
            print(f"{result.profile}: {result.name}")
            for fault in result.faults:
                print(f"    {fault}")
        print(f"{len(profiles)} models, {len(results)} vectors, {len(failed)} failed")
    return 1 if failed else 0


def _decode(args: argparse.Namespace) -> int:
    from device_profiles.tools.explain import explain, explain_text

    profile = _profile(args)
    parameters = _parameters(profile, args.parameter)
    if args.file is not None:
        from device_profiles.tools.recordings import decode_recording

        return decode_recording(profile, args.file, parameters, port=args.port, write=print)
    frame = _frame(args)
    explained = explain(profile, frame, port=args.port, request=args.request, parameters=parameters)
    print(json.dumps(explained, ensure_ascii=False) if args.json else explain_text(profile, frame, explained))
    return 1 if "reject" in explained else 0


def _profile(args: argparse.Namespace) -> Profile:
    if args.profile != "mavlink":
        if args.dialect is not None:
            raise profile_error(
                "--dialect goes with mavlink", hint="a profile names its definitions by transport.dialect"
            )
        return catalogue.load(args.profile, variant=args.variant)
    from device_profiles.mavlink import table
    from device_profiles.mavlink.profiles import load_dialect, message_profile

    dialect = table.public() if args.dialect is None else load_dialect(args.dialect)
    return message_profile(dialect.messages.values(), dialect)


def _frame(args: argparse.Namespace) -> bytes:
    if args.text is not None:
        return str(args.text).encode("latin-1", "replace").decode("unicode_escape").encode("latin-1", "replace")
    try:
        return bytes.fromhex(str(args.hex).removeprefix("0x"))
    except ValueError as exc:
        raise profile_error(
            f"--hex: {exc}", hint="pairs of hexadecimal digits", example="--hex 0210d300020c80"
        ) from exc


def _parameters(profile: Profile, given: list[str]) -> dict[str, float | str]:
    values: dict[str, float | str] = {}
    tables: Mapping[str, Any] = profile.document.get("parameters") or {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals:
            raise profile_error(f"--parameter {item!r} is not NAME=VALUE")
        try:
            values[name] = text if (tables.get(name) or {}).get("choices") else float(text)
        except ValueError as exc:
            raise profile_error(f"parameter {name} is a number, not {text!r}") from exc
    profile.parameters(values)
    return values


def _new(args: argparse.Namespace) -> int:
    from device_profiles.tools.new import ask_and_write

    return ask_and_write(args.output, args.answers)


def _import_ttn(args: argparse.Namespace) -> int:
    from device_profiles.tools.import_ttn import import_codec

    return import_codec(args.codec, args.codec_name, args.output)


def _doc(args: argparse.Namespace) -> int:
    from device_profiles.tools.doc import write_pages

    written = write_pages(args.profile or catalogue.ids(), args.output)
    print(json.dumps({"pages": len(written)}) if args.json else f"{len(written)} pages in {args.output}")
    return 0
