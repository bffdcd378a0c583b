"""Journey J3, steps 1 to 3, in the browser: a learner takes a quiz with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Tab
from tests.support.page_rules import Visit, check_page

pytestmark = [pytest.mark.browser, pytest.mark.journey]


@dataclass(frozen=True)
class Taker:
    """Who takes which quiz in which language, and the answers that make 7 of 8."""

    host: str
    email: str
    language: str
    phone: bool
    quiz: str
    result: str
    passed: str
    score: str
    move: tuple[str, str]
    saved: str
    # Whether this is her first attempt: the home page then proposes it.
    first: bool
    # The wording of a question, or a part of it, and the right answer.
    answers: dict[str, object] = field(default_factory=dict)


LINA = Taker(
    host="mecaformation.localhost",
    email="lina@mecaformation.example",
    language="fr",
    phone=True,
    quiz="Sécurité haute tension sur véhicule électrique",
    result="87,5\u202f%",
    passed="Réussi (seuil 70\u202f%)",
    score="7 points sur 8",
    move=("Monter", "Descendre"),
    saved="Enregistré",
    first=True,
    answers={
        "couleur normalisée": "Orange",
        "signifie VAT": "Vérification d’absence de tension",
        "tension continue": "60 V",
        "étapes dans l’ordre": [
            "Baliser la zone",
            "Couper et consigner",
            "Attendre la décharge des condensateurs",
            "Faire la VAT",
            "Intervenir",
        ],
        "équipements": {"Gants isolants vérifiés", "Écran facial", "Chaussures de sécurité"},
        "débranchée": "Faux",
        "52 kWh": "13",
        # The one wrong answer of eight.
        "réseau de bord": "LIN",
    },
)
SOFIA = Taker(
    host="horizon.localhost",
    email="sofia@horizon.example",
    language="en",
    phone=False,
    quiz="Python basics",
    result="87.5%",
    passed="Passed (pass mark 70%)",
    score="7 of 8 points",
    move=("Up", "Down"),
    saved="Saved",
    first=False,
    answers={
        "len({": "2",
        "immutable": "tuple",
        "falsy": {"0", "''", "[]"},
        "default argument": "True",
        "generator": "yield",
        "7 // 2": "3",
        # The one wrong answer of eight.
        "too many requests": "503",
        "Match the verb": {
            "GET": "read",
            "POST": "create",
            "PATCH": "change a part",
            "DELETE": "remove",
        },
    },
)


def _tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until ``wanted`` has the focus."""
    for _ in range(120):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {wanted}")


def _press(page: Page, wanted: Locator, key: str = "Enter") -> None:
    _tab_to(page, wanted)
    page.keyboard.press(key)


def _order_shown(question: Locator) -> list[str]:
    return [text.strip() for text in question.locator("[data-order-text]").all_inner_texts()]


def _put_in_order(page: Page, question: Locator, wanted: list[str], move: tuple[str, str]) -> None:
    """Sort from the top with the Up button; then send one item down and up again."""
    for place, text in enumerate(wanted):
        while _order_shown(question).index(text) > place:
            item = question.get_by_test_id("quiz-order-item").filter(has_text=text)
            up = item.get_by_role("button", name=move[0])
            _press(page, up)
            # The button moves with its item and keeps the focus: no way back from the top.
            expect(up).to_be_focused()
    assert _order_shown(question) == wanted
    first = question.get_by_test_id("quiz-order-item").first
    page.keyboard.press("Shift+Tab")
    _press(page, first.get_by_role("button", name=move[1]))
    assert _order_shown(question) == [wanted[1], wanted[0], *wanted[2:]]
    again = question.get_by_test_id("quiz-order-item").filter(has_text=wanted[0])
    page.keyboard.press("Shift+Tab")
    _press(page, again.get_by_role("button", name=move[0]))
    assert _order_shown(question) == wanted


def _choose(page: Page, question: Locator, text: str) -> None:
    """Choose a radio button: Tab enters the group, the arrows move in it."""
    wanted = question.locator("label").filter(has_text=text).get_by_role("radio")
    for label in question.locator("label").all():
        if label.inner_text().strip() == text:
            wanted = label.get_by_role("radio")
    first = question.get_by_role("radio").first
    _tab_to(page, first)
    page.keyboard.press("Space")
    for _ in range(question.get_by_role("radio").count()):
        if wanted.is_checked():
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"the arrows do not reach «{text}»")


def _answer(page: Page, taker: Taker, question: Locator) -> None:
    stem = question.inner_text()
    answer = next(value for part, value in taker.answers.items() if part in stem)
    kind = question.get_attribute("data-kind")
    if kind == "order":
        assert isinstance(answer, list)
        _put_in_order(page, question, answer, taker.move)
    elif kind == "multiple":
        assert isinstance(answer, set)
        for label in question.locator("label").all():
            if label.inner_text().strip() in answer:
                _press(page, label.get_by_role("checkbox"), "Space")
    elif kind == "match":
        assert isinstance(answer, dict)
        for row, text in answer.items():
            select = question.get_by_label(row, exact=True)
            _tab_to(page, select)
            page.keyboard.type(text[:3])
            expect(select.locator("option:checked")).to_have_text(text)
    elif kind in {"single", "truefalse"}:
        _choose(page, question, str(answer))
    else:
        _tab_to(page, question.get_by_test_id("quiz-text"))
        page.keyboard.type(str(answer))
    expect(page.get_by_test_id("quiz-save-state")).to_have_text(taker.saved)


def _state(question: Locator) -> object:
    """Return everything that the learner answered to a question, as the page shows it."""
    return question.evaluate(
        """element => [...element.querySelectorAll('input, select')]
        .filter(input => input.name && input.name !== 'shown')
        .map(input => [input.name, input.type === 'radio' || input.type === 'checkbox'
          ? [input.value, input.checked] : input.value])"""
    )


@pytest.mark.parametrize("taker", [LINA, SOFIA], ids=["lina-fr-phone", "sofia-en-desktop"])
def test_a_quiz_by_keyboard(tab: Callable[..., Tab], taker: Taker) -> None:
    learner = tab(taker.host, language=taker.language, phone=taker.phone)
    page = learner.sign_in(taker.email)
    if taker.first:
        expect(page.get_by_test_id("next-action")).to_contain_text(taker.quiz)
        _press(page, page.get_by_test_id("next-action-go"))
    else:
        expect(page.get_by_test_id("next-action")).to_have_count(0)
        learner.open("/app/quiz/")
        card = page.get_by_test_id("quiz-card").filter(has_text=taker.quiz)
        _press(page, card.get_by_test_id("quiz-open"))
    expect(page.get_by_test_id("quiz-time")).to_have_text("12:00")
    check_page(learner, Visit(taker.language, "intro"))
    _press(page, page.get_by_test_id("quiz-start"))
    expect(page.get_by_test_id("quiz-timer")).to_have_text(re.compile(r"^(12:00|11:5\d)$"))
    question = page.get_by_test_id("quiz-question")
    for number in range(1, 9):
        expect(question).to_have_attribute("id", f"question-{number}")
        if number in {1, 4, 8}:
            check_page(learner, Visit(taker.language, f"question {number}"))
        _answer(page, taker, question)
        if number == 4:
            before = _state(question)
            page.reload()
            assert _state(question) == before
        _press(page, page.get_by_test_id("quiz-finish" if number == 8 else "quiz-next"))
    submit = page.get_by_test_id("quiz-submit")
    expect(submit).to_be_visible()
    check_page(learner, Visit(taker.language, "confirmation"))
    _press(page, submit)
    expect(page.get_by_test_id("quiz-percent")).to_have_text(taker.result)
    expect(page.get_by_test_id("quiz-score")).to_have_text(taker.score)
    expect(page.get_by_test_id("quiz-passed")).to_have_text(taker.passed)
    check_page(learner, Visit(taker.language, "result"))
    learner.open("/app/")
    expect(page.get_by_test_id("next-action")).to_have_count(0)
    learner.assert_clean()
