"""Journey J10 in the browser: the operator suspends a space and opens it again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.browser import Tab

pytestmark = [pytest.mark.browser, pytest.mark.journey]
TITLES = {"fr": "suspendu", "en": "suspended"}


@pytest.mark.parametrize("language", ["fr", "en"])
def test_suspend_and_resume(tab: Callable[..., Tab], language: str) -> None:
    ada = tab("tremplin.localhost", language=language)
    ada.enter("ada@tremplin.example")
    ada.speak(language)
    page = ada.open("/platform/")
    for slug in ("mecaformation", "horizon", "volteo", "passerelle", "hq"):
        expect(page.get_by_test_id(f"space-{slug}")).to_be_visible()
    page.get_by_test_id("space-horizon").locator("a").click()
    page.fill("[name=reason]", "ticket 12")
    page.get_by_test_id("space-suspend").click()
    expect(page.get_by_test_id("space-resume")).to_be_visible()
    try:
        page.wait_for_timeout(2_500)
        visitor = tab("horizon.localhost", language=language)
        closed = visitor.open("/app/", expect=503)
        expect(closed.locator("h1")).to_contain_text(TITLES[language])
        grace = tab("horizon.localhost", language=language)
        grace.expected.add(503)
        grace.sign_in("grace@horizon.example")
        export = grace.open("/console/export/")
        export.get_by_test_id("export-ask").click()
        expect(export.get_by_test_id("export-download").first).to_be_visible(timeout=30_000)
    finally:
        page.get_by_test_id("space-resume").click()
        expect(page.get_by_test_id("space-suspend")).to_be_visible()
    page.wait_for_timeout(2_500)
    tab("horizon.localhost", language=language).open("/")
    ada.assert_clean()


def test_without_the_second_factor_the_platform_stays_closed(tab: Callable[..., Tab]) -> None:
    ada = tab("tremplin.localhost")
    page = ada.sign_in("ada@tremplin.example")
    assert "/2fa/authenticate" in page.url or "/2fa/" in page.url
    ada.page.goto(ada.stack.url("tremplin.localhost", "/platform/"))
    assert "/accounts/" in ada.page.url


@pytest.mark.parametrize("path", ["/platform/", "/django-admin/", "/start/"])
def test_operator_pages_do_not_exist_elsewhere(tab: Callable[..., Tab], path: str) -> None:
    nadia = tab("mecaformation.localhost")
    nadia.sign_in("nadia@mecaformation.example")
    nadia.open(path, expect=404)
