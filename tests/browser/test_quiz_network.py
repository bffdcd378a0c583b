"""Taking a quiz when the network goes and time runs: nothing is lost, and the clock speaks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import Tab

pytestmark = [pytest.mark.browser]

QUIZ = "Sécurité haute tension sur véhicule électrique"
HOST = "mecaformation.localhost"
OFFLINE = (
    "Pas de connexion\u202f: vos réponses sont gardées sur cet appareil et envoyées dès le retour "
    "du réseau."
)


def _start(learner: Tab, email: str) -> Page:
    """Open the quiz of the space, started or resumed, at its first question."""
    page = learner.enter(email)
    learner.speak("fr")  # the person of an earlier test may have chosen another language
    learner.open("/app/quiz/")
    card = page.get_by_test_id("quiz-card").filter(has_text=QUIZ)
    card.get_by_test_id("quiz-open").or_(card.get_by_test_id("quiz-resume")).click()
    start = page.get_by_test_id("quiz-start")
    expect(start.or_(page.get_by_test_id("quiz-question"))).to_be_visible()
    if start.is_visible():
        start.click()
    expect(page.get_by_test_id("quiz-question")).to_have_attribute("id", "question-1")
    return page


def _kept(page: Page) -> list[str]:
    """Return the positions of the answers that this device keeps for later."""
    stored = page.evaluate(
        "() => Object.keys(sessionStorage).filter(key => key.startsWith('quiz:'))"
        ".map(key => sessionStorage[key])"
    )
    return [position for value in stored for position in json.loads(value)]


def test_answers_given_offline_are_sent_when_the_network_is_back(tab: Callable[..., Tab]) -> None:
    learner = tab(HOST, phone=True)
    page = _start(learner, "awa@mecaformation.example")
    state = page.get_by_test_id("quiz-save-state")
    choice = page.get_by_test_id("quiz-choice")

    page.context.set_offline(True)
    choice.nth(2).check()
    expect(state).to_have_text(OFFLINE)
    # A page left now would lose the answer: the button waits instead.
    page.get_by_test_id("quiz-next").click()
    expect(state).to_have_text(OFFLINE)
    expect(page.get_by_test_id("quiz-question")).to_have_attribute("id", "question-1")
    assert _kept(page) == ["0"]

    page.context.set_offline(False)
    expect(state).to_have_text("Enregistré")
    assert _kept(page) == []
    page.reload()
    assert [box.is_checked() for box in choice.all()] == [False, False, True, False]
    # The browser itself reports each request that found no network; nothing else went wrong.
    assert {re.sub(r".*(net::\w+).*", r"\1", text) for text in learner.problems} == {
        "net::ERR_INTERNET_DISCONNECTED"
    }


def test_the_clock_warns_twice_and_submits_at_the_end(tab: Callable[..., Tab]) -> None:
    learner = tab(HOST, phone=True)
    page = learner.page
    page.clock.install()
    _start(learner, "theo@mecaformation.example")
    timer, said = page.get_by_test_id("quiz-timer"), page.get_by_test_id("quiz-timer-announce")
    # The countdown stays in the window, whatever part of the question is read.
    page.mouse.wheel(0, 2000)
    expect(timer).to_be_in_viewport()
    minutes, seconds = (int(part) for part in timer.inner_text().split(":"))
    left = 60 * minutes + seconds
    expect(said).to_have_text("")

    page.clock.run_for(1000 * (left - 300))
    expect(said).to_have_text("Il reste 5 minutes.")
    page.clock.run_for(1000 * 240)
    expect(said).to_have_text("Il reste 1 minute.")
    with page.expect_navigation(url=re.compile(r"/result/$")):
        page.clock.run_for(1000 * 61)
    expect(page.get_by_test_id("quiz-percent")).to_have_text("0\u202f%")
    learner.assert_clean()
