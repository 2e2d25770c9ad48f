"""A driver that another package brings: installed, found, run in a real agent, and kept from doing harm."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from device_profiles.quality import Flag
from device_profiles.rejects import FrameRejected
from device_profiles.wire.values import Scaled
from edge_agent import config as configuration
from edge_agent.clock import SystemClock
from edge_agent.drivers.plugins import PluginDriver, fault_of
from edge_agent.drivers.ports import LinkDown, Number, Sample
from harkara_io.errors import ConfigError
from tests.agent.harness import KeepingCollector, agent_config
from tests.conftest import Mosquitto, wait_until

ROOT: Final = Path(__file__).parents[2]
EXAMPLE: Final = ROOT / "examples/driver"
PAGE: Final = ROOT / "docs/write-a-driver.md"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, installed by pip as its users do, into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--no-build-isolation"]
    command += ["--disable-pip-version-check", "--quiet", "--target", str(target), str(EXAMPLE)]
    subprocess.run(command, check=True, timeout=300)
    return target


@pytest.fixture
def beside(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """As if it were installed in this very environment."""
    monkeypatch.syspath_prepend(str(installed))
    yield installed
    sys.modules.pop("harkara_scale", None)


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives a plug-in called ``broken`` whose module is this text."""

    def make(text: str) -> None:
        folder = tmp_path / "broken"
        info = folder / "broken-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[harkara.drivers]\nbroken = broken_driver:Driver\n")
        (folder / "broken_driver.py").write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, "broken_driver", raising=False)

    return make


def device(name: str, settings: str = "", plugin: str = "bench-scale") -> str:
    return (
        f'[[device]]\nid = "{name}"\ndriver = "plugin"\nplugin = "{plugin}"\nseal_after_s = 0.3\n'
        f"reconnect_s_max = 0.5\n[device.settings]\n{settings}\n"
    )


class Scale:
    """A serial server with a scale behind it."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._open.append(connection)
            connection.sendall(self._text)

    def close(self) -> None:
        for each in (*self._open, self._server):
            each.close()


@pytest.mark.broker
def test_an_installed_driver_is_read_and_stored_under_its_name(
    tmp_path: Path, installed: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    with ExitStack() as stack:
        broker = mosquitto()
        keeper = KeepingCollector(broker.port)
        stack.callback(keeper.close)
        scale = Scale(b"ST,+  12.350 kg\r\nUS,+   7.1 kg\r\nrubbish\r\n")
        stack.callback(scale.close)
        settings = f'host = "127.0.0.1"\nport = {scale.port}'
        agent = agent_config(tmp_path, broker.port, device("scale", settings))
        agent.environ["PYTHONPATH"] = os.pathsep.join([str(installed), *sys.path])
        stack.callback(agent.end)
        agent.start()
        wait_until(lambda: len(keeper.readings("scale")) >= 2, what="the weights to be stored")
        weights = sorted(Decimal(value).scaleb(exponent or 0) for _, _, value, exponent in keeper.readings("scale"))
        assert weights == [Decimal("7.1"), Decimal("12.35")]
        assert {block.profile.profile for block in keeper.blocks.values()} == {"plugin/bench-scale"}
        assert agent.device("scale")["rejected"] == {"shape": 1}
        assert agent.stop() == 0


def test_the_page_shows_the_example_as_it_is_and_it_has_fifty_lines() -> None:
    text = (EXAMPLE / "harkara_scale.py").read_text()
    page = PAGE.read_text()
    assert text in page
    assert (EXAMPLE / "pyproject.toml").read_text() in page
    assert len(text.splitlines()) <= 50


def load(folder: Path, devices: str) -> Any:
    file = folder / "agent.toml"
    file.write_text(f'agent = "abc"\n[broker]\nhost = "h"\n{devices}')
    return configuration.load(file)


def test_settings_are_the_plug_ins_own(tmp_path: Path, beside: Path) -> None:
    config = load(tmp_path, device("scale", 'host = "h"\nsilence_s = 3'))
    assert config.profiles["scale"].profile == "plugin/bench-scale"
    for settings, words in (("", "missing 1 required"), ('host = "h"\nbaud = 3', "unexpected keyword argument 'baud'")):
        with pytest.raises(ConfigError, match=words) as caught:
            load(tmp_path, device("scale", settings))
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ConfigError, match=r"there are: bench-scale.*did you mean `bench-scale`"):
        load(tmp_path, device("scale", "", "bench-scal"))


def test_without_such_a_device_nothing_of_others_is_loaded(beside: Path) -> None:
    code = "import sys, edge_agent.agent, edge_agent.config; print('harkara_scale' in sys.modules)"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(beside), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_library\n", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit('not today')\n", "cannot be loaded: SystemExit: not today"),
        ("class Driver:\n    pass\n", "no attribute 'Settings'"),
        ("class Other:\n    pass\n", "no attribute 'Driver'"),
    ],
)
def test_a_plug_in_that_cannot_be_loaded_is_a_line_of_the_configuration(
    tmp_path: Path, broken: Callable[[str], None], text: str, words: str
) -> None:
    broken(text)
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        load(tmp_path, device("x", "", "broken"))
    assert len(str(caught.value).splitlines()) == 1


_DRIVER: Final = """
class Driver:
    Settings = dict
    def __init__(self, settings, clock): {init}
    async def open(self): {open}
    async def read(self): {read}
    async def close(self): {close}
    def notes(self): {notes}
"""
_QUIET: Final = {"init": "pass", "open": "pass", "read": "return []", "close": "return []", "notes": "return {}"}


@pytest.mark.parametrize(
    ("where", "code", "words"),
    [
        ("init", "1 / 0", r"plug-in broken: ZeroDivisionError: division by zero at broken_driver\.py:4"),
        ("open", "raise RuntimeError('two\\nlines')", r"RuntimeError: two lines at broken_driver\.py:5"),
        ("read", "raise SystemExit(3)", r"SystemExit: 3 at broken_driver\.py:6"),
        ("read", "return None", r"TypeError: 'NoneType' object is not iterable"),
    ],
)
def test_whatever_it_raises_is_a_line_that_is_down(
    broken: Callable[[str], None], where: str, code: str, words: str
) -> None:
    broken(_DRIVER.format(**{**_QUIET, where: code}))

    async def run() -> None:
        driver = PluginDriver("broken", {}, SystemClock())
        try:
            await driver.open()
            await driver.read()
        finally:
            assert await driver.close() == []

    with pytest.raises(LinkDown, match=words) as caught:
        asyncio.run(run())
    assert len(str(caught.value).splitlines()) == 1


def test_closing_and_counting_never_raise(broken: Callable[[str], None]) -> None:
    broken(_DRIVER.format(**{**_QUIET, "close": "1 / 0", "notes": "1 / 0"}))

    async def run() -> None:
        driver = PluginDriver("broken", {}, SystemClock())
        await driver.open()
        assert driver.notes() == {"notes_failed": 1}
        assert await driver.close() == []

    asyncio.run(run())


def test_what_no_block_could_hold_is_a_reject_and_the_rest_goes_on(broken: Callable[[str], None]) -> None:
    read = "return [Sample(None, 1, (Number('t', 'Cel', value),)) for value in (1.5, 3)]"
    broken("from edge_agent.plugin import Number, Sample\n" + _DRIVER.format(**{**_QUIET, "read": read}))

    async def run() -> list[Any]:
        driver = PluginDriver("broken", {}, SystemClock())
        await driver.open()
        return list(await driver.read())

    good, bad = asyncio.run(run())
    assert isinstance(good, Sample)
    assert isinstance(bad, FrameRejected)
    assert bad.detail == "plug-in broken gave no finite number for t"


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (Number("t", "Cel", Scaled(215, -1)), ""),
        (Number("t", "Cel", None, Flag.MISSING, "no_sensor"), ""),
        (Number("t", "Cel", None, Flag.MISSING, "because"), "no reason why t is missing"),
        (Number("", "Cel", 1.0), "a channel without a proper name"),
        (Number("t" * 65, "Cel", 1.0), "a channel without a proper name"),
        (Number("t", "°C", 1.0), "no UCUM unit for t"),
        (Number("t", "deg C", 1.0), "no UCUM unit for t"),
        (Number("t", "Cel", float("nan")), "no finite number for t"),
        (Number("t", "Cel", Scaled(2**63, 0)), "no number for t"),
        (Number("t", "Cel", Scaled(1, 31)), "no number for t"),
        (("t", "Cel", 1.0), "a tuple where a Number belongs"),
    ],
)
def test_every_number_is_looked_at(number: Any, fault: str) -> None:
    assert fault_of(Sample(None, 1, (number,))).startswith(fault)
    assert bool(fault_of(Sample(None, 1, (number,)))) == bool(fault)


@pytest.mark.parametrize(
    "sample",
    [
        3,
        Sample(None, -1, ()),
        Sample(2**63, 1, ()),
        Sample(None, 1, (Number("t", "", 1.0), Number("t", "", 2.0))),
        Sample(None, 1, tuple(Number(f"c{at}", "", 1.0) for at in range(257))),
    ],
)
def test_every_sample_is_looked_at(sample: Any) -> None:
    assert fault_of(sample)
