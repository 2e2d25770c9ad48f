"""Starts a profile from published codec examples (lorawan-devices form): ports, lengths, channels by name, vectors.

The bytes and the expected words become vectors, which fail until the fields are written; those stay for the writer,
from the vendor's document. The codec's own program is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from device_profiles.errors import profile_error
from device_profiles.quantities import QUANTITIES
from device_profiles.tools.ttn_examples import Example, Word, from_jsonl, from_yaml
from device_profiles.units import UNITS, converter

_UNITS: Final = {
    "°C": "Cel",
    "°F": "[degF]",
    "°": "deg",
    "m⋅s⁻¹": "m/s",
    "W⋅m⁻²": "W/m2",
    "µS⋅cm⁻¹": "uS/cm",
    "mS⋅cm⁻¹": "mS/cm",
    "µg⋅m⁻³": "ug/m3",
    "ppm": "[ppm]",
    "ppb": "[ppb]",
    "lux": "lx",
}
"""Units as vendors print them; those that are UCUM codes need no row."""


_OFTEN: Final = {
    "temperature": "air_temperature",
    "temp": "air_temperature",
    "humidity": "relative_humidity",
    "hum": "relative_humidity",
    "pressure": "air_pressure",
    "atmospheric_pressure": "air_pressure",
    "barometric_pressure": "air_pressure",
    "battery": "battery_voltage",
    "bat": "battery_voltage",
    "bat_v": "battery_voltage",
    "voltage": "battery_voltage",
    "moisture": "soil_moisture_percent",
    "light": "illuminance",
    "no": "nitric_oxide",
    "rainfall": "precipitation",
    "rain": "precipitation",
    "wind_gust_speed": "wind_gust",
    "ec": "soil_conductivity",
}
"""Words vendors like whose nearest quantity by letters is another."""


def import_codec(path: Path, codec_name: str | None, output: Path | None) -> int:
    """Write a profile's beginning from a file of examples.

    Returns:
        0; the profile does not lint until its fields are written.

    Raises:
        ProfileError: The file cannot be read or has no examples, or the output exists.
    """
    if output is not None and output.exists():
        raise profile_error(f"{output} exists already", hint="another --output; this command overwrites nothing")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise profile_error(f"{path} cannot be read: {exc}") from exc
    examples = list(from_jsonl(text, codec_name) if path.suffix == ".jsonl" else from_yaml(text))
    if not examples:
        raise profile_error(
            f"{path} has no uplink examples{f' of {codec_name}' if codec_name else ''}",
            hint="some vendors publish none: start with `harkara profile new`",
        )
    name = codec_name or path.stem.removesuffix("-codec")
    written = _profile(name, examples)
    if output is None:
        print(written, end="")
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(written, encoding="utf-8")
        print(f"written: {output}, {len(examples)} examples; next: the fields, from the vendor's document")
    return 0


def _profile(name: str, examples: list[Example]) -> str:
    vendor, _, model = name.rpartition("/")
    lines = [
        "language = 1",
        f"vendor = {_quoted(vendor or 'name the vendor')}",
        f"model = {_quoted(model.removesuffix('-codec'))}",
        "version = 1",
        'title = { en = "say what it is", hi = "हिन्दी में लिखें" }',
        "",
        "[[documents]]",
        'title = "name the vendor document the fields are from"',
        "",
        "[transport]",
        'kind = "lorawan"',
        "",
        "[channels]",
    ]
    words: dict[str, list[Word]] = {}
    for example in examples:
        for word, value in example.words.items():
            words.setdefault(word, []).append(value)
    channels = {word: _slug(word) for word in words if _quantity(word)}
    for word, values in words.items():
        lines.append(_channel(word, values) if word in channels else f"# {word} = {values[0].text}: which quantity?")
    groups: dict[int, set[int]] = {}
    for example in examples:
        if not example.is_error:
            groups.setdefault(example.port, set()).add(len(example.data))
    for port, sizes in groups.items():
        length = min(sizes) if len(sizes) == 1 else [min(sizes), max(sizes)]
        lines += [
            "",
            "[[frames]]",
            f'name = "port_{port}"',
            f"when = {{ port = {port}, length = {length} }}",
            'fields = [{ name = "_all", type = "hex:rest" }]  # from the vendor\'s document',
        ]
    for example in examples:
        lines += ["", *_vector(example, channels, name)]
    return "\n".join(lines) + "\n"


def _vector(example: Example, channels: dict[str, str], name: str) -> Iterator[str]:
    yield "[[tests]]"
    yield f"name = {_quoted(example.what)}"
    yield f"port = {example.port}"
    yield f'hex = "{example.data.hex()}"'
    if example.is_error:
        yield 'reject = "no_frame"'
    else:
        known = [f"{channels[word]} = {value.text}" for word, value in example.words.items() if word in channels]
        others = [f"{word} = {value.text}" for word, value in example.words.items() if word not in channels]
        if others:
            yield f"# also: {', '.join(others)}"
        yield f"expect = {{ {', '.join(known)} }}" if known else "expect = {}"
    yield f"source = {_quoted(f'published example of {name}')}"


def _slug(word: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()).strip("_")
    return slug if slug[:1].isalpha() else f"x_{slug}"


def _quantity(word: str) -> str:
    slug = _slug(word)
    if slug in _OFTEN:
        return _OFTEN[slug]
    close = get_close_matches(slug, QUANTITIES, 1, 0.75)
    return close[0] if close else ""


def _channel(word: str, values: list[Word]) -> str:
    """A channel of the nearest quantity; limits are the quantity's until the writer gives the sensor's."""
    name, quantity = _slug(word), _quantity(word)
    row = QUANTITIES[quantity]
    words = [] if name == quantity else [f'quantity = "{quantity}"']
    printed = values[0].unit
    code = _UNITS.get(printed, printed)
    low, high = row.low if row.low is not None else 0, row.high if row.high is not None else 1_000_000
    if code in UNITS and code != row.unit and UNITS[code].dimension == UNITS[row.unit].dimension:
        words.append(f'unit = "{code}"')
        convert = converter(row.unit, code)
        low, high = convert(low), convert(high)
    words.append(f"range = [{low:.6g}, {high:.6g}]")
    digits = max(len(value.text.partition(".")[2]) for value in values)
    words.append(f"resolution = {10**-digits:.{digits}f}")
    return f"{name} = {{ {', '.join(words)} }}  # {word}, {values[0].text} {printed}".rstrip()


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
