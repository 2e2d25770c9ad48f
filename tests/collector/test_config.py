"""The collector's configuration: the shipped example loads, and every fault is one line that says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.config import CollectorConfig, broker_address, load_config
from harkara_io.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "examples" / "collector.toml"


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "collector.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_shows_the_defaults(tmp_path: Path) -> None:
    config = load_config(EXAMPLE)
    plain = CollectorConfig()
    for table in ("intake", "journal", "quarantine", "lake", "web"):
        assert getattr(config, table) == getattr(plain, table)
    assert config.broker.client_id == plain.broker.client_id
    assert config.broker.reconnect_s_max == plain.broker.reconnect_s_max
    assert config.data == EXAMPLE.parent / "data"
    assert config.broker.password_file == EXAMPLE.parent / "broker.password"


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, ""))
    assert config.journal_file == tmp_path / "data" / "journal.db"
    assert config.socket_file == tmp_path / "data" / "collector.sock"
    assert broker_address(config.broker).port == 1883


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[broker]\nhots = 'a'", [":2:", "unknown key", "did you mean `host`"]),
        ("[broker]\nport = 70000", [":2:", "port"]),
        ("[broker]\nprotocol = '4'", [":2:", "protocol"]),
        ("[broker]\npassword = 'x'", [":2:", "unknown key", "did you mean `password_file`"]),
        ("[broker]\npassword_file = 'y'", ["username"]),
        ("[broker.tls]\ncert_file = 'a'", ["key_file"]),
        ("[intake]\ngroup_commit_ms = 60", [":2:", "group_commit_ms"]),
        ("[journal]\nkeep_mb = 9000", ["cap_mb"]),
        ("[web]\nhost = '0.0.0.0'", ["loopback"]),
        ("[broker\nhost = 'a'", [":1:", "no TOML"]),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_write(tmp_path, text))
    for word in words:
        assert word in str(caught.value)


def test_a_password_file_others_can_read_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("geheim\n", encoding="utf-8")
    config = load_config(_write(tmp_path, "[broker]\nusername = 'u'\npassword_file = 'secret'"))
    secret.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        broker_address(config.broker)
    secret.chmod(0o600)
    assert broker_address(config.broker).password == "geheim"
    assert "geheim" not in repr(config) + repr(broker_address(config.broker))
    secret.write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="empty"):
        broker_address(config.broker)
    secret.unlink()
    with pytest.raises(ConfigError, match="password_file"):
        broker_address(config.broker)


def test_a_missing_authority_is_named(tmp_path: Path) -> None:
    config = load_config(_write(tmp_path, "[broker.tls]\nca_file = 'ca.crt'"))
    with pytest.raises(ConfigError, match=r"ca_file .*ca\.crt"):
        broker_address(config.broker)
