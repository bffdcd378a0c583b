"""Every page of the module answers, for the right role only, and says what it must."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugins.quiz.models import Category, ImportBatch, Question, Quiz, Section

pytestmark = pytest.mark.django_db

GIFT = b"""::Capital:: Paris is in {=France ~Spain ~Italy}

::Broken:: {=only one

// comment
::Sum:: 2 + 2 = {#4:0.5}
"""


@pytest.fixture
def client(school: Any, client_for: Any, karim: Any) -> Any:
    return client_for(school, karim)


def test_console_pages_answer(client: Any, pack_quiz: Any) -> None:
    question = Question.objects.filter(current__kind="match").first() or Question.objects.first()
    section = pack_quiz.sections.get()
    draw = Section.objects.create(quiz=pack_quiz, position=1, source="draw", draw_count=2)
    paths = [
        "", "bank/", "bank/?q=VAT&kind=single&difficulty=1", "library/", "marking/", "import/", "export/",
        "export/?format=gift", "widget/activity/",
        f"{pack_quiz.pk}/", f"{pack_quiz.pk}/settings/", f"{pack_quiz.pk}/preview/",
        f"{pack_quiz.pk}/assign/", f"{pack_quiz.pk}/attempts/", f"{pack_quiz.pk}/statistics/",
        f"{pack_quiz.pk}/attempts.csv", f"{pack_quiz.pk}/attempts.xlsx",
        f"{pack_quiz.pk}/sections/{section.pk}/", f"{pack_quiz.pk}/sections/{draw.pk}/",
        f"bank/{question.pk}/versions/",
        *(f"bank/new/{kind}/" for kind in ("single", "multiple", "truefalse", "numeric", "short", "order", "match", "essay", "description")),
        *(f"bank/{q.pk}/" for q in Question.objects.all()),
        *(f"bank/{q.pk}/preview/" for q in Question.objects.all()),
    ]  # fmt: skip
    wrong = {
        path: code
        for path in paths
        if (code := client.get(f"/console/quiz/{path}").status_code) != 200
    }
    assert wrong == {}


def test_learner_pages_answer(school: Any, client_for: Any, lina: Any, pack_quiz: Any) -> None:
    client = client_for(school, lina)
    for path in ("", f"{pack_quiz.pk}/", "widget/progress/", f"widget/person/{lina.pk}/"):
        assert client.get(f"/app/quiz/{path}").status_code == 200, path


def test_assigning_names_the_groups_that_have_it_already(client: Any, pack_quiz: Any) -> None:
    from tremplin.identity.models import Cohort

    group = Cohort.objects.create(name="BTS 1")
    page = f"/console/quiz/{pack_quiz.pk}/assign/"
    assert "déjà attribué" not in client.get(page).content.decode()
    client.post(page, {"cohorts": [str(group.pk)]})
    assert client.get(page).content.decode().count("déjà attribué") == 1


def test_the_preview_of_a_quiz_speaks_of_no_answer(client: Any, pack_quiz: Any) -> None:
    page = client.get(f"/console/quiz/{pack_quiz.pk}/preview/").content.decode()
    assert page.count('data-testid="quiz-corrected"') == 8
    assert "Sans réponse" not in page


def test_learners_do_not_enter_the_console(
    school: Any, client_for: Any, lina: Any, pack_quiz: Any
) -> None:
    client = client_for(school, lina)
    for path in ("", "bank/", "library/", "marking/", "import/", f"{pack_quiz.pk}/assign/"):
        assert client.get(f"/console/quiz/{path}").status_code == 403, path
    assert client.post("/console/quiz/library/python-basics/install/").status_code == 403
    assert Quiz.objects.filter(source_id="pack:python-basics").count() == 0


def rows(*values: dict[str, str]) -> dict[str, str]:
    data = {"rows-TOTAL_FORMS": str(len(values)), "rows-INITIAL_FORMS": "0"}
    for index, row in enumerate(values):
        data |= {f"rows-{index}-{name}": value for name, value in row.items()}
    return data


COMMON = {
    "stem": "Which?",
    "difficulty": "3",
    "points": "1,5",
    "skills": "Python, web",
    "new_category": "A/B",
}


def test_a_question_is_written_then_revised(client: Any) -> None:
    data = COMMON | rows({"text": "yes", "right": "on"}, {"text": "no <b>bold</b>"}, {"text": ""})
    response = client.post("/console/quiz/bank/new/single/", data | {"options-shuffle": "on"})
    question = Question.objects.select_related("current", "category__parent").get()
    assert response.url == f"/console/quiz/bank/{question.pk}/preview/"
    version = question.current
    assert (version.stem, str(version.points), version.skills) == (
        "Which?",
        "1.50000",
        ["python", "web"],
    )
    assert (question.category.name, question.category.parent.name) == ("B", "A")
    assert [(c["text_html"], c["weight"]) for c in version.content["choices"]] == [
        ("yes", "100"), ("no <b>bold</b>", "0"),
    ]  # fmt: skip
    again = COMMON | rows(
        {"key": "k1", "text": "yes", "right": "on"}, {"key": "k2", "text": "never"}
    )
    again |= {
        "rows-INITIAL_FORMS": "2",
        "options-shuffle": "on",
        "category": question.category_id,
        "new_category": "",
    }
    client.post(f"/console/quiz/bank/{question.pk}/", again)
    assert [v.number for v in question.versions.all()] == [1, 2]
    client.post(f"/console/quiz/bank/{question.pk}/", again)
    assert question.versions.count() == 2


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("single", rows({"text": "a"}, {"text": "b"}), "Mark the right choice."),
        ("single", rows({"text": "a", "right": "on"}), "Type at least two choices."),
        (
            "multiple",
            rows({"text": "a", "right": "on", "weight": "30"}, {"text": "b"}),
            "add up to 30",
        ),
        ("numeric", rows({"value": "douze"}), "Type a number, such as 12 or 3,5."),
        ("numeric", rows({"value": "12", "tolerance": "-1"}), "A tolerance is not negative."),
        ("match", rows({"left": "a", "right": "b"}), "Type at least two pairs"),
        ("order", rows({"text": "a"}), "Type at least two items"),
        (
            "single",
            rows({"text": "a", "right": "on", "weight": "101"}, {"text": "b"}),
            "between -100 and 100",
        ),
    ],
)
def test_incomplete_questions_are_refused_with_a_reason(
    client: Any, karim: Any, kind: str, data: dict[str, str], message: str
) -> None:
    karim.locale = "en"
    karim.save()
    options = {"options-rule": "exact"} if kind == "order" else {}
    response = client.post(f"/console/quiz/bank/new/{kind}/", COMMON | data | options)
    assert response.status_code == 422
    assert message in response.content.decode().replace("&#x27;", "'")
    assert Question.objects.count() == 0


def test_adding_a_row_keeps_what_was_typed_and_saves_nothing(client: Any) -> None:
    data = COMMON | rows({"text": "first"}, {"text": "second"}) | {"action": "add_row"}
    response = client.post("/console/quiz/bank/new/single/", data)
    html = response.content.decode()
    assert response.status_code == 200
    assert html.count('data-testid="answer-row"') == 3
    assert "first</textarea>" in html
    assert Question.objects.count() == 0


def test_scripts_in_questions_are_removed(client: Any) -> None:
    data = COMMON | {"stem": "<p onclick='x()'>Hi<script>alert(1)</script></p>"}
    client.post("/console/quiz/bank/new/description/", data)
    assert Question.objects.get().current.stem == "<p>Hi</p>"


def test_a_quiz_is_built_published_and_assigned(
    client: Any, pack_quiz: Any, school: Any, lina: Any
) -> None:
    from tremplin.identity.services import add_to_cohort, ensure_cohort

    cohort = ensure_cohort("2026-A")
    add_to_cohort(lina, cohort)
    client.post("/console/quiz/new/", {"title": "Mine"})
    quiz = Quiz.objects.get(title="Mine")
    client.post(f"/console/quiz/{quiz.pk}/state/", {"state": "published"})
    quiz.refresh_from_db()
    assert quiz.state == "draft"
    section = quiz.sections.get()
    ids = [str(pk) for pk in Question.objects.values_list("pk", flat=True)[:3]]
    client.post(
        f"/console/quiz/{quiz.pk}/sections/{section.pk}/move/", {"action": "add", "question": ids}
    )
    assert section.chosen.count() == 3
    client.post(f"/console/quiz/{quiz.pk}/state/", {"state": "published"})
    response = client.post(
        f"/console/quiz/{quiz.pk}/assign/",
        {"cohorts": [str(cohort.pk)], "people": "nobody@x.example"},
    )
    assert response.status_code == 422
    assert quiz.assignments.count() == 0
    response = client.post(f"/console/quiz/{quiz.pk}/assign/", {"cohorts": [str(cohort.pk)]})
    assert response.status_code == 302
    assert [row.cohort for row in quiz.assignments.all()] == [cohort.pk]


def test_import_shows_everything_then_imports_once(client: Any) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    def upload() -> ImportBatch:
        file = SimpleUploadedFile("bank.gift", GIFT)
        response = client.post("/console/quiz/import/", {"file": file})
        assert response.status_code == 302, response.content.decode()[-3000:]
        return ImportBatch.objects.get(pk=response.url.rstrip("/").split("/")[-1])

    batch = upload()
    html = client.get(f"/console/quiz/import/{batch.pk}/").content.decode()
    assert html.count('data-testid="import-question"') == 2
    assert html.count('data-testid="import-issue"') == 1
    shelf = Category.objects.create(name="Imported")
    client.post(f"/console/quiz/import/{batch.pk}/", {"category": str(shelf.pk)})
    assert sorted(q.current.title for q in Question.objects.filter(category=shelf)) == [
        "Capital",
        "Sum",
    ]
    client.post(f"/console/quiz/import/{batch.pk}/", {"category": str(shelf.pk)})
    again = upload()
    client.post(f"/console/quiz/import/{again.pk}/", {})
    assert [q.versions.count() for q in Question.objects.all()] == [1, 1]


@pytest.mark.parametrize("fmt", ["gift", "moodle_xml", "qti3"])
def test_export_then_import_changes_nothing(client: Any, pack_quiz: Any, fmt: str) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = client.get(f"/console/quiz/export/?format={fmt}&download=1")
    assert file.status_code == 200
    name = {"gift": "q.gift", "moodle_xml": "q.xml", "qti3": "q.zip"}[fmt]
    response = client.post(
        "/console/quiz/import/", {"file": SimpleUploadedFile(name, file.content)}
    )
    html = client.get(response.url).content.decode()
    assert html.count('data-testid="import-question"') == 8
    client.post(response.url, {})
    assert Question.objects.count() == 8
    assert [q.versions.count() for q in Question.objects.all()] == [1] * 8


@pytest.mark.parametrize(
    "data", [b"", b"\x00\xff\x00", b"PK\x03\x04 not a zip", b"<quiz><question"]
)
def test_bad_files_get_a_message_and_change_nothing(client: Any, data: bytes) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    response = client.post("/console/quiz/import/", {"file": SimpleUploadedFile("x.xml", data)})
    if response.status_code == 302:
        html = client.get(response.url).content.decode()
        assert html.count('data-testid="import-issue"') >= 1
        assert 'data-testid="import-question"' not in html
    else:
        assert response.status_code == 422
    assert Question.objects.count() == 0


def test_library_pack_is_installed_once(client: Any) -> None:
    for _time in range(2):
        response = client.post("/console/quiz/library/securite-ht/install/")
    quiz = Quiz.objects.get(source_id="pack:securite-ht")
    assert response.url == f"/console/quiz/{quiz.pk}/assign/"
    assert (Question.objects.count(), quiz.state, quiz.minutes) == (8, "published", 12)


def test_api_lists_with_cursor(client: Any, pack_quiz: Any) -> None:
    answer = client.get("/api/v1/quiz/quizzes?limit=1")
    assert answer.status_code == 200
    data = json.loads(answer.content)
    assert [item["title"] for item in data["items"]] == [pack_quiz.title]
    assert data["next_cursor"] is None
    assert client.get(f"/api/v1/quiz/quizzes/{pack_quiz.pk}/results").json()["items"] == []
