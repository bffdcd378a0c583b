"""Journey J9 in the browser: the pages of J1, J3 and J10 for everybody, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Tab
from tests.support.page_rules import Visit, check_page

pytestmark = [pytest.mark.browser, pytest.mark.journey]


@dataclass(frozen=True)
class Stop:
    """A page: an address, or the first link that ``link`` finds on it; its status."""

    path: str
    link: str = ""
    status: int = 200


VISITOR = [
    *map(Stop, ("/", "/start/", "/start/sent/", "/accounts/login/", "/accounts/password/reset/")),
    *map(Stop, ("/help/", "/_demo/", "/_demo/outbox/")),
    Stop("/nothing/", status=404),
]
LEARNER = [
    *map(Stop, ("/app/", "/app/quiz/", "/app/profile/", "/app/notifications/", "/app/my-data/")),
    *map(Stop, ("/accounts/password/change/", "/accounts/2fa/", "/accounts/sessions/")),
    Stop("/console/", status=403),
    Stop("/nothing/", status=404),
]
TEAM = [
    *map(Stop, ("/console/", "/console/welcome/", "/console/people/", "/console/people/invite/")),
    *map(Stop, ("/console/people/import/", "/console/cohorts/", "/console/roles/")),
    Stop("/console/people/?q=lina", "main table th a"),
    Stop("/console/cohorts/", "main table a"),
    *map(Stop, ("/console/security/", "/console/privacy/", "/console/export/")),
]
ACCESS = [
    *map(Stop, ("/console/people/pilots/", "/console/people/pilots/new/", "/console/roles/coach/")),
    *map(Stop, ("/console/security/audit/", "/console/security/sign-in/")),
    *map(Stop, ("/console/security/networks/", "/console/security/domains/")),
    *map(Stop, ("/console/security/embedding/", "/console/security/support/")),
    *map(Stop, ("/console/api/", "/console/api/keys/new/", "/api/v1/docs")),
]
SINGLE_SIGN_ON = [
    *map(Stop, ("/console/sso/", "/console/sso/saml/volteo-id/", "/console/sso/saml/new/")),
    *map(Stop, ("/console/sso/saml/volteo-id/edit/", "/console/sso/saml/keys/")),
    *map(Stop, ("/console/sso/oidc/add/", "/console/sso/oidc/add/google/")),
    *map(Stop, ("/console/sso/domains/", "/console/sso/directory/", "/console/sso/doctor/")),
    *map(Stop, ("/accounts/3rdparty/", "/accounts/email/")),
]
MODULES = [
    *map(Stop, ("/console/modules/", "/console/modules/quiz/", "/console/branding/")),
    *map(Stop, ("/console/quiz/", "/console/quiz/library/")),
    *map(Stop, ("/console/quiz/bank/", "/console/quiz/import/", "/console/quiz/marking/")),
    Stop("/console/quiz/", "main table th a"),
    Stop("/console/quiz/", "main table a[href$='/assign/']"),
    Stop("/console/quiz/", "main table a[href$='/attempts/']"),
    Stop("/console/quiz/bank/", "main table th a"),
]
OPERATOR = [
    Stop("/app/spaces/"),
    Stop("/platform/"),
    Stop("/platform/", "[data-testid=space-horizon] a"),
]
SCHOOL, PLATFORM = "mecaformation.localhost", "tremplin.localhost"
COMPANY = "volteo.localhost"
TOURS = {
    "visitor": (PLATFORM, "", VISITOR),
    "learner": (SCHOOL, "theo@mecaformation.example", LEARNER),
    "team": (SCHOOL, "nadia@mecaformation.example", TEAM),
    "access": (SCHOOL, "nadia@mecaformation.example", ACCESS),
    "single sign-on": (COMPANY, "helene@volteo.example", SINGLE_SIGN_ON),
    "modules": (SCHOOL, "nadia@mecaformation.example", MODULES),
    "operator": (PLATFORM, "ada@tremplin.example", OPERATOR),
}


def _go(tab: Tab, stop: Stop) -> Page:
    page = tab.open(stop.path, expect=stop.status)
    if stop.link:
        address = page.locator(stop.link).first.get_attribute("href")
        assert address, f"{stop.path} has no link {stop.link}"
        tab.open(address)
    return page


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", list(TOURS))
def test_pages_for_everybody(tab: Callable[..., Tab], name: str, language: str) -> None:
    host, email, stops = TOURS[name]
    # Each page is seen four ways: in French light and wide, then dark and narrow; in English light
    # and narrow, then dark and wide.
    visitor = tab(host, language=language, phone=language == "en")
    if email:
        visitor.enter(email)
        visitor.speak(language)
    titles: dict[str, str] = {}
    for stop in stops:
        _go(visitor, stop)
        how = Visit(language, f"{name} {stop}", walk=True)
        title = check_page(visitor, how)
        assert title not in titles, f"{stop} and {titles.get(title)} share the title {title}"
        titles[title] = str(stop)


def test_the_language_switch_keeps_the_page(tab: Callable[..., Tab]) -> None:
    nadia = tab(SCHOOL)
    nadia.enter("nadia@mecaformation.example")
    nadia.speak("fr")
    page = nadia.open("/console/people/?q=lina&state=active")
    expect(page.locator("h1")).to_have_text("Personnes")
    page.get_by_test_id("language-en").click()
    expect(page.locator("h1")).to_have_text("People")
    assert page.url == nadia.stack.url(SCHOOL, "/console/people/?q=lina&state=active")
    assert page.locator("html").get_attribute("lang") == "en"
    expect(page.locator("[name=q]")).to_have_value("lina")
    page.get_by_test_id("language-fr").click()
    expect(page.locator("h1")).to_have_text("Personnes")


def test_the_drawer_of_a_phone(tab: Callable[..., Tab]) -> None:
    theo = tab(SCHOOL, phone=True)
    page = theo.enter("theo@mecaformation.example")
    menu = page.get_by_test_id("menu-open")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("nav-home")).to_be_visible()
    assert menu.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("nav-home")).to_be_hidden()
    expect(menu).to_be_focused()
    theo.assert_clean()


def test_the_password_may_be_pasted(tab: Callable[..., Tab]) -> None:
    page = tab(SCHOOL).open("/accounts/login/")
    field = page.locator("[name=password]")
    assert field.get_attribute("autocomplete") == "current-password"
    assert page.locator("[name=login]").get_attribute("autocomplete") == "email"
    field.evaluate(
        """element => {
          const data = new DataTransfer();
          data.setData('text/plain', 'Tremplin-Demo-2026');
          const event = new ClipboardEvent('paste', {clipboardData: data, cancelable: true});
          if (element.dispatchEvent(event)) element.value = data.getData('text/plain');
        }"""
    )
    expect(field).to_have_value("Tremplin-Demo-2026")
