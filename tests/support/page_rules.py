"""What every page owes to everybody: WCAG 2.2 AA by axe, reflow, focus, titles, landmarks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page, ViewportSize
from playwright.sync_api import TimeoutError as SlowPage

from tests.support.browser import DESKTOP, PHONE, Tab

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# 400 % zoom of a window of 1280 pixels (WCAG 2.2, 1.4.10).
ZOOMED: ViewportSize = {"width": 320, "height": 256}
RUN = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const found = await axe.run(document, {
    runOnly: {type: 'tag', values: tags},
    rules: {'target-size': {enabled: true}},
    resultTypes: ['violations'],
    preload: false,
  });
  return found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 200)}`));
}"""
FACTS = """() => {
  const focusable = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
  const first = document.querySelector(focusable);
  const seconds = text => Math.max(...text.split(',').map(
    part => part.trim().endsWith('ms') ? parseFloat(part) / 1000 : parseFloat(part)));
  const moving = [...document.querySelectorAll('body, body *')].filter(element => {
    const style = getComputedStyle(element);
    return Math.max(seconds(style.transitionDuration), seconds(style.animationDuration)) > 0.02;
  });
  const charts = [...document.querySelectorAll('.chart')];
  const messages = document.querySelector('#messages');
  return {
    title: document.title,
    lang: document.documentElement.lang,
    h1: [...document.querySelectorAll('h1')].map(h1 => h1.innerText.trim()).filter(Boolean).length,
    first: first ? first.className : '',
    skip: document.querySelector(first?.getAttribute('href') || '#-')?.tagName || '',
    help: document.querySelectorAll('footer [data-testid=help-link]').length,
    live: messages ? messages.getAttribute('aria-live') : '',
    moving: moving.map(element => element.outerHTML.slice(0, 120)),
    bare_charts: charts.filter(chart => !chart.querySelector('table')).length,
  };
}"""
# Chromium may show a colour between two schemes for a frame, even in a hundredth of a millisecond.
STILL = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync('* { transition: none !important; }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
}"""
WATCH = """() => {
  const stops = [];
  window.stopsOfTest = stops;
  const seen = new Set();
  // Each Tab looks at the element that it leaves: by then its page has scrolled and painted.
  document.addEventListener('keydown', () => {
    const element = document.activeElement;
    if (element === document.body || seen.has(element)) return;
    seen.add(element);
    const box = element.getClientRects()[0] || element.getBoundingClientRect();
    const style = getComputedStyle(element);
    const ringed = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
    const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
    const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
    const top = document.elementFromPoint(x, y);
    stops.push({
      name: element.outerHTML.slice(0, 160),
      ringed: ringed || style.boxShadow !== 'none',
      inside: box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight,
      free: !!top && (top.contains(element) || element.contains(top)),
    });
  }, true);
  const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const able = element => element.tabIndex >= 0 && !element.disabled && element.checkVisibility();
  return [...document.querySelectorAll(all)].filter(able).length;
}"""
PAINTED = """async () => {
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  return document.documentElement.scrollWidth;
}"""
MAX_STOPS = 60


@dataclass(frozen=True)
class Visit:
    """How a page is looked at: the language it must be in, its name in messages."""

    language: str
    name: str
    walk: bool = False
    # Error pages of visitors have no live region to speak of.
    live: bool = True


def check_page(tab: Tab, visit: Visit) -> str:
    """Check the page that ``tab`` shows; leave it as it was and return its title."""
    page, viewport = tab.page, tab.page.viewport_size
    assert viewport is not None
    _settle(page)
    where = f"{visit.name} ({page.url})"
    facts = page.evaluate(FACTS)
    page.evaluate(STILL)
    if visit.walk:
        _walk(page, where)
    assert facts["lang"] == visit.language, where
    assert facts["title"].strip(), where
    assert facts["h1"] == 1, where
    assert (facts["first"], facts["skip"]) == ("skip-link", "MAIN"), where
    assert facts["help"] == 1, where
    assert facts["live"] == "polite" or not visit.live, where
    assert facts["moving"] == [], where
    assert facts["bare_charts"] == 0, where
    page.evaluate(AXE)
    _axe(page, where)
    page.emulate_media(color_scheme="dark")
    other = DESKTOP if viewport == PHONE else PHONE
    _at(page, other, where)
    _axe(page, f"{where} dark, {other['width']} px")
    page.emulate_media(color_scheme="light")
    _at(page, ZOOMED, where)
    _at(page, viewport, where)
    assert tab.problems == [], f"{where}: {tab.problems}"
    return str(facts["title"])


def _settle(page: Page) -> None:
    """Wait for the fragments that the page loads by itself."""
    page.wait_for_function(
        "() => !document.querySelector('[hx-trigger=load] .spinner, .kpi[hx-trigger=load]')"
    )


def _axe(page: Page, where: str) -> None:
    # Where the page begins: a bar that stays at the top hides a part of what scrolled under it,
    # and half a box would be measured.
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    found = page.evaluate(RUN)
    assert found == [], f"{where}: {found}"


def _at(page: Page, size: ViewportSize, where: str) -> None:
    page.set_viewport_size(size)
    # Chromium lays out again a moment after it was resized.
    with contextlib.suppress(SlowPage):
        page.wait_for_function(
            "width => document.documentElement.scrollWidth === width",
            arg=size["width"],
            timeout=1_500,
        )
    width = page.evaluate(PAINTED)
    assert width == size["width"], f"{where} scrolls sideways at {size['width']} px: {width}"


def _walk(page: Page, where: str) -> None:
    """Go through a page just opened with Tab: the skip link first, then a visible focus."""
    for _ in range(min(page.evaluate(WATCH), MAX_STOPS) + 1):
        page.keyboard.press("Tab")
    stops: list[dict[str, Any]] = page.evaluate("window.stopsOfTest")
    assert stops, where
    assert "skip-link" in stops[0]["name"], where
    for need in ("ringed", "inside", "free"):
        failing = [stop["name"] for stop in stops if not stop[need]]
        assert failing == [], f"{where}: not {need}: {failing}"
