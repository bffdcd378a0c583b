"""SAML in a real browser, with the demo's provider: J4.1, a test by the administrator, sign-outs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browser import Tab
from tests.support.page_rules import Visit, check_page

VOLTEO, IDP = "volteo.localhost", "demo-idp.localhost"


def enter_as(window: Tab, person: str) -> Any:
    """Press the provider's button and choose a person there."""
    page = window.open("/accounts/login/")
    page.get_by_test_id("login-sso-saml").click()
    page.wait_for_url("**/_demo/idp/sso/**")
    page.get_by_test_id(f"idp-person-{person}").click()
    return page


@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_marc_finds_his_account_and_signs_out_everywhere(
    tab: Callable[..., Tab], language: str, phone: bool
) -> None:
    window = tab(VOLTEO, language=language, phone=phone)
    window.open("/accounts/login/")
    window.speak(language)
    page = enter_as(window, "marc")
    page.wait_for_url("**/app/")
    assert page.url == window.stack.url(VOLTEO, "/app/")
    window.assert_clean()
    page.goto(window.stack.url(VOLTEO, "/app/profile/"))
    assert "marc@volteo.example" in page.content()
    page.goto(window.stack.url(IDP, "/_demo/idp/"))
    assert "Marc Delmas" in page.get_by_test_id("idp-session").inner_text()
    page.get_by_test_id("idp-logout").click()
    page.wait_for_url(re.compile(r"/_demo/idp/$"))
    page.get_by_test_id("idp-session").wait_for(state="detached")
    page.goto(window.stack.url(VOLTEO, "/app/"))
    assert "/accounts/login/" in page.url
    window.assert_clean()


def test_a_newcomer_is_created_and_signs_out_at_the_provider_too(tab: Callable[..., Tab]) -> None:
    window = tab(VOLTEO)
    page = enter_as(window, "ines")
    page.wait_for_url("**/app/")
    page.goto(window.stack.url(VOLTEO, "/accounts/logout/"))
    page.locator("main form[action*='logout'] button").first.click()
    page.wait_for_url("**/accounts/login/")
    assert "Voltéo ID" in page.get_by_test_id("messages").inner_text()
    page.goto(window.stack.url(IDP, "/_demo/idp/"))
    assert page.get_by_test_id("idp-session").count() == 0
    window.assert_clean()
    administrator = tab(VOLTEO)
    administrator.enter("helene@volteo.example")
    administrator.speak("fr")
    page = administrator.open("/console/people/?q=ines")
    row = page.get_by_test_id("person-row").first.inner_text()
    assert "Inès Garcia-Lecœur" in row
    assert "Formateur·rice" in row
    assert "Actif" in row


def test_an_address_of_another_domain_is_confirmed_first(tab: Callable[..., Tab]) -> None:
    window = tab(VOLTEO)
    page = enter_as(window, "sam")
    page.wait_for_url("**/accounts/confirm-email/")
    page.goto(window.stack.url(VOLTEO, "/app/"))
    assert "/accounts/login/" in page.url


@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_the_administrator_tests_the_connection(
    tab: Callable[..., Tab], language: str, phone: bool
) -> None:
    window = tab(VOLTEO, language=language, phone=phone)
    window.enter("helene@volteo.example")
    window.speak(language)
    for path in (
        "/console/sso/saml/new/",
        "/console/sso/saml/volteo-id/",
        "/console/sso/saml/volteo-id/edit/",
        "/console/sso/saml/keys/",
        "/console/sso/domains/",
        "/console/sso/domains/volteo.example/",
        "/console/sso/doctor/",
    ):
        window.open(path)
        check_page(window, Visit(language, "SAML"))
        window.assert_clean()
    window.page.get_by_test_id("doctor-test-volteo-id").click()
    window.page.wait_for_url("**/_demo/idp/sso/**")
    window.page.get_by_test_id("idp-person-yann").click()
    window.page.wait_for_url("**/console/sso/doctor/*-*/")
    assert window.page.get_by_test_id("trace-result").is_visible()
    assert window.page.get_by_test_id("trace-email").inner_text() == "yann@volteo.example"
    assert (
        window.page.get_by_test_id("trace-roles").inner_text()
        == {
            "fr": "Apprenant·e",
            "en": "Learner",
        }[language]
    )
    check_page(window, Visit(language, "SAML"))
    window.assert_clean()
