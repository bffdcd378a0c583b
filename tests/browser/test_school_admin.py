"""Journey J1 in the browser: from nothing to a working branded space."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.browser import Tab

PASSWORD = "une-phrase-pour-Garnier-2026"  # noqa: S105  of a space made by this test
WORDS = {
    "fr": {"signup": "Créer mon espace", "verify": "Vérifiez votre e-mail", "trial": "2026-12-04"},
    "en": {"signup": "Create my space", "verify": "Check your e-mail", "trial": "2026-12-04"},
}


def _logo() -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (240, 120), "#937100").save(target, "PNG")
    return target.getvalue()


def _people() -> bytes:
    rows = ["email;prénom;nom;rôle;cohorte"]
    rows += [f"eleve{n:02}@garnier.example;Élève;Numéro {n};apprenant;2026-A" for n in range(1, 29)]
    rows += [
        "pas-une-adresse;Sans;Adresse;apprenant;2026-A",
        "x@garnier.example;X;Y;sorcier;2026-A",
    ]
    return ("\n".join(rows) + "\n").encode("cp1252")


def _sign_up(tab: Tab, slug: str, words: dict[str, str]) -> Page:
    page = tab.open("/")
    expect(page.get_by_test_id("cta-signup")).to_contain_text(words["signup"])
    page.get_by_test_id("cta-signup").click()
    page.fill("[name=name]", "Lycée Garnier")
    page.locator("[name=name]").blur()
    expect(page.locator("[name=slug]")).to_have_value("lycee-garnier")
    page.fill("[name=slug]", slug)
    page.select_option("[name=kind]", "school")
    page.fill("[name=email]", "camille@garnier.example")
    page.fill("[name=password]", PASSWORD)
    page.check("[name=terms]")
    page.get_by_test_id("start-submit").click()
    expect(page.locator("h1")).to_have_text(words["verify"])
    return page


def _open_link_of_mail(tab: Tab, slug: str) -> Page:
    page = tab.page
    page.get_by_test_id("demo-outbox").click()
    page.get_by_test_id("outbox-mail").filter(has_text="Lycée Garnier").filter(
        has_text=re.compile("Confirm")
    ).first.click()
    page.get_by_test_id("mail-link").filter(has_text="/start/confirm/").click()
    page.wait_for_url(f"**//{slug}.localhost:*/console/welcome/")
    tab.host = f"{slug}.localhost"
    expect(page.get_by_test_id("onboarding-checklist")).to_contain_text("0/6")
    return page


def _publish_brand(tab: Tab) -> None:
    page = tab.open("/console/branding/")
    page.set_input_files(
        "[name=logo]", {"name": "logo.png", "mimeType": "image/png", "buffer": _logo()}
    )
    page.fill("[name=primary]", "#ffd54f")
    page.locator("[name=primary]").blur()
    contrast = page.get_by_test_id("brand-contrast")
    expect(contrast).to_contain_text(
        "1,4:1" if tab.page.locator("html").get_attribute("lang") == "fr" else "1.4:1"
    )
    expect(page.get_by_test_id("brand-publish")).to_be_disabled()
    page.get_by_test_id("brand-accept").click()
    expect(page.locator("[name=primary]")).to_have_value("#937100")
    expect(page.get_by_test_id("brand-publish")).to_be_enabled()
    page.get_by_test_id("brand-publish").click()
    expect(page.get_by_test_id("brand-versions")).to_contain_text("Version 1")
    colour = page.get_by_test_id("brand-draft").evaluate(
        "() => getComputedStyle(document.documentElement).getPropertyValue('--primary').trim()"
    )
    assert colour == "#937100"


def _import_people(tab: Tab) -> None:
    page = tab.open("/console/people/import/")
    page.set_input_files(
        "input[type=file]", {"name": "eleves.csv", "mimeType": "text/csv", "buffer": _people()}
    )
    page.get_by_test_id("import-upload").click()
    expect(page.get_by_test_id("import-summary")).to_contain_text("28")
    errors = page.get_by_test_id("import-errors")
    expect(errors).to_contain_text("30")
    expect(errors).to_contain_text("31")
    page.get_by_test_id("import-apply").click()
    expect(page.get_by_test_id("import-done")).to_contain_text("28")


def _start_quiz(tab: Tab, trial_until: str) -> None:
    page = tab.open("/console/modules/")
    page.get_by_test_id("module-quiz").locator("a").first.click()
    expect(page.get_by_test_id("module-data")).to_be_visible()
    expect(page.get_by_test_id("module-ai")).to_be_visible()
    page.get_by_test_id("module-trial").click()
    expect(page.get_by_test_id("module-status")).to_contain_text(trial_until)
    tab.open("/app/")
    if page.get_by_test_id("menu-open").is_visible():
        page.get_by_test_id("menu-open").click()
    expect(page.get_by_test_id("nav-quiz").first).to_be_visible()


def _assign_pack(tab: Tab) -> None:
    page = tab.open("/console/quiz/library/")
    page.get_by_test_id("pack-install-securite-ht").click()
    page.get_by_test_id("quiz-assign").first.click()
    page.get_by_test_id("assign-cohort").first.check()
    page.get_by_test_id("assign-submit").click()
    expect(page.get_by_test_id("messages")).to_contain_text("28")


@pytest.mark.browser
@pytest.mark.journey
@pytest.mark.parametrize(("language", "phone"), [("fr", False), ("en", True)])
def test_from_nothing_to_a_working_space(
    tab: Callable[..., Tab], language: str, phone: bool
) -> None:
    slug = f"lycee-garnier-{uuid4().hex[:6]}"
    admin = tab("tremplin.localhost", language=language, phone=phone)
    words = WORDS[language]
    _sign_up(admin, slug, words)
    _open_link_of_mail(admin, slug)
    admin.assert_clean()
    _publish_brand(admin)
    admin.assert_clean()
    _import_people(admin)
    admin.assert_clean()
    _start_quiz(admin, words["trial"])
    _assign_pack(admin)
    page = admin.open("/console/")
    expect(page.get_by_test_id("kpi-learners")).to_contain_text("28")
    summary = page.get_by_test_id("onboarding-summary")
    end = time.monotonic() + 30
    while "5/6" not in summary.inner_text() and time.monotonic() < end:
        page.wait_for_timeout(500)  # the worker tells the checklist that content was assigned
        page.reload()
    expect(summary).to_contain_text("5/6")
    admin.assert_clean()
    outbox = admin.open("/_demo/outbox/")
    assigned = outbox.get_by_test_id("outbox-mail").filter(has_text="Sécurité haute tension")
    end = time.monotonic() + 60
    while assigned.count() < 28 and time.monotonic() < end:
        outbox.wait_for_timeout(500)
        outbox.reload()
    expect(assigned).to_have_count(28)
    assigned.first.click()
    logo = outbox.frame_locator("iframe").locator("img")
    expect(logo).to_have_count(1)
    # Twice 96 pixels wide for a picture twice as wide as high: the one sent in step 4.
    assert logo.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [192, 96]
