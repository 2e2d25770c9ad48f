"""The catalogue: the models that come with the package and those in a folder of the user's own.

The only module of the package that reads files; text in, compiled profiles out.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from device_profiles.engine.compile import compile_profile
from device_profiles.engine.profile import Profile
from device_profiles.errors import profile_error

if TYPE_CHECKING:
    from device_profiles.mavlink.definitions import Dialect, Message

MODELS: Final = Path(str(files("device_profiles") / "models"))
DIGEST_BYTES: Final = 8
MAX_PROFILE_BYTES: Final = 1 << 20


def ids(folder: Path = MODELS) -> list[str]:
    """Every profile of a folder as ``vendor/model``, sorted."""
    return sorted(f"{path.parent.name}/{path.stem}" for path in folder.glob("*/*.toml"))


def path_of(profile: str | Path) -> Path:
    """The file of a profile: a path to a ``.toml``, or an id of the catalogue.

    Raises:
        ProfileError: There is none; the message names the nearest.
    """
    given = Path(profile)
    if given.suffix == ".toml":
        if not given.is_file():
            raise profile_error(f"no file {given}")
        return given
    path = MODELS / f"{profile}.toml"
    if ".." in given.parts or given.is_absolute() or not path.is_file():
        known = ids()
        close = get_close_matches(str(profile), known, 3, 0.4) or [item for item in known if str(profile) in item][:3]
        raise profile_error(
            f"no profile {str(profile)!r} in the catalogue",
            hint=f"nearest: {', '.join(close)}" if close else "harkara profile list shows all",
        )
    return path


def read(profile: str | Path) -> tuple[Path, bytes]:
    """File and bytes of a profile."""
    path = path_of(profile)
    if path.stat().st_size > MAX_PROFILE_BYTES:
        raise profile_error(f"{path} is larger than {MAX_PROFILE_BYTES} bytes")
    return path, path.read_bytes()


def parse(data: bytes, path: str = "") -> dict[str, Any]:
    """Parse a profile's TOML; numbers with a point keep their digits.

    Raises:
        ProfileError: It is not TOML; says the line.
    """
    try:
        return tomllib.loads(data.decode("utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        words = str(exc)
        line = int(words.partition("at line ")[2].partition(",")[0] or 0) if "at line " in words else 0
        raise profile_error(f"not TOML: {words}", path=path, line=line) from exc


def complete(document: dict[str, Any], folder: Path, dialect: Path | None = None) -> dict[str, Any]:
    """The profile with what its message definitions say filled in; any but MAVLink profiles as they are.

    Args:
        document: As parsed.
        folder: Of the profile's file, where ``transport.dialect`` lies.
        dialect: File with message definitions that counts instead of that.

    Raises:
        ProfileError: A message or field is in no definition.
    """
    if (document.get("transport") or {}).get("kind") != "mavlink":
        return document
    if dialect is not None:
        document = {**document, "transport": {**document["transport"], "dialect": str(dialect.absolute())}}
    from device_profiles.mavlink.members import expand  # noqa: PLC0415 - only who reads an autopilot pays for the table

    return expand(document, lambda name: _dialect(folder / name))


def _dialect(path: Path) -> Dialect:
    from device_profiles.mavlink.profiles import load_dialect  # noqa: PLC0415 - nor for a reader of XML it needs not

    return load_dialect(path)


def digest(data: bytes) -> bytes:
    """What blocks name a profile by: the first 8 bytes of its file's BLAKE2b."""
    return hashlib.blake2b(data, digest_size=64).digest()[:DIGEST_BYTES]


def id_of(path: Path) -> str:
    """``vendor/model`` of a file."""
    return f"{path.parent.name}/{path.stem}"


def own_messages(profile: str | Path, dialect: Path | None = None) -> dict[int, Message]:
    """Messages by number that a profile knows beside those of the public table.

    Args:
        profile: As for `load`.
        dialect: File with message definitions that counts instead of the profile's own.

    Raises:
        ProfileError: The file is no definition; says the line.
    """
    path, data = read(profile)
    named = (parse(data, str(path)).get("transport") or {}).get("dialect")
    file = dialect or (path.parent / str(named) if named else None)
    return _dialect(file).messages if file is not None else {}


def number_of(name: str, own: Mapping[int, Message]) -> int:
    """Number of a message by its name; the user's own count first.

    Raises:
        ProfileError: There is none; names the nearest.
    """
    from device_profiles.mavlink.table import known  # noqa: PLC0415 - only who reads an autopilot pays for the table

    return next((message.id for message in own.values() if message.name == name), 0) or known(name).id


def load(profile: str | Path, *, variant: str | None = None, dialect: Path | None = None) -> Profile:
    """Load and compile a profile.

    Args:
        profile: Id of the catalogue, or path to a ``.toml``.
        variant: Of the model.
        dialect: Message definitions of the user's, for a MAVLink profile.

    Raises:
        ProfileError: It does not exist or cannot be used.
    """
    path, data = read(profile)
    document = complete(parse(data, str(path)), path.parent, dialect)
    return compile_profile(document, profile_id=id_of(path), digest=digest(data), variant=variant, path=str(path))


def load_all(folder: Path = MODELS) -> Mapping[str, Profile]:
    """Every profile of a folder, compiled, by id."""
    return {name: load(folder / f"{name}.toml") for name in ids(folder)}
