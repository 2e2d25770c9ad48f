"""Configuration errors name the file, the line, the key and what to write instead."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from harkara_io.errors import ConfigError
from harkara_io.toml_config import load, parse
from harkara_io.toml_lines import key_lines


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Tls(_Strict):
    ca_file: str


class Broker(_Strict):
    host: str
    port: int = Field(default=1883, ge=1, le=65535)
    tls: Tls | None = None


class Serial(_Strict):
    driver: Literal["serial"]
    port: str


class Tcp(_Strict):
    driver: Literal["tcp"]
    address: str


class Site(_Strict):
    broker: Broker
    device: list[Serial | Tcp] = []
    tagged: list[Tagged] = []


class Tagged(_Strict):
    source: Serial | Tcp = Field(discriminator="driver")


Site.model_rebuild()


def problems(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigError) as caught:
        parse(text, Site)
    return [(each.line, each.what, each.hint) for each in caught.value.problems]


def test_an_unknown_key_names_the_nearest_known_one_and_its_line() -> None:
    assert problems('[broker]\nhost = "a"\nprot = 1883\n') == [(3, "unknown key `broker.prot`", "did you mean `port`?")]


def test_an_unknown_table_and_a_key_far_from_all() -> None:
    found = problems('[broker]\nhost = "a"\n\n[broker.tsl]\nca_file = "x"\n[zzz]\nq = 1\n')
    assert found == [
        (4, "unknown key `broker.tsl`", "did you mean `tls`?"),
        (6, "unknown key `zzz`", "known here: broker, device, tagged"),
    ]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    found = problems('[broker]\nport = 70000\nhots = "a"\n[[tagged]]\nsource = { driver = "tcp", adress = "x" }\n')
    assert [line for line, _, _ in found] == [1, 2, 3, 5, 5]
    text = "\n".join(f"{what} {hint}" for _, what, hint in found)
    assert "`broker.host` is missing" in text
    assert "less than or equal to 65535 (given: 70000)" in text
    assert "unknown key `tagged.1.source.adress` did you mean `address`?" in text


def test_the_message_has_file_line_and_hint(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text('[broker]\nhost = "a"\npot = 1\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"agent\.toml:3: unknown key `broker\.pot`; did you mean `port`\?") as caught:
        load(file, Site)
    assert caught.value.exit_status == 2


def test_no_toml_says_the_line(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("[broker]\nhost = \n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"agent\.toml:2: is no TOML"):
        load(file, Site)


def test_a_missing_binary_or_huge_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "none.toml", Site)
    (tmp_path / "binary").write_bytes(b"a = 1\n\xff\xfe")
    with pytest.raises(ConfigError, match="binary:2: is not UTF-8"):
        load(tmp_path / "binary", Site)
    (tmp_path / "huge").write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(ConfigError, match="1 MiB"):
        load(tmp_path / "huge", Site)


def test_lines_of_every_construct() -> None:
    text = (
        "# comment [not] = a table\n"
        'top = "with \\" quote # and = [ ]"\n'
        'many = [\n  "a", # one ]\n  { x = 1, y = [2,\n 3] },\n]\n'
        'long = """\n[no.table]\nkey = 1\n"""\n'
        "raw = '''\nq = 2'''\n"
        "[a.b]\nc.d = 1\n"
        '"e f" = {g = {h = 1}}\n'
        "[[list]]\nx = 1\n[[list.sub]]\ny = 1\n[[list]]\n[[list.sub]]\ny = 2\n"
    )
    tomllib.loads(text)
    lines = key_lines(text)
    assert lines[("top",)] == 2
    assert lines[("many", 1)] == 5
    assert lines[("many", 1, "y", 1)] == 6
    assert lines[("long",)] == 8
    assert ("no", "table") not in lines
    assert lines[("raw",)] == 12
    assert lines[("a", "b", "c", "d")] == 15
    assert lines[("a", "b", "e f", "g", "h")] == 16
    assert lines[("list", 0, "sub", 0, "y")] == 20
    assert lines[("list", 1, "sub", 0, "y")] == 23


@pytest.mark.parametrize("text", ["a = [}", "a = {]", "a = [{]}", "[[", "a = [[[,}", "a =\nb = ]"])
def test_a_stray_bracket_ends_the_scan(text: str) -> None:
    key_lines(text)


@given(st.text(alphabet="ab[]{}=,.\"'#\n \\1", max_size=60))
def test_any_text_gives_lines_or_none_but_never_hangs_or_fails(text: str) -> None:
    count = text.count("\n") + 1
    assert all(1 <= line <= count for line in key_lines(text).values())
