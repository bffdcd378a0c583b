"""A learner buys from her school: the shop opens, a service is bought, done, and given back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Tab

HOST = "mecaformation.localhost"
ADMIN, LEARNER = "nadia@mecaformation.example", "theo@mecaformation.example"
OK, DECLINED = "4242 4242 4242 4242", "4000 0000 0000 0002"
WORDS = {
    "fr": {
        "title": "Atelier d’entretien",
        "price": "24,00\u202fEUR",
        "net": "20,00\u202fEUR",
        "refused": "La banque a refusé la carte",
        "file": r"^facture-V-\d{4}-\d{6}\.pdf$",
        "given": "10,00\u202fEUR",
        "typed": "10,00",
    },
    "en": {
        "title": "Interview workshop",
        "price": "EUR\u00a024.00",
        "net": "EUR\u00a020.00",
        "refused": "The bank refused the card",
        "file": r"^invoice-V-\d{4}-\d{6}\.pdf$",
        "given": "EUR\u00a010.00",
        "typed": "10.00",
    },
}


def _price(admin: Tab, words: dict[str, str], language: str) -> None:
    """Put a service on sale at 24 EUR; a price of three decimals is refused first."""
    page = admin.open("/console/sales/entries/new/")
    page.select_option("[name=kind]", "other")
    page.fill("[name=title]", words["title"])
    page.fill("[name=price]", "24,001" if language == "fr" else "24.001")
    page.check("[name=is_on_sale]")
    admin.expected.add(422)
    page.get_by_test_id("entry-save").click()
    expect(page.locator("[name=price]")).to_have_attribute("aria-invalid", "true")
    page.fill("[name=price]", "24")
    page.get_by_test_id("entry-save").click()
    row = page.get_by_test_id("entry-row").filter(has_text=words["title"])
    expect(row).to_contain_text(words["price"])
    admin.assert_clean()


def _buy(learner: Tab, words: dict[str, str]) -> Page:
    page = learner.open("/app/")
    if not page.get_by_test_id("nav-shop").is_visible():
        page.get_by_test_id("menu-open").click()
    page.get_by_test_id("nav-shop").click()
    card = page.get_by_test_id("shop-card").filter(has_text=words["title"])
    expect(card).to_contain_text(words["price"])
    learner.assert_clean()
    card.get_by_test_id("shop-open").click()
    expect(page.get_by_test_id("entry-price")).to_have_text(words["price"])
    page.check("[name=agreed]")
    learner.assert_clean()
    page.get_by_test_id("buy").click()
    return page


def _pay(page: Page, number: str) -> None:
    expect(page.get_by_test_id("card-test")).to_contain_text("TEST")
    page.fill("[name=number]", number)
    page.get_by_test_id("card-submit").click()


@pytest.mark.browser
@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_a_learner_buys_from_her_school(
    tab: Callable[..., Tab], language: str, phone: bool
) -> None:
    words = WORDS[language]
    admin = tab(HOST, language=language)
    admin.enter(ADMIN)
    admin.speak(language)
    _price(admin, words, language)
    learner = tab(HOST, language=language, phone=phone)
    learner.enter(LEARNER)
    learner.speak(language)
    page = _buy(learner, words)
    _pay(page, DECLINED)
    expect(page.get_by_test_id("order-open")).to_contain_text(words["refused"])
    learner.assert_clean()
    # The page was left: the order waits where the service is.
    page = learner.open("/app/shop/")
    page.get_by_test_id("shop-card").filter(has_text=words["title"]).get_by_test_id(
        "shop-open"
    ).click()
    page.get_by_test_id("entry-waiting-link").click()
    page.get_by_test_id("order-resume").click()
    _pay(page, OK)
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "paid")
    expect(page.get_by_test_id("order-net")).to_have_text(words["net"])
    expect(page.get_by_test_id("order-total")).to_have_text(words["price"])
    expect(page.get_by_test_id("order-document")).to_have_count(1)
    learner.assert_clean()
    with page.expect_download() as download:
        page.get_by_test_id("document-pdf").click()
    assert re.match(words["file"], download.value.suggested_filename)
    with open(download.value.path(), "rb") as file:
        assert file.read(5) == b"%PDF-"
    order = page.url.rstrip("/").rsplit("/", 1)[1]
    _finish_and_give_back(admin, order, words)
    page = learner.open(f"/app/shop/orders/{order}/")
    expect(page.get_by_test_id("order-done")).to_be_visible()
    expect(page.get_by_test_id("order-refund")).to_have_text(words["given"])
    expect(page.get_by_test_id("order-document")).to_have_count(2)
    learner.assert_clean()


def _finish_and_give_back(admin: Tab, order: str, words: dict[str, str]) -> None:
    """Say that the service is done, and give 10 EUR back: a credit note is issued."""
    page = admin.open("/console/sales/")
    row = page.get_by_test_id("sale-row").filter(has_text=words["title"])
    expect(row).to_have_count(1)
    admin.assert_clean()
    row.get_by_role("link").click()
    assert order in page.url
    page.get_by_test_id("sale-deliver").click()
    expect(page.get_by_test_id("sale-delivered")).to_be_visible()
    page.fill("[name=amount]", words["typed"])
    page.fill("[name=reason]", "Geste commercial")
    page.get_by_test_id("refund-submit").click()
    expect(page.get_by_test_id("order-refund")).to_have_text(words["given"])
    expect(page.locator("[data-testid=sale-document][data-kind=credit_note]")).to_have_count(1)
    admin.assert_clean()


@pytest.mark.browser
def test_a_double_click_buys_once_and_a_transfer_shows_the_bank(tab: Callable[..., Tab]) -> None:
    learner = tab("horizon.localhost", language="fr")
    learner.enter("sofia@horizon.example")
    page = learner.open("/app/shop/")
    page.get_by_test_id("shop-open").click()
    page.check("[name=way][value=invoice]")
    page.check("[name=agreed]")
    page.get_by_test_id("buy").dblclick()
    expect(page.get_by_test_id("order-instructions")).to_contain_text("FR7630006000011234567890189")
    page = learner.open("/app/shop/")
    expect(page.get_by_test_id("shop-order")).to_have_count(1)
    learner.assert_clean()
