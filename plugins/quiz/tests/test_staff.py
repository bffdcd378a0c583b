"""Marking by people, results, exports, erasure, contributions, demo content."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugins.quiz.internal import marking, tables
from plugins.quiz.internal.content import parse_content
from plugins.quiz.models import Answer, Assignment, Attempt, Mark, Question, QuestionVersion, Quiz
from plugins.quiz.services import assigning, authoring, taking
from plugins.quiz.services.authoring import Wording

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("Europe/Paris"))


@pytest.fixture
def essay_quiz(school: Any, karim: Any, ctx_of: Any, freeze: Any) -> Quiz:
    """A quiz of one true/false question and one essay of three points."""
    freeze(START)
    ctx = ctx_of(karim)
    quiz = Quiz.objects.create(title="=Essay", state="published", open_to_all=True, pass_percent=50)
    section = authoring.create_section(quiz)
    wordings = [
        Wording(
            "Is it so?", parse_content({"kind": "truefalse", "correct": True}), skills=("logic",)
        ),
        Wording("Why?", parse_content({"kind": "essay"}), skills=("writing",), points=D(3)),
    ]
    authoring.choose_questions(section, [authoring.create_question(ctx, w) for w in wordings])
    return quiz


def submitted(ctx: Any, quiz: Quiz, *values: Any) -> Attempt:
    attempt = taking.start(ctx, quiz)
    for position, value in enumerate(values):
        taking.save_answer(ctx, attempt.pk, position, {"value": value}, revision=1)
    return taking.submit(ctx, attempt)


def test_an_essay_waits_for_a_person_and_completes_once(
    essay_quiz: Quiz, lina: Any, karim: Any, ctx_of: Any, client_for: Any, school: Any
) -> None:
    from tremplin.kernel.models import OutboxEvent

    attempt = submitted(ctx_of(lina), essay_quiz, "true", "Because.")
    assert (attempt.state, attempt.percent) == ("submitted", None)
    assert OutboxEvent.objects.filter(name="tremplin.quiz.attempt_completed.v1").count() == 0
    client = client_for(school, karim)
    assert client.get("/console/quiz/marking/").content.count(b'data-testid="marking-row"') == 1
    answer = Answer.objects.get(attempt=attempt, position=1)
    url = f"/console/quiz/marking/{answer.pk}/"
    assert client.get(url).status_code == 200
    assert client.post(url, {"score": "3,5"}).status_code == 422
    assert client.post(url, {"score": "beaucoup"}).status_code == 422
    assert Mark.objects.count() == 0
    response = client.post(url, {"score": "2,5", "comment": "Clear.", "action": "next"})
    assert response.url == "/console/quiz/marking/"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.score, attempt.percent, attempt.passed) == (
        "completed", D("3.5"), D("87.50"), True,
    )  # fmt: skip
    client.post(url, {"score": "1"})
    attempt.refresh_from_db()
    assert (attempt.percent, attempt.passed) == (D("50.00"), True)
    assert [(m.former, m.score) for m in Mark.objects.all()] == [(None, D("2.5")), (D("2.5"), D(1))]
    names = sorted(OutboxEvent.objects.filter(name__contains="quiz").values_list("name", flat=True))
    assert names == ["tremplin.quiz.attempt_completed.v1", "tremplin.quiz.attempt_remarked.v1"]


def test_versions_are_immutable_and_attempts_keep_theirs(
    essay_quiz: Quiz, lina: Any, karim: Any, ctx_of: Any
) -> None:
    attempt = taking.start(ctx_of(lina), essay_quiz)
    question = Question.objects.get(current__kind="truefalse")
    former = question.current
    new = Wording("Is it not so?", parse_content({"kind": "truefalse", "correct": False}))
    assert authoring.revise_question(ctx_of(karim), question, new).number == 2
    assert Answer.objects.get(attempt=attempt, position=0).version == former
    with pytest.raises(TypeError, match="immutable"):
        former.save()


@pytest.mark.parametrize(
    ("grading", "expected"),
    [("highest", "100"), ("average", "50.00"), ("first", "25"), ("last", "25")],
)
def test_grading_methods(grading: str, expected: str) -> None:
    from plugins.quiz.selectors import graded_percent

    quiz = Quiz(grading=grading)
    attempts = [Attempt(number=n, percent=D(p)) for n, p in ((3, "25"), (1, "25"), (2, "100"))]
    assert graded_percent(quiz, attempts) == D(expected)
    assert graded_percent(quiz, []) is None


def test_assigning_tells_each_person_once_and_says_so(
    pack_quiz: Quiz, school: Any, karim: Any, lina: Any, person: Any, ctx_of: Any, fake_service: Any
) -> None:
    from tremplin.identity.services import add_to_cohort, ensure_cohort
    from tremplin.kernel.models import OutboxEvent

    sent: list[tuple[Any, ...]] = []

    class Notify:
        def send(self, persons: Any, key: str, **texts: Any) -> int:
            sent.append((sorted(persons, key=str), key, texts["title"]["en"], texts["title"]["fr"]))
            return len(persons)

    fake_service("notify", Notify())
    theo, cohort = person(school, "theo"), ensure_cohort("2026-A")
    for member in (lina, theo):
        add_to_cohort(member, cohort)
    ctx = ctx_of(karim)
    assert assigning.assign(ctx, pack_quiz, cohorts=[cohort.pk], people=[lina.pk]) == 2
    assert (
        assigning.assign(ctx, pack_quiz, cohorts=[cohort.pk], due_at=START + timedelta(days=30))
        == 0
    )
    assert [(row[0], row[1]) for row in sent] == [
        (sorted([lina.pk, theo.pk], key=str), "quiz.assigned")
    ]
    assert sent[0][2] == f"New quiz: {pack_quiz.title}"
    assert Assignment.objects.count() == 2
    events = OutboxEvent.objects.filter(name="tremplin.learning.content_assigned.v1").order_by("id")
    assert [(e.payload["people"], e.payload["cohorts"]) for e in events] == [(1, 1), (0, 1)]


def test_assigning_strangers_is_refused(
    pack_quiz: Quiz, tenant_b: Any, person: Any, karim: Any, ctx_of: Any
) -> None:
    from tremplin.api import Problem

    stranger = person(tenant_b, "sofia")
    with pytest.raises(Problem, match="person_unknown"):
        assigning.assign(ctx_of(karim), pack_quiz, people=[stranger.pk])
    pack_quiz.state = "draft"
    with pytest.raises(Problem, match="quiz_not_published"):
        assigning.assign(ctx_of(karim), pack_quiz, people=[karim.pk])
    assert Assignment.objects.count() == 0


def test_exports_hold_results_and_no_formula(
    essay_quiz: Quiz, lina: Any, karim: Any, ctx_of: Any, client_for: Any, school: Any
) -> None:
    from openpyxl import load_workbook

    lina.first_name = "=HYPERLINK"
    lina.save()
    submitted(ctx_of(lina), essay_quiz, "true", "")
    client = client_for(school, karim)
    body = client.get(f"/console/quiz/{essay_quiz.pk}/attempts.csv").content
    assert body.startswith(b"\xef\xbb\xbf")
    head, row = list(csv.reader(io.StringIO(body.decode("utf-8-sig")), delimiter=";"))
    assert row[0].startswith("'=HYPERLINK")
    assert row[6:9] == ["1,00000", "4,00000", "25,00"]
    assert head[-2:] == ["logic", "writing"]
    assert row[-2:] == ["100,00", "0,00"]
    sheet = load_workbook(
        io.BytesIO(client.get(f"/console/quiz/{essay_quiz.pk}/attempts.xlsx").content)
    ).active
    assert sheet["A2"].value.startswith("'=HYPERLINK")
    assert (sheet["A2"].data_type, sheet["I2"].value) == ("s", 25)
    assert client.get(f"/console/quiz/{essay_quiz.pk}/attempts.exe").status_code == 404


@pytest.mark.parametrize("start", list(tables.TRIGGERS))
def test_no_text_cell_starts_a_formula(start: str) -> None:
    assert tables.harmless(f"{start}cmd") == f"'{start}cmd"


def test_erasing_a_person_keeps_the_aggregates(
    essay_quiz: Quiz, lina: Any, karim: Any, ctx_of: Any
) -> None:
    from django.db import connection

    from plugins.quiz.privacy import QuizPersonalData
    from plugins.quiz.services.statistics import refresh

    ctx = ctx_of(karim)
    data = QuizPersonalData()
    submitted(ctx_of(lina), essay_quiz, "true", "")
    Assignment.objects.create(quiz=essay_quiz, person=lina.pk, created_at=ctx.now())
    taking.start(ctx_of(lina), essay_quiz)
    before = [(row.facility, row.people) for row in refresh(ctx, essay_quiz)]
    files = {file.name: file.data for file in data.export(ctx, lina.pk)}
    assert [a["state"] for a in files["quiz/attempts.json"]] == ["completed", "in_progress"]
    assert len(files["quiz/assignments.json"]) == 1
    assert data.erase(ctx, lina.pk) > 0
    assert data.erase(ctx, lina.pk) == 0
    attempt = Attempt.objects.get()
    assert (attempt.person, attempt.percent, attempt.state) == (None, D("25.00"), "completed")
    assert Answer.objects.filter(response__isnull=False).count() == 0
    assert [(row.facility, row.people) for row in refresh(ctx, essay_quiz)] == before
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("quiz_"):
                cursor.execute(
                    f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", [f"%{lina.pk}%"]
                )
                assert cursor.fetchone() == (0,), table


def test_statistics_count_first_attempts_only(
    essay_quiz: Quiz, school: Any, person: Any, ctx_of: Any
) -> None:
    from plugins.quiz.services.statistics import refresh

    for index, value in enumerate(["true", "true", "false", "true"]):
        ctx = ctx_of(person(school, f"p{index}"))
        submitted(ctx, essay_quiz, value, "")
        submitted(ctx, essay_quiz, "false", "")
    rows = {row.version.kind: row for row in refresh(ctx, essay_quiz)}
    assert (rows["truefalse"].people, rows["truefalse"].facility) == (4, D("0.75"))
    assert rows["essay"].facility == 0
    assert rows["truefalse"].correlation is None


def test_learners_are_told_what_to_do_next(
    pack_quiz: Quiz, lina: Any, ctx_of: Any, django_assert_num_queries: Any
) -> None:
    from plugins.quiz.contributions import next_actions, skill_evidence

    ctx = ctx_of(lina)
    assert next_actions(ctx) == []
    Assignment.objects.create(quiz=pack_quiz, person=lina.pk, created_at=ctx.now())
    ctx.can("quiz.take")
    with django_assert_num_queries(2):
        actions = next_actions(ctx)
    assert [(a.url, a.weight) for a in actions] == [(f"/app/quiz/{pack_quiz.pk}/", 80)]
    attempt = taking.start(ctx, pack_quiz)
    assert [a.weight for a in next_actions(ctx)] == [95]
    for position, value in enumerate(
        ["k2", "k1", "k3", ["k1", "k2", "k3", "k4", "k5"], ["k1", "k2", "k4"], "false"]
    ):
        taking.save_answer(ctx, attempt.pk, position, {"value": value}, revision=1)
    taking.submit(ctx, attempt)
    assert next_actions(ctx) == []
    with django_assert_num_queries(1):
        evidence = skill_evidence(ctx, ctx.person)
    assert {(e.skill, e.strength) for e in evidence} == {
        ("securite-electrique", 1.0), ("epi", 1.0), ("calcul", 0.0), ("diagnostic", 0.0),
    }  # fmt: skip


def test_demo_content_is_the_documented_one_and_the_same_twice(
    school: Any, person: Any, karim: Any, ctx_of: Any, freeze: Any
) -> None:
    from plugins.quiz.internal.demo import seed_demo
    from tremplin.identity.services import add_to_cohort, ensure_cohort
    from tremplin.kernel.models import OutboxEvent

    freeze(START)
    cohort = ensure_cohort("Bac Pro VE 2026-B")
    people = [person(school, name) for name in ("lina", *(f"gen{n}" for n in range(5)))]
    for member in people:
        add_to_cohort(member, cohort)
    ctx = ctx_of(karim)
    for _time in range(2):
        seed_demo(ctx, 20261120)
    quiz = Quiz.objects.get()
    assert (quiz.title, quiz.assignments.count()) == (
        "Sécurité haute tension sur véhicule électrique",
        1,
    )
    assert Attempt.objects.count() == 96
    assert Attempt.objects.filter(person=people[0].pk).count() == 0
    assert OutboxEvent.objects.filter(name="tremplin.quiz.attempt_completed.v1").count() == 96
    best: dict[Any, list[Any]] = {}
    for attempt in Attempt.objects.all():
        best.setdefault(attempt.person, []).append(attempt.passed)
    assert sorted(any(passed) for passed in best.values()) == [False, True, True, True, True]
    assert all(a.submitted_at < START for a in Attempt.objects.all())


def test_points_of_every_demo_answer_are_what_marking_says(
    school: Any, karim: Any, pack_quiz: Quiz
) -> None:
    for version in QuestionVersion.objects.all():
        assert marking.mark(version.typed, None).fraction == 0
    assert sum(v.points for v in QuestionVersion.objects.all()) == 8
