"""Journey J1, steps 7, 8 and 12: try a module, pay the plan, meet the limit of seats."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.test_school_admin import (
    WORDS,
    _import_people,
    _open_link_of_mail,
    _sign_up,
    _start_quiz,
)
from tests.support.browser import Tab
from tests.support.stack import Stack

TEXTS = {
    "fr": {
        "net": "390,00\u202fEUR",
        "tax": "78,00\u202fEUR",
        "total": "468,00\u202fEUR",
        "active": "Actif",
        "on": "Activé",
        "welcome": "sans limite jusqu’au 4 décembre 2026",
        "printed": "Lycée Garnier|École, 100 places|390,00\u00a0€|468,00\u00a0€|Par carte",
        "mail": "Votre facture %s",
    },
    "en": {
        "net": "EUR\u00a0390.00",
        "tax": "EUR\u00a078.00",
        "total": "EUR\u00a0468.00",
        "active": "Active",
        "on": "On",
        "welcome": "free of limit until Dec. 4, 2026",
        "printed": "Lycée Garnier|School, 100 seats|€390.00|€468.00|By card",
        "mail": "Your invoice %s",
    },
}
OK = "4242 4242 4242 4242"
DECLINED = "4000 0000 0000 0002"
CONFIRM = "4000 0025 0000 3155"


def _school(tab: Callable[..., Tab], language: str, *, phone: bool = False) -> Tab:
    """Return a new space, its administrator signed in."""
    admin = tab("tremplin.localhost", language=language, phone=phone)
    slug = f"lycee-garnier-{uuid4().hex[:6]}"
    _sign_up(admin, slug, WORDS[language])
    _open_link_of_mail(admin, slug)
    return admin


def _identify(page: Page) -> None:
    page.fill("[name=legal_name]", "Lycée Garnier")
    page.fill("[name=siren]", "793 102 450")
    page.fill("[name=line1]", "1 rue Bleue")
    page.fill("[name=postal_code]", "69001")
    page.fill("[name=city]", "Lyon")
    page.get_by_test_id("details-save").click()


def _to_the_quote(tab: Tab, texts: dict[str, str]) -> Page:
    """Choose the plan École on the module's page, and come to its price."""
    page = tab.open("/console/modules/quiz/")
    page.get_by_test_id("buy-ecole").click()
    _identify(page)
    expect(page.locator("[name=seats]")).to_have_value("100")
    page.get_by_test_id("checkout-submit").click()
    expect(page.get_by_test_id("quote-net")).to_have_text(texts["net"])
    expect(page.get_by_test_id("quote-tax")).to_have_text(texts["tax"])
    expect(page.get_by_test_id("quote-total")).to_have_text(texts["total"])
    return page


def _pay(page: Page, number: str) -> None:
    expect(page.get_by_test_id("card-test")).to_contain_text("TEST")
    page.fill("[name=number]", number)
    page.get_by_test_id("card-submit").click()


def _people(first: int, last: int) -> bytes:
    rows = ["email;prénom;nom;rôle;cohorte"]
    rows += [
        f"nouveau{n:03}@garnier.example;Élève;Numéro {n};apprenant;2026-B"
        for n in range(first, last + 1)
    ]
    return ("\n".join(rows) + "\n").encode()


def _next_number(stack: Stack) -> str:
    """Return the number that the next invoice of the platform takes: ``INV-0001`` at first."""
    with psycopg.connect(stack.environment["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT last_number FROM public.billing_invoiceseries "
            "WHERE issuer_tenant_id IS NULL AND template LIKE 'INV-%'"
        ).fetchone()
    return f"INV-{(row[0] if row else 0) + 1:04d}"


@pytest.mark.browser
@pytest.mark.journey
@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_try_pay_and_meet_the_limit(tab: Callable[..., Tab], language: str, phone: bool) -> None:
    """Steps 6, 7, 8 and 12 in their order: 28 people come before any plan is paid."""
    texts = TEXTS[language]
    admin = _school(tab, language, phone=phone)
    _import_people(admin)
    page = admin.open("/console/billing/")
    expect(page.get_by_test_id("billing-seats")).to_contain_text(texts["welcome"])
    _start_quiz(admin, WORDS[language]["trial"])
    admin.assert_clean()
    number = _next_number(admin.stack)
    page = _to_the_quote(admin, texts)
    admin.assert_clean()
    page.get_by_test_id("pay").click()
    _pay(page, OK)
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "paid")
    expect(page.get_by_test_id("order-net")).to_have_text(texts["net"])
    expect(page.get_by_test_id("order-licence")).to_have_text(texts["active"])
    expect(page.get_by_test_id("order-seats")).to_have_text("28/100")
    expect(page.get_by_test_id("order-invoice")).to_have_text(number)
    admin.assert_clean()
    _read_the_invoice(admin, texts, number)
    page = admin.open("/console/modules/mine/")
    # The plan holds the module: its trial is over, and nobody is told that it runs out.
    expect(page.get_by_test_id("mine-quiz").get_by_test_id("module-status")).to_have_text(
        texts["on"]
    )
    page = admin.open("/console/welcome/")
    done = page.get_by_test_id("onboarding-plan")
    expect(done).to_have_attribute("data-done", "")
    page = admin.open("/console/")
    expect(page.get_by_test_id("kpi-learners")).to_contain_text("28/100")
    _meet_the_limit(admin)
    admin.assert_clean()


def _read_the_invoice(admin: Tab, texts: dict[str, str], number: str) -> None:
    """Find the invoice in its list, read its file, and find it in the buyer's mailbox."""
    page = admin.open("/console/billing/invoices/")
    row = page.get_by_test_id("invoice-row")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(texts["total"])
    with page.expect_download() as download:
        page.get_by_test_id("invoice-pdf").click()
    words = PdfReader(download.value.path()).pages[0].extract_text()
    for wanted in (number, *texts["printed"].split("|")):
        assert wanted in words
    page = admin.open("/_demo/outbox/")
    mail = page.get_by_test_id("outbox-mail").filter(has_text=number)
    end = time.monotonic() + 60
    while mail.count() < 1 and time.monotonic() < end:
        page.wait_for_timeout(500)  # the worker makes the file and sends it
        page.reload()
    expect(mail).to_have_text(texts["mail"] % number)


def _meet_the_limit(admin: Tab) -> None:
    """Import 73 people into 72 free seats: the last one is named and stays out (J1.12)."""
    page = admin.open("/console/people/import/")
    page.set_input_files(
        "input[type=file]",
        {"name": "suite.csv", "mimeType": "text/csv", "buffer": _people(1, 73)},
    )
    page.get_by_test_id("import-upload").click()
    expect(page.get_by_test_id("import-summary")).to_contain_text("72")
    expect(page.get_by_test_id("import-places")).to_contain_text("100/100")
    # The header is line 1, so row 73 is line 74 of the file.
    row = page.get_by_test_id("import-errors").locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("74")
    page.get_by_test_id("import-apply").click()
    expect(page.get_by_test_id("import-done")).to_contain_text("72")
    expect(page.get_by_test_id("import-places")).to_contain_text("100/100")
    expect(page.get_by_test_id("seats-upgrade")).to_have_attribute("href", "/console/billing/")
    page = admin.open("/console/people/?q=nouveau07")
    expect(page.locator("main")).to_contain_text("nouveau072@garnier.example")
    expect(page.locator("main")).not_to_contain_text("nouveau073@garnier.example")
    page = admin.open("/console/billing/")
    expect(page.get_by_test_id("billing-seats")).to_contain_text("100/100")


@pytest.mark.browser
def test_a_refused_card_then_the_bank_asks(tab: Callable[..., Tab]) -> None:
    admin = _school(tab, "fr")
    page = _to_the_quote(admin, TEXTS["fr"])
    page.get_by_test_id("pay").click()
    _pay(page, DECLINED)
    expect(page.get_by_test_id("order-open")).to_contain_text("La banque a refusé la carte")
    page.get_by_test_id("order-resume").click()
    _pay(page, CONFIRM)
    page.get_by_test_id("confirm-refuse").click()
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "open")
    page.get_by_test_id("order-resume").click()
    _pay(page, CONFIRM)
    page.get_by_test_id("confirm-accept").click()
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "paid")
    expect(page.get_by_test_id("order-seats")).to_have_text("0/100")
    admin.assert_clean()


@pytest.mark.browser
def test_a_double_click_pays_once(tab: Callable[..., Tab]) -> None:
    admin = _school(tab, "fr")
    page = _to_the_quote(admin, TEXTS["fr"])
    page.get_by_test_id("pay").dblclick()
    page.wait_for_url("**/card/")
    page.fill("[name=number]", OK)
    page.get_by_test_id("card-submit").dblclick()
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "paid")
    page = admin.open("/console/billing/invoices/")
    expect(page.get_by_test_id("invoice-row")).to_have_count(1)
    page = admin.open("/console/billing/")
    expect(page.get_by_test_id("billing-subscription")).to_have_count(1)
    expect(page.get_by_test_id("billing-open-order")).to_have_count(0)


@pytest.mark.browser
def test_a_page_closed_half_way_is_found_again(tab: Callable[..., Tab]) -> None:
    admin = _school(tab, "en")
    page = _to_the_quote(admin, TEXTS["en"])
    page.get_by_test_id("pay").click()
    page.wait_for_url("**/card/")
    page = admin.open("/console/billing/")
    page.get_by_test_id("billing-open-order-link").click()
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "open")
    page.get_by_test_id("order-resume").click()
    _pay(page, OK)
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "paid")
    admin.assert_clean()
