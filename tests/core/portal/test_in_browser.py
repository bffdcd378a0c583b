"""The style guide in a real browser: accessibility, phone width, drawer, dialog, menu, no script.

Pages are rendered here and served to the browser without a network or a database, under the strict
content security policy of the product.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import brotli
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils import translation
from playwright.sync_api import Browser, Page, Playwright, Route, expect

pytestmark = pytest.mark.browser

CANDIDATES = (os.environ.get("CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; object-src 'none'; base-uri 'self'"
)
ORIGIN = "http://styleguide.localhost"
DESKTOP, PHONE = (1440, 960), (390, 844)
TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "woff2": "font/woff2"}


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """The system's Chromium; Playwright ships none."""
    path = next((found for name in CANDIDATES if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium found: install the package chromium or set CHROMIUM")
    browser = playwright.chromium.launch(
        executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    )
    yield browser
    browser.close()


def _item(label: str, icon: str, **more: object) -> SimpleNamespace:
    return SimpleNamespace(
        label=label, url="#", icon=icon, **{"badge": "", "current": False, "testid": "", **more}
    )


def shell(language: str, scheme: str) -> SimpleNamespace:
    """A space with a sidebar, as the context processor gives it."""
    items = [
        _item("Tableau de bord", "layout-dashboard", current=True, testid="nav-home"),
        _item("Communauté", "users", badge="12"),
    ]
    return SimpleNamespace(
        space=SimpleNamespace(name="Campus Atlas", logo_url="", home_url="/"),
        css=SimpleNamespace(pack="vega", theme_url=""),
        sections=[SimpleNamespace(label="Espace", items=items)],
        person=SimpleNamespace(
            name="Maud Leroy", initials="ML", role="Responsable", profile_url="#"
        ),
        languages=[
            SimpleNamespace(code=code, label=label, current=code == language)
            for code, label in (("fr", "Français"), ("en", "English"))
        ],
        scheme=scheme,
        notifications=SimpleNamespace(url="#", count=3),
        search_url="/search/",
    )


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Open]:
    """Open a template; the page must end without a console error or a refused resource."""
    contexts, complaints = [], []

    def opener(
        template: str = "portal/pages/styleguide.html",
        *,
        size: tuple[int, int] = DESKTOP,
        language: str = "fr",
        scheme: str = "light",
        scripts: bool = True,
    ) -> Page:
        with translation.override(language):
            values = {
                "shell": shell(language, scheme),
                "request": RequestFactory().get("/"),
                "csrf_token": "t",
            }
            body = render_to_string(template, values)
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, java_script_enabled=scripts
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))

        def answer(route: Route) -> None:
            path = urlsplit(route.request.url).path
            if path == "/":
                route.fulfill(
                    body=body,
                    content_type="text/html; charset=utf-8",
                    headers={"Content-Security-Policy": POLICY},
                )
                return
            found = finders.find(path.removeprefix("/static/"))
            if found is None:
                complaints.append(f"not found: {path}")
                route.fulfill(status=404)
            else:
                route.fulfill(path=found, content_type=TYPES[path.rsplit(".", 1)[-1]])

        page.route("**/*", answer)
        page.goto(f"{ORIGIN}/")
        return page

    yield opener
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_style_guide_is_accessible_and_never_scrolls_sideways(
    open_page: Open, language: str, scheme: str, size: tuple[int, int]
) -> None:
    page = open_page(size=size, language=language, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert page.evaluate("document.documentElement.lang") == language
    violations = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in violations] == []


@pytest.mark.parametrize(
    "name", ["400", "403", "404", "500", "503", "csrf", "suspended", "activate_module"]
)
def test_error_pages_are_accessible(open_page: Open, name: str) -> None:
    page = open_page(f"portal/errors/{name}.html", size=PHONE)
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []


def test_first_page_fits_its_budget(open_page: Open) -> None:
    page = open_page()
    page.wait_for_load_state("networkidle")
    paths = page.evaluate(
        "performance.getEntriesByType('resource').map((e) => new URL(e.name).pathname)"
    )
    weights = {}
    for path in paths:
        data = Path(finders.find(path.removeprefix("/static/"))).read_bytes()
        weights[path] = len(data) if path.endswith(".woff2") else len(brotli.compress(data))
    weights["/"] = len(brotli.compress(page.content().encode()))
    assert sorted(path for path in weights if path.endswith(".woff2")) == [
        "/static/portal/fonts/bricolage-grotesque-latin-wght-normal.woff2",
        "/static/portal/fonts/inter-latin-wght-normal.woff2",
    ]
    # The budget of the design: 150 KiB compressed, fonts included; no page is heavier than this one.
    assert sum(weights.values()) <= 150 * 1024, weights


def test_geometry_of_the_shell(open_page: Open) -> None:
    page = open_page()
    boxes = {
        name: page.locator(selector).first.bounding_box()
        for name, selector in {
            "sidebar": ".shell-sidebar", "bar": ".shell-bar", "search": ".shell-search",
            "item": ".nav-item", "kpi": ".kpi", "bell": "[data-testid=notifications]", "head": ".page-title",
        }.items()
    }  # fmt: skip
    assert (boxes["sidebar"]["width"], boxes["sidebar"]["height"]) == (256, 960)
    assert (boxes["bar"]["height"], boxes["search"]["width"], boxes["search"]["height"]) == (
        61,
        382,
        36,
    )
    assert (boxes["item"]["height"], boxes["bell"]["width"]) == (32, 36)
    assert (boxes["kpi"]["width"], boxes["kpi"]["height"]) == (272, 140)
    assert (boxes["head"]["x"], boxes["head"]["height"]) == (280, 36)


def test_first_tab_stop_skips_to_the_content(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    expect(page.locator(".skip-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_drawer_keeps_focus_and_gives_it_back(open_page: Open) -> None:
    page = open_page(size=PHONE)
    sidebar, opener = page.locator("#shell-sidebar"), page.get_by_test_id("menu-open")
    expect(sidebar).to_be_hidden()
    opener.click()
    expect(sidebar).to_be_visible()
    expect(opener).to_have_attribute("aria-expanded", "true")
    assert round(sidebar.bounding_box()["width"]) == 288
    assert page.evaluate("document.getElementById('shell-main').inert") is True
    inside = []
    for _press in range(12):
        page.keyboard.press("Tab")
        inside.append(
            page.evaluate(
                "document.activeElement === document.body || !document.activeElement.closest('#shell-main')"
            )
        )
    assert inside == [True] * 12
    page.keyboard.press("Escape")
    expect(sidebar).to_be_hidden()
    expect(opener).to_be_focused()
    assert page.evaluate("document.getElementById('shell-main').inert") is False


def test_touch_targets_are_forty_pixels_high(open_page: Open) -> None:
    page = open_page(size=PHONE)
    small = page.evaluate(
        """() => [...document.querySelectorAll('.btn, .nav-item, summary, select, .file-field input,'
          + 'input[type=text], input[type=email], input[type=search], input[type=date], .footer-link')]
          .filter((e) => e.checkVisibility({visibilityProperty: true}) && e.getBoundingClientRect().height < 40)
          .map((e) => e.outerHTML.slice(0, 90))"""
    )
    assert small == []


def test_dialog_opens_closes_and_returns_focus(open_page: Open) -> None:
    page = open_page()
    opener, dialog = page.get_by_test_id("dialog-open"), page.locator("#sg-dialog")
    opener.click()
    expect(dialog).to_be_visible()
    assert [one["id"] for one in Axe().run(page).response["violations"]] == []
    dialog.locator("[data-dialog-close]").first.click()
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    opener.press("Enter")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_menu_works_with_the_keyboard(open_page: Open) -> None:
    page = open_page()
    menu = page.locator("details.menu").first
    menu.locator("summary").press("Enter")
    expect(menu.locator(".menu-panel")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(menu.locator(".menu-panel a").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(menu.locator(".menu-panel button")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu.locator(".menu-panel")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()


def test_colour_text_and_picker_stay_in_step(open_page: Open) -> None:
    page = open_page()
    page.locator("#sg-colour").fill("#0F766E")
    expect(page.locator(".colour-field input[type=color]")).to_have_value("#0f766e")
    page.locator("#sg-colour").fill("#0f76")
    expect(page.locator(".colour-field input[type=color]")).to_have_value("#0f766e")
    page.locator(".colour-field input[type=color]").fill("#b45309")
    expect(page.locator("#sg-colour")).to_have_value("#b45309")


def test_chosen_file_is_named(open_page: Open) -> None:
    page = open_page()
    page.locator("#sg-file").set_input_files(
        files=[{"name": "logo.png", "mimeType": "image/png", "buffer": b"x"}]
    )
    expect(
        page.locator(".file-field", has=page.locator("#sg-file")).locator(".file-name")
    ).to_have_text("logo.png")


def test_navigation_is_there_without_scripts(open_page: Open) -> None:
    page = open_page(size=PHONE, scripts=False)
    expect(page.get_by_test_id("nav-home")).to_be_visible()
    expect(page.get_by_test_id("menu-open")).to_be_hidden()
    expect(page.locator("progress").first).to_be_visible()


def test_automatic_scheme_follows_the_device(open_page: Open) -> None:
    page = open_page(scheme="auto")
    expect(page.locator("html")).to_have_class("js")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_class("js dark")


def test_reduced_motion_stops_animation(open_page: Open) -> None:
    page = open_page()
    page.emulate_media(reduced_motion="reduce")
    spinner = page.locator(".spinner .icon").first
    assert spinner.evaluate("(e) => getComputedStyle(e).animationIterationCount") == "1"


def test_paper_is_light_and_without_navigation(open_page: Open) -> None:
    page = open_page(scheme="dark")
    page.emulate_media(media="print")
    colours = page.evaluate(
        "[document.body, document.querySelector('.kpi')].map((e) => getComputedStyle(e).backgroundColor)"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(255, 255, 255)"]
    for selector in (".shell-sidebar", ".shell-bar", ".btn"):
        expect(page.locator(selector).first).to_be_hidden()
