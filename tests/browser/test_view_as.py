"""Journeys J2.5 and J10 in the browser: a reseller, then the operator, view a space from inside."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Tab
from tests.support.page_rules import Visit, check_page

pytestmark = [pytest.mark.browser, pytest.mark.journey]
CLIENT = "horizon.localhost"
REASON = "ticket 12"
LEFT = re.compile(r"^(29:\d\d|30:00)$")
SAYS = {
    "fr": "Julien Caron (Passerelle Conseil) voit cet espace comme Grace Okafor.",
    "en": "Julien Caron (Passerelle Conseil) sees this space as Grace Okafor.",
}
EVENT = {"fr": "Visite de l’assistance commencée", "en": "Visit of support started"}


def seconds(page: Page) -> int:
    minutes, rest = page.get_by_test_id("support-left").inner_text().split(":")
    return 60 * int(minutes) + int(rest)


def start(tab: Tab, language: str) -> Page:
    """Start the visit of the reseller's client and return its first page."""
    tab.enter("julien@passerelle.example")
    tab.speak(language)
    page = tab.open("/reseller/")
    page.get_by_test_id("client-horizon").get_by_role("link").click()
    page.get_by_test_id("view-as-horizon").click()
    page.wait_for_url("**/view-as/")
    check_page(tab, Visit(language, "view as", walk=True))
    page.fill("[name=reason]", REASON)
    page.get_by_test_id("view-as-start").click()
    page.wait_for_url(f"**//{CLIENT}:*/console/")
    return page


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_reseller_views_its_client(tab: Callable[..., Tab], language: str) -> None:
    julien = tab("passerelle.localhost", language=language)
    julien.expected |= {403, 404}
    page = start(julien, language)
    inside = Tab(page, julien.stack, CLIENT)
    inside.speak(language)
    banner = page.get_by_test_id("support-banner")
    expect(banner).to_contain_text(SAYS[language])
    expect(page.get_by_test_id("support-left")).to_have_text(LEFT)
    before = seconds(page)
    page.wait_for_timeout(2_100)
    assert before - seconds(page) in {2, 3}
    check_page(inside, Visit(language, "console in a visit", walk=True))
    for path in ("/app/", "/console/people/", "/legal/terms/"):
        if path == "/legal/terms/":
            inside.open(path, expect=404)
        else:
            inside.open(path)
        expect(banner).to_be_visible()
    for path in ("/console/privacy/", "/accounts/2fa/", "/app/my-data/", "/console/export/"):
        inside.open(path, expect=403)
        expect(page.get_by_test_id("support-closed")).to_be_visible()
        expect(banner).to_be_visible()
    log = inside.open("/console/security/?kind=security.support_started")
    expect(log.get_by_test_id("security-event").first).to_contain_text(EVENT[language])
    page.get_by_test_id("support-stop").click()
    page.wait_for_url("**//passerelle.localhost:*/reseller/")
    log = julien.open("/console/security/?kind=security.support_ended")
    expect(log.get_by_test_id("security-event").first).to_be_visible()
    inside.page.goto(inside.stack.url(CLIENT, "/console/"))
    assert "/accounts/login/" in page.url
    julien.assert_clean()


def test_the_space_ends_a_visit(tab: Callable[..., Tab]) -> None:
    visitor = tab("passerelle.localhost", language="en", phone=True)
    page = start(visitor, "en")
    visitor.assert_clean()
    grace = tab(CLIENT, language="en")
    grace.sign_in("grace@horizon.example")
    grace.speak("en")
    support = grace.open("/console/security/support/")
    running = support.get_by_test_id("support-visit")
    expect(running).to_have_count(1)
    expect(running).to_contain_text("Julien Caron")
    expect(running).to_contain_text(REASON)
    check_page(grace, Visit("en", "support access", walk=True))
    support.get_by_test_id("support-end").click()
    expect(support.get_by_test_id("support-visit")).to_have_count(0)
    page.goto(visitor.stack.url(CLIENT, "/console/people/"))
    expect(page.get_by_test_id("support-over")).to_have_text("The visit was closed.")
    page.get_by_test_id("support-back").click()
    page.wait_for_url("**//passerelle.localhost:*/reseller/")
    grace.assert_clean()


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_operator_needs_the_consent_of_the_space(
    tab: Callable[..., Tab], language: str
) -> None:
    """MécaFormation made its space alone: the switch is off until its owner turns it on."""
    ada = tab("tremplin.localhost", language=language)
    ada.enter("ada@tremplin.example")
    ada.speak(language)
    page = ada.open("/platform/")
    page.get_by_test_id("space-mecaformation").locator("th a").click()
    page.get_by_test_id("space-view-as").click()
    expect(page.get_by_test_id("view-as-start")).to_have_count(0)
    nadia = tab("mecaformation.localhost", language=language)
    nadia.enter("nadia@mecaformation.example")
    nadia.open("/console/security/support/").get_by_test_id("support-on").click()
    try:
        page.reload()
        page.fill("[name=reason]", REASON)
        page.get_by_test_id("view-as-start").click()
        page.wait_for_url("**//mecaformation.localhost:*/console/")
        expect(page.get_by_test_id("support-banner")).to_contain_text("Ada Verdier")
    finally:
        nadia.page.get_by_test_id("support-off").click()
        expect(nadia.page.get_by_test_id("support-on")).to_be_visible()
    page.goto(ada.stack.url("mecaformation.localhost", "/console/"))
    expect(page.get_by_test_id("support-over")).to_be_visible()
    page.get_by_test_id("support-back").click()
    page.wait_for_url("**//tremplin.localhost:*/platform/spaces/**")
    ada.assert_clean()
