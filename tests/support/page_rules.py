"""What every page owes to everybody: WCAG 2.2 AA by axe, reflow, focus, titles, landmarks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page, ViewportSize
from playwright.sync_api import TimeoutError as SlowPage

from tests.support.browser import PHONE, Tab

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
# 400 % zoom of a window of 1280 pixels (WCAG 2.2, 1.4.10).
ZOOMED: ViewportSize = {"width": 320, "height": 256}
RUN = """async (only) => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const options = only
    ? {runOnly: {type: 'rule', values: only}}
    : {runOnly: {type: 'tag', values: tags}, rules: {'target-size': {enabled: true}}};
  const found = await axe.run(document, {...options, resultTypes: ['violations']});
  return found.violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.html.slice(0, 200)}`));
}"""
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
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
FOCUSED = """async () => {
  // Reduced motion still leaves one frame between the focus and its look.
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const box = element.getClientRects()[0] || element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const ringed = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const name = element.outerHTML.slice(0, 160);
  const inside = box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
  const x = Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1);
  const y = Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  const free = !!top && (top.contains(element) || element.contains(top));
  if (!element.dataset.walked) element.dataset.walked = '1'; else return {again: true};
  return {name, ringed: ringed || style.boxShadow !== 'none', inside, free};
}"""
MAX_STOPS = 90


@dataclass(frozen=True)
class Visit:
    """How a page is looked at: the language it must be in, its name in messages, how closely."""

    language: str
    name: str
    walk: bool = False
    closely: bool = True
    # Error pages of visitors have no live region to speak of.
    live: bool = True


def check_page(tab: Tab, visit: Visit) -> str:
    """Check the page that ``tab`` shows; leave it as it was and return its title."""
    page, viewport = tab.page, tab.page.viewport_size
    assert viewport is not None
    _settle(page)
    where = f"{visit.name} ({page.url})"
    if visit.walk:
        _walk(page, where)
    facts = page.evaluate(FACTS)
    assert facts["lang"] == visit.language, where
    assert facts["title"].strip(), where
    assert facts["h1"] == 1, where
    assert (facts["first"], facts["skip"]) == ("skip-link", "MAIN"), where
    assert facts["help"] == 1, where
    assert facts["live"] == "polite" or not visit.live, where
    assert facts["moving"] == [], where
    assert facts["bare_charts"] == 0, where
    page.evaluate(AXE)
    assert page.evaluate(RUN, None) == [], where
    if visit.closely:
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(RUN, COLOUR_RULES) == [], f"{where} dark"
        _at(page, PHONE, where)
        assert page.evaluate(RUN, None) == [], f"{where} dark, phone"
        page.emulate_media(color_scheme="light")
        assert page.evaluate(RUN, COLOUR_RULES) == [], f"{where} phone"
    _at(page, ZOOMED, where)
    _at(page, viewport, where)
    assert tab.problems == [], where
    return str(facts["title"])


def _settle(page: Page) -> None:
    """Wait for the fragments that the page loads by itself."""
    page.wait_for_function(
        "() => !document.querySelector('[hx-trigger=load] .spinner, .kpi[hx-trigger=load]')"
    )


def _at(page: Page, size: ViewportSize, where: str) -> None:
    page.set_viewport_size(size)
    # Chromium lays out again a moment after it was resized.
    with contextlib.suppress(SlowPage):
        page.wait_for_function(
            "width => document.documentElement.scrollWidth === width",
            arg=size["width"],
            timeout=1_500,
        )
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == size["width"], f"{where} scrolls sideways at {size['width']} px: {width}"


def _walk(page: Page, where: str) -> None:
    """Go through a page just opened with Tab: the skip link first, then a visible focus."""
    stops: list[dict[str, Any]] = []
    for _ in range(MAX_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None or stop.get("again"):
            break
        stops.append(stop)
    assert stops, where
    assert "skip-link" in stops[0]["name"], where
    for need in ("ringed", "inside", "free"):
        assert [stop["name"] for stop in stops if not stop[need]] == [], f"{where}: not {need}"
