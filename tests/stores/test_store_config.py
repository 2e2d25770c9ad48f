"""``[[store]]``: every fault is one line that says where and what to write; secrets stay in files of their own."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from collector.config import load_config
from collector.stores.config import StoreConfig
from harkara_io.errors import ConfigError

VICTORIA = '[[store]]\nname = "vm"\nkind = "victoriametrics"\nurl = "http://127.0.0.1:8428"\n'
INFLUX = '[[store]]\nname = "ix"\nkind = "influxdb"\nurl = "http://127.0.0.1:8086"\n'
WHOLE = INFLUX + 'org = "o"\nbucket = "b"\ntoken_file = "ix.token"\n'
EXAMPLE = Path(__file__).parents[2] / "examples" / "collector.toml"


def _load(tmp_path: Path, text: str) -> tuple[StoreConfig, ...]:
    path = tmp_path / "collector.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(path).store


def test_two_stores_each_with_its_own_names(tmp_path: Path) -> None:
    vm, ix = _load(tmp_path, VICTORIA + 'from = "now"\n' + WHOLE + 'tags = ["site", "device"]\ngzip = true\n')
    assert (vm.name, vm.since_ns(), vm.seen_alive_s, vm.token()) == ("vm", "now", 25.0, "")
    assert (ix.seen_alive_s, ix.since_ns(), ix.mapping().tags) == (0.0, None, ("site", "device"))
    assert ix.token_file == tmp_path / "ix.token"
    assert vm.mapping().precision_name == "ms"


def test_the_example_s_store_is_one_and_shows_the_defaults(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").split("# [[store]]\n")[1].splitlines()
    shown = tomllib.loads("\n".join(line.removeprefix("# ") for line in lines))
    assert set(shown) | {"org", "bucket"} == {field.alias or name for name, field in StoreConfig.model_fields.items()}
    made = StoreConfig.model_validate(shown)
    plain = StoreConfig.model_validate({key: shown[key] for key in ("name", "kind", "url")})
    assert made.model_dump(exclude={"token_file", "ca_file", "durable_after_s", "precision"}) == plain.model_dump(
        exclude={"token_file", "ca_file", "durable_after_s", "precision"}
    )
    assert made.seen_alive_s == plain.seen_alive_s
    assert made.mapping().unit_ns == plain.mapping().unit_ns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (VICTORIA + "hots = 1", [":5:", "unknown key `store.1.hots`"]),
        (VICTORIA.replace("vm", "No Name"), [":2:", "name"]),
        (VICTORIA.replace("victoriametrics", "graphite"), [":3:", "kind", "graphite"]),
        (VICTORIA.replace("http:", "htp:"), [":4:", "no address of a store", "http://127.0.0.1:8428"]),
        (VICTORIA.replace("//", "//me:geheim@"), [":4:", "token_file"]),
        (VICTORIA + 'from = "yesterday"', [":5:", "no instant", "beginning"]),
        (VICTORIA + 'from = "2026-11-23T00:00"', [":5:", "no zone"]),
        (VICTORIA + 'bucket = "b"', ["VictoriaMetrics has no bucket"]),
        (VICTORIA + 'tags = ["site"]', ["add device"]),
        (VICTORIA + 'measurement = "{colour}"', ["{colour} cannot stand there"]),
        (VICTORIA + 'precision = "ns"', ["VictoriaMetrics keeps milliseconds"]),
        (VICTORIA + "timeout_s = 0", [":5:", "timeout_s"]),
        (INFLUX, ["needs org"]),
        (INFLUX + 'org = "o"', ["needs bucket"]),
        (INFLUX + 'org = "o"\nbucket = "b"', ["needs token_file", "chmod 600"]),
        (VICTORIA + VICTORIA, ["two stores are called 'vm'"]),
        ('[[store]]\nkind = "influxdb"', ["`store.1.name` is missing", "`store.1.url` is missing"]),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    for word in words:
        assert word in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_a_token_is_read_from_a_file_nobody_else_can_read(tmp_path: Path) -> None:
    (store,) = _load(tmp_path, WHOLE)
    token = tmp_path / "ix.token"
    with pytest.raises(ConfigError, match=re.escape("store ix: token_file")):
        store.token()
    token.write_text("geheim\nsecond line\n", encoding="utf-8")
    token.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        store.token()
    token.chmod(0o600)
    assert store.token() == "geheim"
    assert "geheim" not in repr(store)
    token.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="write the token on its first line"):
        store.token()
