"""The page in a real Chromium: nothing overflows at 320 px, contrast holds, nothing is refused by its own policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.web.network import typical
from tests.web.serving import Site, served

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CONTRAST = """
() => {
  const channel = c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const ground = node => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') return rgb(color);
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
    const a = light(rgb(getComputedStyle(node).color)), b = light(ground(node));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) found.push([node.tagName, node.textContent.slice(0, 30), ratio]);
  }
  return found;
}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served(typical()) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=binary, args=ARGUMENTS)
        yield running
        running.close()


def shown(browser: Browser, site: Site, *, width: int, scheme: Any = "light") -> tuple[Any, list[str]]:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(f"http://127.0.0.1:{site.port}/?refresh=0")
    if folder := os.environ.get("HARKARA_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"page-{width}-{scheme}.png"), full_page=True)
    return page, complaints


@pytest.mark.parametrize("width", [320, 480, 768, 1280])
def test_nothing_needs_sideways_scrolling(browser: Browser, site: Site, width: int) -> None:
    page, complaints = shown(browser, site, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.evaluate(
        "[...document.querySelectorAll('td:not(.r):not(.c),th')]"
        ".filter(n => n.offsetParent && n.scrollWidth > n.clientWidth + 1).map(n => n.textContent)"
    )
    assert cut == []
    assert complaints == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_enough(browser: Browser, site: Site, scheme: str) -> None:
    page, _ = shown(browser, site, width=1280, scheme=scheme)
    assert page.evaluate(CONTRAST) == []
    page.close()


def test_a_screen_reader_finds_language_headings_and_tables(browser: Browser, site: Site) -> None:
    page, _ = shown(browser, site, width=1280)
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.get_by_role("heading", level=1).all_inner_texts() == ["Harkara"]
    assert page.get_by_role("heading", level=2).count() == 2
    assert page.get_by_role("main").count() == 1
    tables = page.get_by_role("table")
    assert tables.count() == 4
    for number in range(4):
        assert tables.nth(number).locator("caption").count() == 1
        assert tables.nth(number).get_by_role("columnheader").count() >= 5
    assert page.get_by_role("rowheader", name="air_temperature").count() == 3
    page.close()


def test_links_can_be_reached_by_keyboard(browser: Browser, site: Site) -> None:
    page, _ = shown(browser, site, width=1280)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Keep updating"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.close()
