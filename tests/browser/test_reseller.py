"""Journey J2 in the browser: a reseller brands its clients, makes one, prices and counts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tenants.branding import tokens
from tests.support.browser import Tab
from tests.support.page_rules import Visit, check_page

pytestmark = [pytest.mark.browser, pytest.mark.journey]
JULIEN, GRACE = "julien@passerelle.example", "grace@horizon.example"
HOME, CLIENT = "passerelle.localhost", "horizon.localhost"
ACCENT = "#1d4ed8"
DIRECTION = "une longue phrase de rentree 7"
AMOUNTS = {
    "fr": {"mrr": "190,00 EUR", "margin": "47,50 EUR", "percent": "25 %", "quiz": "21,00 EUR"},
    "en": {"mrr": "EUR 190.00", "margin": "EUR 47.50", "percent": "25%", "quiz": "EUR 21.00"},
}
CLONE = {"fr": "Clone de Horizon Code School (sans personne)",
         "en": "Clone of Horizon Code School (no people)"}  # fmt: skip
EVENT = {"fr": "Visite de l’assistance commencée", "en": "Visit of support started"}
both = pytest.mark.parametrize("language", ["fr", "en"])
MakeTab = Callable[..., Tab]


def plain(text: str) -> str:
    """Return ``text`` with ordinary spaces only."""
    return re.sub(r"\s+", " ", text).strip()


def reads(page: Page, testid: str, *parts: str) -> None:
    """Expect an element to hold each part, whatever kind of space it uses."""
    place = page.get_by_test_id(testid).first
    expect(place).to_be_visible()
    text = plain(place.inner_text())
    for part in parts:
        assert part in text, f"{testid}: {part!r} not in {text!r}"


def enter(tab: MakeTab, host: str, email: str, language: str) -> Tab:
    found = tab(host, language=language)
    found.enter(email)
    found.speak(language)
    return found


def highlight(page: Page) -> str:
    value: str = page.evaluate(
        "getComputedStyle(document.documentElement).getPropertyValue('--highlight')"
    )
    return value.strip()


@both
def test_the_list_and_the_statement_agree(tab: MakeTab, language: str, tmp_path: Path) -> None:
    julien = enter(tab, HOME, JULIEN, language)
    said = AMOUNTS[language]
    page = julien.open("/reseller/")
    reads(page, "client-horizon", "Horizon Code School", "Pro", "18/50")
    reads(page, "client-horizon", said["mrr"], said["margin"], said["percent"])
    for absent in ("MécaFormation", "Voltéo"):
        expect(page.get_by_test_id("clients")).not_to_contain_text(absent)
    check_page(julien, Visit(language, "clients", walk=True))
    page.get_by_test_id("client-horizon").get_by_role("link").click()
    reads(page, "client-plan", "Pro")
    check_page(julien, Visit(language, "client", walk=True))
    page = julien.open("/reseller/statement/?month=2026-11")
    reads(page, "statement-margin", said["margin"])
    reads(page, "statement-row", "Horizon Code School", said["margin"])
    check_page(julien, Visit(language, "statement", walk=True))
    with page.expect_download() as download:
        page.get_by_test_id("statement-csv").click()
    kept = tmp_path / "statement.csv"
    download.value.save_as(kept)
    lines = [line for line in kept.read_text("utf-8-sig").splitlines() if "Horizon" in line]
    assert len(lines) == 1
    assert ("47,50" if language == "fr" else "47.50") in lines[0]
    julien.assert_clean()


@both
def test_a_preset_reaches_the_clients(tab: MakeTab, language: str) -> None:
    julien = enter(tab, HOME, JULIEN, language)
    page = julien.open("/reseller/brand/")
    first = page.get_by_test_id("preset-versions").locator("li").count()
    check_page(julien, Visit(language, "brand preset", walk=True))
    page.get_by_test_id("preset-accent").fill(ACCENT)
    page.get_by_test_id("preset-lock-legal_footer").check()
    page.get_by_test_id("preset-publish").click()
    expect(page.get_by_test_id("preset-versions").locator("li")).to_have_count(first + 1)
    try:
        page.wait_for_timeout(2_500)
        visitor = tab(CLIENT, language=language)
        wanted = tokens.palette(tokens.Brand("#0f766e", ACCENT), dark=False)["highlight"]
        assert highlight(visitor.open("/accounts/login/")) == wanted
        grace = enter(tab, CLIENT, GRACE, language)
        inside = grace.open("/console/branding/")
        expect(inside.get_by_test_id("lock-legal_footer")).to_contain_text("Passerelle Conseil")
        expect(inside.get_by_test_id("brand-legal-footer")).to_be_disabled()
        expect(inside.get_by_test_id("brand-accent")).to_have_value(ACCENT)
        expect(inside.get_by_test_id("lock-accent")).to_have_count(0)
        expect(inside.locator("footer")).to_contain_text("Passerelle Conseil SARL")
        check_page(grace, Visit(language, "branding of a client"))
        by_hand = inside.evaluate(
            """async () => {
              const form = document.querySelector('[action$="/branding/texts/"]');
              const body = new FormData(form);
              body.set('legal_footer', 'By hand');
              return (await fetch(form.action, {method: 'POST', body})).status;
            }"""
        )
        assert by_hand == 422
        grace.problems.clear()
        expect(grace.open("/console/branding/").locator("footer")).not_to_contain_text("By hand")
    finally:
        page.get_by_test_id("preset-versions").get_by_role("button").last.click()
        expect(page.get_by_test_id("preset-accent")).to_have_value("#9a3412")
    julien.assert_clean()


@both
def test_a_client_is_launched(tab: MakeTab, language: str) -> None:
    slug = f"campus-atlas-{language}"
    julien = enter(tab, HOME, JULIEN, language)
    page = julien.open("/reseller/")
    page.get_by_test_id("new-client").click()
    check_page(julien, Visit(language, "new client", walk=True))
    page.fill("[name=name]", "Campus Atlas")
    expect(page.locator("[name=slug]")).to_have_value(re.compile("^campus-atlas"))
    page.fill("[name=slug]", slug)
    page.fill("[name=email]", "direction@atlas.example")
    page.select_option("[name=locale]", language)
    page.select_option("[name=plan]", "starter")
    page.select_option("[name=template]", label=CLONE[language])
    begin = time.monotonic()
    page.get_by_test_id("client-create").click()
    page.wait_for_url(re.compile(r"/reseller/clients/[0-9a-f-]{36}/$"), timeout=60_000)
    seconds = time.monotonic() - begin
    assert seconds < 60, f"ready after {seconds:.1f} s"
    reads(page, "client-plan", "Starter")
    reads(page, "client-modules", "Quiz")
    atlas = tab(f"{slug}.localhost", language=language)
    door = atlas.open("/accounts/login/")
    wanted = tokens.palette(tokens.Brand("#0f766e", "#9a3412"), dark=False)
    assert highlight(door) == wanted["highlight"]
    _accept(atlas, door)
    prices = _price_a_module(julien, atlas, language)
    assert AMOUNTS[language]["quiz"] in prices
    people = atlas.open("/console/people/")
    expect(people.locator("main")).to_contain_text("direction@atlas.example")
    expect(people.locator("main")).not_to_contain_text("Sofia")
    julien.assert_clean()
    atlas.assert_clean()


def _accept(atlas: Tab, page: Page) -> None:
    """Open the invitation that the reseller's address sent, and choose a password."""
    for _ in range(20):
        atlas.open("/_demo/outbox")
        if page.get_by_test_id("outbox-mail").count():
            break
        page.wait_for_timeout(500)
    page.get_by_test_id("outbox-mail").first.click()
    expect(page.locator("main")).to_contain_text("bonjour@passerelle.example")
    page.get_by_test_id("mail-link").first.click()
    page.fill("[name=first_name]", "Maya")
    page.fill("[name=last_name]", "Atlan")
    page.fill("[name=password]", DIRECTION)
    page.get_by_test_id("invitation-accept").click()
    page.wait_for_url(re.compile(r"/(app|console)/"))


def _price_a_module(julien: Tab, atlas: Tab, language: str) -> str:
    """Refuse a price outside the range, set one inside, hide and show the module; return the page."""
    page = julien.open("/reseller/catalogue/")
    check_page(julien, Visit(language, "catalogue", walk=True))
    row = page.get_by_test_id("price-quiz-month")
    julien.expected.add(422)
    row.get_by_test_id("price-amount").fill("27")
    row.get_by_test_id("price-save").click()
    reads(page, "price-error", *(("15,00", "25,00") if language == "fr" else ("15.00", "25.00")))
    row.get_by_test_id("price-amount").fill("21")
    row.get_by_test_id("price-save").click()
    expect(page.get_by_test_id("price-error")).to_have_count(0)
    page.get_by_test_id("hide-quiz").click()
    expect(page.get_by_test_id("hidden-quiz")).to_be_visible()
    page.get_by_test_id("show-quiz").click()
    expect(page.get_by_test_id("hidden-quiz")).to_have_count(0)
    shown = atlas.open("/console/modules/quiz/")
    return plain(shown.locator("main").inner_text())


@both
def test_a_visit_is_told_to_both_spaces(tab: MakeTab, language: str) -> None:
    julien = enter(tab, HOME, JULIEN, language)
    julien.expected |= {403}
    page = julien.open("/reseller/")
    page.get_by_test_id("client-horizon").get_by_role("link").click()
    page.get_by_test_id("view-as-horizon").click()
    page.wait_for_url("**/view-as/")
    page.get_by_test_id("view-as-start").click()
    assert "/view-as/" in page.url  # without a reason no visit begins
    page.fill("[name=reason]", "ticket 12")
    page.get_by_test_id("view-as-start").click()
    page.wait_for_url(f"**//{CLIENT}:*/console/")
    inside = Tab(page, julien.stack, CLIENT)
    inside.speak(language)
    banner = page.get_by_test_id("support-banner")
    expect(banner).to_contain_text("Passerelle Conseil")
    expect(page.get_by_test_id("support-left")).to_have_text(re.compile(r"^(29:\d\d|30:00)$"))
    inside.open("/console/privacy/", expect=403)
    events = inside.open("/console/security/?kind=security.support_started")
    expect(events.get_by_test_id("security-event").first).to_contain_text(EVENT[language])
    page.get_by_test_id("support-stop").click()
    page.wait_for_url(f"**//{HOME}:*/reseller/")
    events = julien.open("/console/security/?kind=security.support_started")
    expect(events.get_by_test_id("security-event").first).to_contain_text(EVENT[language])
    julien.assert_clean()


def test_what_belongs_to_others_does_not_exist(tab: MakeTab) -> None:
    julien = enter(tab, HOME, JULIEN, "fr")
    page = julien.open("/reseller/?q=meca")
    assert page.get_by_test_id("client-mecaformation").count() == 0
    for path in ("/reseller/health/", "/reseller/statement/", "/reseller/invoices/"):
        expect(julien.open(path).locator("main")).not_to_contain_text("MécaFormation")
    page.goto(julien.stack.url("mecaformation.localhost", "/console/"))
    assert "/accounts/login/" in page.url
    nadia = enter(tab, "mecaformation.localhost", "nadia@mecaformation.example", "fr")
    for path in ("/reseller/", "/reseller/brand/", "/reseller/clients/new/"):
        nadia.open(path, expect=404)
