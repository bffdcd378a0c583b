"""One account of the operator's space opens two spaces, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PASSWORD, Tab
from tests.support.stack import ROOT, Stack

pytestmark = [pytest.mark.browser]
HQ = "tremplin.localhost"
ZOE = "zoe.petit@example.org"
SPACES = ("mecaformation.localhost", "horizon.localhost")
MAKE = """
import sys, django
django.setup()
from tenants import registry
from tenants.context import use
from tremplin.identity import services
for host, role in zip(sys.argv[3::2], sys.argv[4::2]):
    with use(registry.by_host(host)):
        services.create_person(
            email=sys.argv[1], first_name="Zoé", last_name="Petit", roles=[role],
            password=sys.argv[2],
        )
"""


@pytest.fixture(scope="module", autouse=True)
def zoe(stack: Stack) -> None:
    """A member of the operator's space who also has an account in two others."""
    places = (HQ, "member", SPACES[0], "learner", SPACES[1], "trainer")
    subprocess.run(
        [sys.executable, "-c", MAKE, ZOE, PASSWORD, *places],
        cwd=ROOT,
        env=stack.environment,
        check=True,
        timeout=60,
    )


def host_of(page: Page) -> str:
    return str(urlsplit(page.url).hostname)


def link(tab: Callable[..., Tab], host: str, hq_cookies: list[Any]) -> list[Any]:
    """Link the account of the operator's space from the profile of a space."""
    zoe = tab(host, language="en")
    if hq_cookies:
        zoe.page.context.add_cookies(hq_cookies)
    zoe.sign_in(ZOE)
    page = zoe.open("/app/profile/")
    page.get_by_test_id("profile-linked").click()
    expect(page.get_by_test_id("identity-row")).to_have_count(0)
    page.get_by_test_id("connect-platform").click()
    if not hq_cookies:
        page.wait_for_url(f"**//{HQ}:*/accounts/login/**")
        page.fill("[name=login]", ZOE)
        page.fill("[name=password]", PASSWORD)
        page.get_by_test_id("login-submit").click()
    page.wait_for_url(f"**//{host}:*/accounts/3rdparty/")
    expect(page.get_by_test_id("identity-row")).to_have_count(1)
    expect(page.get_by_test_id("identity-row")).to_contain_text(ZOE)
    zoe.assert_clean()
    found = zoe.page.context.cookies()
    return [cookie for cookie in found if cookie["domain"] == HQ]


def test_sign_in_once_and_open_two_spaces(tab: Callable[..., Tab]) -> None:
    cookies = link(tab, SPACES[0], [])
    assert [cookie["domain"] for cookie in cookies if cookie["name"] == "sessionid"] == [HQ]
    link(tab, SPACES[1], cookies)

    zoe = tab(HQ, language="en")
    zoe.sign_in(ZOE)
    page = zoe.page
    page.get_by_test_id("nav-spaces").click()
    rows = page.get_by_test_id("space-row")
    expect(rows).to_have_count(2)
    for position, (host, name) in enumerate(
        zip(SPACES, ("MécaFormation Lyon", "Horizon Code School"), strict=True)
    ):
        zoe.open("/app/spaces/")
        expect(rows.nth(position)).to_contain_text(name)
        rows.nth(position).get_by_test_id("space-open").click()
        page.wait_for_url(f"**//{host}:*/app/")
        expect(page.get_by_test_id("profile-link")).to_contain_text("Zoé Petit")
    zoe.assert_clean()
    domains = {c["domain"] for c in page.context.cookies() if c["name"] == "sessionid"}
    assert domains == {HQ, *SPACES}


def test_the_button_of_a_space_signs_in_on_a_phone(tab: Callable[..., Tab]) -> None:
    zoe = tab(SPACES[0], language="fr", phone=True)
    page = zoe.open("/accounts/login/")
    button = page.get_by_test_id("login-sso-platform")
    expect(button).to_contain_text("Se connecter avec votre compte Tremplin")
    zoe.assert_clean()
    button.click()
    page.wait_for_url(f"**//{HQ}:*/accounts/login/**")
    page.fill("[name=login]", ZOE)
    page.fill("[name=password]", PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.wait_for_url(f"**//{SPACES[0]}:*/app/")
    zoe.assert_clean()


def test_no_code_leaves_for_another_origin(tab: Callable[..., Tab]) -> None:
    zoe = tab(HQ, language="en")
    zoe.sign_in(ZOE)
    query = {
        "client_id": "platform",
        "response_type": "code",
        "scope": "openid",
        "redirect_uri": "https://evil.example/accounts/oidc/platform/login/callback/",
        "state": "x" * 16,
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
    }
    page = zoe.open(f"/identity/o/authorize?{urlencode(query)}")
    expect(page.get_by_test_id("provider-error")).to_be_visible()
    assert host_of(page) == HQ
    zoe.assert_clean()


def test_a_stranger_is_told_how_to_get_in(tab: Callable[..., Tab]) -> None:
    """An account of the operator's space alone opens no other space."""
    zoe = tab("volteo.localhost", language="en")
    zoe.expected.add(403)
    page = zoe.open("/accounts/login/")
    page.get_by_test_id("login-sso-platform").click()
    page.wait_for_url(f"**//{HQ}:*/accounts/login/**")
    page.fill("[name=login]", ZOE)
    page.fill("[name=password]", PASSWORD)
    page.get_by_test_id("login-submit").click()
    refused = page.get_by_test_id("sso-refused")
    expect(refused).to_be_visible()
    assert host_of(page) == "volteo.localhost"
    answer = page.goto(zoe.stack.url(zoe.host, "/app/"))
    assert answer is not None
    assert urlsplit(answer.url).path == "/accounts/login/"
    zoe.assert_clean()
