"""Journey J10 in the browser: the operator suspends a space and opens it again."""

from __future__ import annotations

import re
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
    page.get_by_test_id("space-horizon").locator("th a").click()
    page.fill("form[action$='/suspend/'] [name=reason]", "ticket 12")
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


@pytest.mark.parametrize(("language", "revenue"), [("fr", "Revenus"), ("en", "Revenue")])
def test_revenue_plans_and_late_payments(
    tab: Callable[..., Tab], language: str, revenue: str
) -> None:
    ada = tab("tremplin.localhost", language=language)
    ada.enter("ada@tremplin.example")
    ada.speak(language)
    page = ada.open("/platform/revenue/")
    expect(page.locator("h1")).to_have_text(revenue)
    # École 390, Pro at the reseller's cost 142.50, Entreprise 890; customers pay 190 for Pro.
    # Whole euros but for the reseller's client at cost (142.50), whatever other visitors bought.
    expect(page.get_by_test_id("month-2026-11")).to_contain_text(re.compile(r"\d[.,]50\b"))
    expect(page.get_by_test_id("mrr-chart").locator("table")).to_have_count(1)
    page.get_by_test_id("measure-retail").click()
    expect(page.get_by_test_id("month-2026-11")).not_to_contain_text(re.compile(r"\d[.,]50\b"))
    page = ada.open("/platform/plans/")
    page.get_by_test_id("plan-ecole").locator("a").click()
    page.get_by_test_id("version-1").locator("a").click()
    # It was sold: no form changes what it gives, its price can be replaced.
    expect(page.get_by_test_id("content-form")).to_have_count(0)
    expect(page.get_by_test_id("price-row")).to_have_count(2)
    ada.expected.add(422)
    page = ada.open("/platform/payments/")
    page.locator("[data-testid^=owed-] a").first.click()
    page.fill("[name=amount]", "1")
    page.fill("[name=reference]", "VIR 1")
    page.fill("[name=reason]", "ticket 12")
    page.get_by_test_id("mark-paid").click()
    expect(page.locator("[aria-invalid=true]").first).to_be_visible()
    expect(page.get_by_test_id("owed")).to_contain_text("068")
    ada.assert_clean()
