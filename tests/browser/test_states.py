"""Journey J8.7: what an expired licence leaves open, and how an administrator gets it back.

The clock of this demo moves by a month, so it is a demo of its own.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.test_school_admin import PASSWORD, WORDS, _open_link_of_mail, _sign_up
from tests.support.browser import DESKTOP, PHONE, Tab
from tests.support.stack import Stack, demo_stack

OWNER = "camille@garnier.example"
# Trials started on 20 November end on 4 December; a module is then read for thirty days.
TEXTS = {
    "fr": {
        "banner": "La licence de Quiz a pris fin\u202f: lecture et export jusqu’au 3 janvier 2027.",
        "refused": "Ce module est en lecture seule",
        "suspended": "Votre formule est suspendue\u202f: tout se lit et s’exporte.",
        "paid": "Actif",
    },
    "en": {
        "banner": "The licence of Quiz has ended: read and export until Jan. 3, 2027.",
        "refused": "This module is read-only",
        "suspended": "Your plan is suspended: everything can be read and exported.",
        "paid": "Active",
    },
}
BOTH = pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])


class Spaces:
    """The spaces of this file, by language, in a demo whose clock has moved on by 31 days."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self.browser, self.stack = browser, stack
        self.contexts: list[BrowserContext] = []
        self.slugs = {language: self._tried(language) for language in WORDS}
        clock = self.tab("tremplin.localhost", "en", phone=False).open("/_demo/")
        clock.get_by_test_id("demo-month").click()
        expect(clock.get_by_test_id("demo-now")).to_contain_text("Dec. 21, 2026")

    def tab(self, host: str, language: str, *, phone: bool) -> Tab:
        """Return a fresh private window on ``host``."""
        context = self.browser.new_context(
            viewport=PHONE if phone else DESKTOP, locale=language, reduced_motion="reduce"
        )
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        return Tab(context.new_page(), self.stack, host)

    def _tried(self, language: str) -> str:
        """Return the address of a new space that tries the quizzes and has installed a pack."""
        slug = f"lycee-{language}-{uuid4().hex[:6]}"
        tab = self.tab("tremplin.localhost", language, phone=False)
        _sign_up(tab, slug, WORDS[language])
        _open_link_of_mail(tab, slug)
        page = tab.open("/console/modules/quiz/")
        page.get_by_test_id("module-trial").click()
        expect(page.get_by_test_id("module-status")).to_contain_text(WORDS[language]["trial"])
        page = tab.open("/console/quiz/library/")
        page.get_by_test_id("pack-install-securite-ht").click()
        page.wait_for_url("**/assign/")
        return slug


@pytest.fixture(scope="module")
def spaces(
    chromium_browser: Browser, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Spaces]:
    """A demo of this file alone, on 21 December 2026."""
    with django_db_blocker.unblock(), demo_stack() as stack:
        found = Spaces(chromium_browser, stack)
        yield found
        for context in found.contexts:
            context.close()


def _shut_write(page: Page, send: Callable[[], object]) -> None:
    """Expect 402 for what ``send`` does."""
    with page.expect_navigation() as answer:
        send()
    response = answer.value
    assert response is not None
    assert response.status == 402


@pytest.mark.browser
@pytest.mark.journey
@BOTH
def test_an_expired_licence_is_read_exported_and_renewed(
    spaces: Spaces, language: str, phone: bool, tmp_path: Any
) -> None:
    texts = TEXTS[language]
    admin = spaces.tab(f"{spaces.slugs[language]}.localhost", language, phone=phone)
    admin.sign_in(OWNER, PASSWORD)
    # Why, until when, and where it is renewed: on every page of those who may.
    page = admin.open("/console/quiz/")
    banner = page.get_by_test_id("read-only-quiz")
    expect(banner).to_contain_text(texts["banner"])
    expect(banner.locator("a")).to_have_attribute("href", "/console/modules/quiz/")
    # What is there can be read.
    expect(page.locator("main")).to_contain_text("Sécurité haute tension")
    page.get_by_role("link", name="Sécurité haute tension sur véhicule électrique").click()
    expect(page.locator("h1")).to_contain_text("Sécurité haute tension")
    admin.assert_clean()
    # Nothing can be changed: 402, in words, with the way back in.
    admin.expected.add(402)
    page = admin.open("/console/quiz/library/")
    _shut_write(page, page.get_by_test_id("pack-install-python-basics").click)
    expect(page.get_by_test_id("problem-page")).to_contain_text(texts["refused"])
    page.get_by_test_id("problem-renew").click()
    expect(page.get_by_test_id("module-read-only")).to_be_visible()
    expect(page.get_by_test_id("module-renew")).to_have_attribute("href", "/console/billing/plans/")
    admin.assert_clean()
    assert _read_by_api(page) == ["Sécurité haute tension sur véhicule électrique"]
    _export_the_module(page, tmp_path)
    _buy(page)
    page = admin.open("/console/quiz/library/")
    expect(page.get_by_test_id("read-only-quiz")).to_have_count(0)
    page.get_by_test_id("pack-install-python-basics").click()
    page.wait_for_url("**/assign/")
    admin.assert_clean()


def _read_by_api(page: Page) -> list[str]:
    """Return the titles of the quizzes that the API still gives to the session of the page."""
    found: list[str] = page.evaluate(
        """async () => {
            const answer = await fetch("/api/v1/quiz/quizzes");
            return (await answer.json()).items.map((item) => item.title);
        }"""
    )
    return found


def _export_the_module(page: Page, tmp_path: Any) -> None:
    """Download what the module holds: an archive with the quiz in it."""
    with page.expect_download() as download:
        page.get_by_test_id("module-export").click()
    target = tmp_path / "quiz.zip"
    download.value.save_as(target)
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        held = b"".join(archive.read(name) for name in archive.namelist())
    assert "Sécurité haute tension sur véhicule électrique".encode() in held


def _buy(page: Page) -> None:
    """Choose the plan École from the module's page and pay it with the test card."""
    page.get_by_test_id("buy-ecole").click()
    page.fill("[name=legal_name]", "Lycée Garnier")
    page.fill("[name=siren]", "793 102 450")
    page.fill("[name=line1]", "1 rue Bleue")
    page.fill("[name=postal_code]", "69001")
    page.fill("[name=city]", "Lyon")
    page.get_by_test_id("details-save").click()
    page.get_by_test_id("checkout-submit").click()
    page.get_by_test_id("pay").click()
    page.fill("[name=number]", "4242 4242 4242 4242")
    page.get_by_test_id("card-submit").click()
    expect(page.get_by_test_id("order-state")).to_have_attribute("data-state", "paid")


@pytest.mark.browser
@pytest.mark.journey
@BOTH
def test_a_suspended_plan_is_read_and_exported(spaces: Spaces, language: str, phone: bool) -> None:
    """Voltéo has not paid since 15 November: suspended on 6 December, at the end of grace."""
    texts = TEXTS[language]
    admin = spaces.tab("volteo.localhost", language, phone=phone)
    admin.sign_in("helene@volteo.example")
    admin.speak(language)
    page = admin.open("/console/billing/")
    banner = page.get_by_test_id("licence-suspended")
    expect(banner).to_contain_text(texts["suspended"])
    expect(banner.locator("a")).to_have_attribute("href", "/console/billing/")
    expect(page.get_by_test_id("notice-billing-suspended")).to_be_visible()
    expect(page.get_by_test_id("billing-unpaid")).to_contain_text("OLD-0003")
    admin.assert_clean()
    page = admin.open("/console/quiz/library/")
    admin.expected.add(402)
    _shut_write(page, page.get_by_test_id("pack-install-python-basics").click)
    expect(page.get_by_test_id("problem-page")).to_contain_text(texts["refused"])
    admin.assert_clean()
    # The whole space stays exportable.
    page = admin.open("/console/export/")
    page.get_by_test_id("export-ask").click()
    expect(page.get_by_test_id("export-download").first).to_be_visible(timeout=60_000)
    admin.assert_clean()
