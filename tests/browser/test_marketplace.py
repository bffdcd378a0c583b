"""The marketplace in the browser: look, rate, delist, stop, refuse, configure, leave (J1.7, J8.6)."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browser import DESKTOP, Tab
from tests.support.stack import ROOT, Stack, demo_stack

pytestmark = pytest.mark.browser
NADIA = ("mecaformation.localhost", "nadia@mecaformation.example")
GRACE = ("horizon.localhost", "grace@horizon.example")
SOFIA = ("horizon.localhost", "sofia@horizon.example")
HELENE = ("volteo.localhost", "helene@volteo.example")
ADA = ("tremplin.localhost", "ada@tremplin.example")


@pytest.fixture(scope="module")
def stack(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    """A demo with the support modules beside the quiz."""
    modules = str(ROOT / "tests" / "support" / "plugins")
    with django_db_blocker.unblock(), demo_stack(modules=modules) as running:
        yield running


@pytest.fixture
def enter(tab: Callable[..., Tab]) -> Callable[..., Tab]:
    """Return ``enter(who, language="fr", phone=False)``: a tab of that person."""

    def make(who: tuple[str, str], language: str = "fr", *, phone: bool = False) -> Tab:
        found = tab(who[0], language=language, phone=phone)
        found.enter(who[1])
        found.speak(language)
        return found

    return make


def _module(tab: Tab, slug: str) -> Page:
    return tab.open(f"/console/modules/{slug}/")


def _move(tab: Tab, slug: str, state: str, note: str = "") -> None:
    """Take a step of the review on the operator's page."""
    page = tab.open(f"/platform/listings/{slug}/")
    page.select_option("[name=state]", state)
    page.fill("[name=note]", note)
    page.get_by_test_id("listing-move").click()
    expect(page.get_by_test_id("listing-history").locator("tbody tr").last).to_contain_text(note)


def _natural(image: Locator) -> list[int]:
    size: list[int] = image.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    return size


@pytest.mark.journey
@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_the_page_of_a_module(enter: Callable[..., Tab], language: str, phone: bool) -> None:
    words = {
        "fr": ("Or", "Tentative", "Personne", "Une question à remettre", "La banque"),
        "en": ("Gold", "Attempt", "Person", "A question to put", "The bank"),
    }[language]
    admin = enter(NADIA, language, phone=phone)
    page = admin.open("/console/modules/")
    expect(page.get_by_test_id("module-quiz")).to_contain_text(words[0])
    page.get_by_test_id("module-quiz").locator("a").first.click()
    expect(page.get_by_test_id("module-tier")).to_have_text(words[0])
    rules = page.locator("[data-rule]")
    expect(rules).to_have_count(18)
    expect(page.locator("[data-rule][data-outcome=passed]")).to_have_count(18)
    table = page.get_by_test_id("table-quiz_attempt")
    expect(table).to_contain_text(words[1])
    columns = page.get_by_test_id("columns-quiz_attempt")
    columns.locator("summary").click()
    expect(columns.locator("li").filter(has_text=words[2])).to_have_count(1)
    expect(columns.locator("li")).to_have_count(18)
    screens = page.get_by_test_id("screen")
    expect(screens).to_have_count(4)
    screens.first.click()
    viewer = page.get_by_test_id("screens-viewer")
    expect(viewer).to_be_visible()
    expect(viewer).to_contain_text(words[3])
    expect(viewer).to_contain_text("1 / 4")
    image = viewer.locator("img")
    expect(image).to_have_js_property("complete", True)
    assert _natural(image) == [1280, 800]
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text(words[4])
    page.get_by_test_id("screens-previous").click()
    page.get_by_test_id("screens-previous").click()
    expect(viewer).to_contain_text("4 / 4")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    expect(screens.last).to_be_focused()
    admin.assert_clean()


def test_two_spaces_rate_and_the_publisher_answers(enter: Callable[..., Tab]) -> None:
    nadia, grace, ada = enter(NADIA), enter(GRACE, "en"), enter(ADA)
    page = _module(nadia, "quiz")
    page.get_by_test_id("rating-save").click()  # no star yet: the form says so
    expect(page.locator("[name=stars]").first).to_be_focused()
    page.locator("[name=stars][value='4']").check()
    page.fill("[name=text]", "Les apprenants s’en servent seuls.")
    page.get_by_test_id("rating-save").click()
    expect(page.get_by_test_id("rating")).to_have_count(1)
    other = _module(grace, "quiz")
    expect(other.get_by_test_id("rating")).to_contain_text("Les apprenants s’en servent seuls.")
    expect(other.get_by_test_id("rating")).not_to_contain_text("Méca")
    other.locator("[name=stars][value='5']").check()
    other.get_by_test_id("rating-save").click()
    expect(other.get_by_test_id("module-stars")).to_contain_text("4.5/5 (2 opinions)")
    listing = ada.open("/platform/listings/quiz/")
    opinion = listing.locator("article").filter(has_text="seuls")
    opinion.locator("textarea").fill("Merci\u202f! La version 1.1 ira plus loin.")
    opinion.get_by_test_id("rating-answer-save").click()
    page = _module(nadia, "quiz")
    expect(page.get_by_test_id("rating-answer")).to_contain_text("La version 1.1 ira plus loin.")
    expect(page.get_by_test_id("module-stars")).to_contain_text("4,5/5 (2 avis)")
    other.get_by_test_id("rating-withdraw").click()
    expect(other.get_by_test_id("module-stars")).to_contain_text("4.0/5 (1 opinion)")
    page.get_by_test_id("rating-withdraw").click()
    expect(page.get_by_test_id("rating")).to_have_count(0)
    for tab in (nadia, grace, ada):
        tab.assert_clean()


@pytest.mark.journey
def test_delisting_keeps_running_licences_and_a_stop_does_not(enter: Callable[..., Tab]) -> None:
    grace, helene, ada = enter(GRACE, "en"), enter(HELENE), enter(ADA)
    page = _module(grace, "plain")
    page.get_by_test_id("module-trial").click()
    expect(page.get_by_test_id("module-status")).to_contain_text("Trial until 2026-12-04")
    expect(helene.open("/console/modules/").get_by_test_id("module-plain")).to_be_visible()
    _move(ada, "plain", "suspended", "ticket 7")
    helene.open("/console/modules/plain/", expect=404)
    expect(helene.open("/console/modules/").get_by_test_id("module-plain")).to_have_count(0)
    page = _module(grace, "plain")
    expect(page.get_by_test_id("module-off")).to_be_visible()
    _move(ada, "plain", "published")
    expect(_module(helene, "plain").get_by_test_id("module-trial")).to_be_visible()
    stop = ada.open("/platform/listings/plain/")
    stop.fill("[name=reason]", "CVE-2026-1234")
    stop.get_by_test_id("listing-stop").click()
    expect(stop.get_by_test_id("listing-release")).to_be_visible()
    page = _module(grace, "plain")
    expect(page.get_by_test_id("module-stopped")).to_contain_text("CVE-2026-1234")
    expect(page.get_by_test_id("module-off")).to_have_count(0)
    expect(page.get_by_test_id("module-trial")).to_have_count(0)
    news = grace.open("/app/notifications/")
    expect(news.locator("main")).to_contain_text("Plain is stopped for security")
    helene.open("/console/modules/plain/", expect=404)
    stop.get_by_test_id("listing-release").click()
    expect(stop.get_by_test_id("listing-stop")).to_be_visible()
    page = _module(grace, "plain")
    expect(page.get_by_test_id("module-off")).to_be_visible()
    for tab in (grace, helene, ada):
        tab.assert_clean()


@pytest.mark.journey
@pytest.mark.parametrize(
    ("who", "language", "words"),
    [
        (HELENE, "fr", ("A besoin du module Nécessaire", "Un autre module a besoin de celui-ci")),
        (GRACE, "en", ("Needs the module Needed", "Another module needs this one")),
    ],
    ids=["fr", "en"],
)
def test_a_missing_module_is_asked_for_before_any_payment(
    enter: Callable[..., Tab], who: tuple[str, str], language: str, words: tuple[str, str]
) -> None:
    admin = enter(who, language)
    page = _module(admin, "dependent")
    expect(page.get_by_test_id("module-blocked")).to_contain_text(words[0])
    expect(page.locator("[data-testid=check-requires][data-ok=no]")).to_have_count(1)
    expect(page.get_by_test_id("module-trial")).to_have_count(0)
    expect(page.locator("[data-testid^=buy-]")).to_have_count(0)
    page.get_by_test_id("module-blocked").locator("a").click()
    page.get_by_test_id("module-trial").click()
    expect(page.get_by_test_id("module-status")).to_contain_text("2026-12-04")
    page = _module(admin, "dependent")
    expect(page.locator("[data-testid=check-requires][data-ok=yes]")).to_have_count(1)
    page.get_by_test_id("module-trial").click()
    expect(page.get_by_test_id("module-status")).to_contain_text("2026-12-04")
    page = _module(admin, "needed")
    page.get_by_test_id("module-uninstall").click()
    page.get_by_test_id("uninstall-confirm").click()
    expect(page.get_by_test_id("messages")).to_contain_text(words[1])
    expect(page.get_by_test_id("module-off")).to_be_visible()
    admin.assert_clean()


def test_settings_are_checked_and_kept(enter: Callable[..., Tab]) -> None:
    nadia = enter(NADIA)
    page = _module(nadia, "quiz")
    page.get_by_test_id("module-configure").click()
    field = page.locator("[name=default_pass_percent]")
    expect(field).to_be_in_viewport()
    nadia.expected.add(422)
    field.evaluate("field => field.removeAttribute('max')")
    field.fill("200")
    page.get_by_test_id("module-save").click()
    expect(page.get_by_test_id("module-settings")).to_contain_text("100")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("200")
    field.fill("65")
    page.get_by_test_id("module-save").click()
    expect(page.get_by_test_id("messages")).to_contain_text("Les réglages sont enregistrés.")
    expect(_module(nadia, "quiz").locator("[name=default_pass_percent]")).to_have_value("65")
    nadia.assert_clean()


@pytest.mark.journey
@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_module_that_is_off(enter: Callable[..., Tab], language: str) -> None:
    """J8.6: 404 for a learner, the page that offers it for an administrator, nothing in menus."""
    grace, sofia = enter(GRACE, language), enter(SOFIA, language)
    expect(sofia.open("/app/").get_by_test_id("nav-quiz").first).to_be_visible()
    page = _module(grace, "quiz")
    page.get_by_test_id("module-off").click()
    try:
        expect(page.get_by_test_id("module-on")).to_be_visible()
        sofia.open("/app/quiz/", expect=404)
        expect(sofia.page.get_by_test_id("activate-module")).to_have_count(0)
        expect(sofia.open("/app/").get_by_test_id("nav-quiz")).to_have_count(0)
        ask = "fetch('/api/v1/quiz/quizzes').then(answer => answer.status)"
        assert sofia.page.evaluate(ask) == 404
        activate = grace.open("/console/quiz/", expect=404)
        expect(activate.get_by_test_id("activate-module")).to_be_visible()
        activate.get_by_test_id("activate-module-link").click()
    finally:
        page.get_by_test_id("module-on").click()
    expect(page.get_by_test_id("module-off")).to_be_visible()
    sofia.open("/app/quiz/")
    expect(sofia.page.get_by_test_id("nav-quiz").first).to_be_visible()
    grace.assert_clean()
    sofia.assert_clean()


def test_a_hostile_picture_and_a_good_one(enter: Callable[..., Tab]) -> None:
    ada, nadia = enter(ADA), enter(NADIA)
    page = ada.open("/platform/listings/dummy/")
    ada.expected.add(422)

    def send(name: str, content: bytes) -> None:
        page.set_input_files(
            "[name=picture]", {"name": name, "mimeType": "image/png", "buffer": content}
        )
        page.fill("[name=alt_en]", "The dummy at work")
        page.fill("[name=alt_fr]", "Le factice au travail")
        page.get_by_test_id("screen-add").click()

    send("shot.png", b"MZ\x90\x00" + bytes(range(256)) * 40)
    expect(page.get_by_test_id("screen-form")).to_contain_text("Ce fichier est abîmé")
    expect(page.get_by_test_id("listing-screen")).to_have_count(0)
    good = io.BytesIO()
    Image.new("RGB", (900, 600), "teal").save(good, "PNG")
    send("good.png", good.getvalue())
    expect(page.get_by_test_id("listing-screen")).to_have_count(1)
    shown = _module(nadia, "dummy").get_by_test_id("screen").locator("img")
    expect(shown).to_have_attribute("alt", "Le factice au travail")
    shown.scroll_into_view_if_needed()
    expect(shown).to_have_js_property("complete", True)
    assert _natural(shown) == [900, 600]
    page.get_by_test_id("screen-remove").click()
    expect(page.get_by_test_id("listing-screen")).to_have_count(0)
    ada.assert_clean()
    nadia.assert_clean()


def test_the_operator_sees_what_misbehaves(enter: Callable[..., Tab]) -> None:
    helene, ada = enter(HELENE), enter(ADA, "en")
    for slug in ("raises", "wrong_type"):
        page = _module(helene, slug)
        page.get_by_test_id("module-trial").click()
        expect(page.get_by_test_id("module-off")).to_be_visible()
    for _ in range(5):
        helene.open("/app/")  # the page stands, without what they would add
    page = ada.open("/platform/modules/")
    for slug, state in (("raises", "Degraded"), ("incompatible", "Incompatible")):
        module = page.get_by_test_id(f"module-{slug}").first
        expect(module.get_by_test_id("module-status")).to_have_text(state)
    trouble = page.get_by_test_id("module-raises").first.get_by_test_id("module-trouble").first
    expect(trouble).to_contain_text("Voltéo Mobilité")
    expect(trouble).to_contain_text("RuntimeError")
    expect(trouble).to_contain_text("Left alone")
    expect(page.get_by_test_id("module-incompatible").first).to_contain_text("needs the plugin API")
    quiz = page.get_by_test_id("module-quiz").first.get_by_test_id("module-status")
    expect(quiz).to_have_text("Works")
    # Nobody is offered what cannot run here.
    helene.open("/console/modules/incompatible/", expect=404)
    helene.assert_clean()
    ada.assert_clean()


@pytest.mark.journey
def test_leaving_a_module(enter: Callable[..., Tab]) -> None:
    """Off, then read-only for 30 days with the data to take away; kept after all on one click."""
    grace, sofia = enter(GRACE, "en"), enter(SOFIA, "en")
    page = _module(grace, "quiz")
    page.get_by_test_id("module-uninstall").click()
    expect(page.locator("main")).to_contain_text("for 30 days")
    with page.expect_download() as download:
        page.get_by_test_id("module-export").click()
    assert re.fullmatch(r"horizon-quiz-2026-\d\d-\d\d\.zip", download.value.suggested_filename)
    with zipfile.ZipFile(download.value.path()) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert [name for name in names if "quiz_attempt" in name] != []
    page = grace.open("/console/modules/quiz/uninstall/")
    page.get_by_test_id("uninstall-confirm").click()
    try:
        expect(page.get_by_test_id("module-status")).to_contain_text("Erased on 2026-12-")
        expect(page.get_by_test_id("module-export")).to_be_visible()
        expect(sofia.open("/app/quiz/").locator("h1")).to_be_visible()
    finally:
        page.get_by_test_id("module-keep").click()
    expect(page.get_by_test_id("module-off")).to_be_visible()
    grace.assert_clean()
    sofia.assert_clean()


@pytest.fixture
def later(django_db_setup: None, django_db_blocker: Any) -> Iterator[Stack]:
    """A demo of its own: its clock may be moved."""
    with django_db_blocker.unblock(), demo_stack() as running:
        yield running


@pytest.mark.journey
@pytest.mark.slow
def test_after_thirty_days_the_data_is_exported_then_erased(
    later: Stack, chromium_browser: Browser
) -> None:
    context = chromium_browser.new_context(viewport=DESKTOP, locale="en", reduced_motion="reduce")
    grace = Tab(context.new_page(), later, GRACE[0])
    grace.enter(GRACE[1])
    grace.speak("en")
    page = grace.open("/console/quiz/bank/")
    assert page.locator("main tbody tr").count() > 0
    page = grace.open("/console/modules/quiz/uninstall/")
    page.get_by_test_id("uninstall-confirm").click()
    expect(page.get_by_test_id("module-status")).to_contain_text("Erased on")
    page = grace.open("/_demo/")
    page.get_by_test_id("demo-month").click()
    page = _module(grace, "quiz")
    end = time.monotonic() + 150
    while page.get_by_test_id("module-keep").count() and time.monotonic() < end:
        page.wait_for_timeout(2_000)  # the worker erases on the announced day
        page.reload()
    expect(page.get_by_test_id("module-keep")).to_have_count(0)
    (archive,) = (later.data / "module-exports").glob("*/quiz-*.zip")
    with zipfile.ZipFile(archive) as found:
        assert found.testzip() is None
        assert [name for name in found.namelist() if "quiz_attempt" in name] != []
    page.get_by_test_id("module-on").click()
    page = grace.open("/console/quiz/bank/")
    expect(page.locator("main tbody tr")).to_have_count(0)
    grace.assert_clean()
    context.close()
