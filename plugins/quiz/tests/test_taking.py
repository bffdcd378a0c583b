"""Taking a quiz over HTTP: autosave, clock, submission, results."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugins.quiz.internal import rendering
from plugins.quiz.models import Answer, Attempt

pytestmark = pytest.mark.django_db

RIGHT: list[Any] = [
    "k2",
    "k1",
    "k3",
    ["k1", "k2", "k3", "k4", "k5"],
    ["k1", "k2", "k4"],
    "false",
    "13",
    "can",
]


def fields(attempt: Attempt, position: int, value: Any) -> dict[str, Any]:
    """Return the form fields that give ``value`` (keys) as the answer at ``position``."""
    version = attempt.answers.select_related("version").get(position=position).version
    names = rendering.tokens(version.typed, f"{attempt.seed}:{position}")
    name = f"a{position}"
    if version.kind == "order":
        return {name: [names[key] for key in value], f"{name}.touched": "1"}
    if version.kind == "match":
        return {f"{name}.{key}": names[option] for key, option in value.items()}
    if isinstance(value, list):
        return {name: [names[key] for key in value]}
    return {name: names.get(value, value)}


def save(client: Any, attempt: Attempt, position: int, value: Any, revision: int = 1) -> Any:
    data = {**fields(attempt, position, value), "position": position, "revision": revision}
    return client.post(f"/app/quiz/attempt/{attempt.pk}/save/", data)


START = datetime(2026, 11, 20, 9, 0, tzinfo=ZoneInfo("Europe/Paris"))


@pytest.fixture
def client(school: Any, client_for: Any, lina: Any, freeze: Any) -> Any:
    freeze(START)
    return client_for(school, lina)


@pytest.fixture
def attempt(client: Any, pack_quiz: Any, lina: Any) -> Attempt:
    response = client.post(f"/app/quiz/{pack_quiz.pk}/")
    found = Attempt.objects.get(person=lina.pk)
    assert response.status_code == 302
    assert response.url == f"/app/quiz/attempt/{found.pk}"
    return found


def test_seven_right_of_eight_gives_87_50_and_one_event(client: Any, attempt: Attempt) -> None:
    from tremplin.kernel.models import OutboxEvent

    for position, value in enumerate(RIGHT):
        given = "k1" if position == 0 else value
        response = save(client, attempt, position, given)
        assert (response.status_code, response.json()["outcome"]) == (200, "saved")
    page = client.get(f"/app/quiz/attempt/{attempt.pk}/confirm/")
    assert b"8 of 8" in page.content or b"8 sur 8" in page.content
    for _time in range(2):
        response = client.post(f"/app/quiz/attempt/{attempt.pk}/submit/")
        assert response.url == f"/app/quiz/attempt/{attempt.pk}/result/"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.percent, attempt.passed) == ("completed", D("87.50"), True)
    assert attempt.skills["securite-electrique"] == {
        "score": "4.00000",
        "max": "5.00000",
        "questions": 5,
    }
    events = OutboxEvent.objects.filter(name="tremplin.quiz.attempt_completed.v1")
    assert [row.payload["percent"] for row in events] == ["87.50"]
    result = client.get(f"/app/quiz/attempt/{attempt.pk}/result/")
    assert result.status_code == 200
    assert 'data-testid="quiz-percent"' in result.content.decode()


def test_every_page_of_an_attempt_shows(client: Any, attempt: Attempt) -> None:
    for number in range(1, 9):
        page = client.get(f"/app/quiz/attempt/{attempt.pk}?q={number}")
        assert page.status_code == 200
        assert page.content.count(b'data-testid="quiz-question"') == 1
        assert b'data-testid="quiz-timer">12:00<' in page.content


@pytest.mark.parametrize("position", [0, 4])
def test_what_the_page_offers_is_what_a_save_understands(
    client: Any, attempt: Attempt, position: int
) -> None:
    import html as markup
    import re

    page = client.get(f"/app/quiz/attempt/{attempt.pk}?q={position + 1}").content.decode()
    pattern = rf'name="a{position}" value="([^"]+)"[^>]*><span>(.*?)</span>'
    shown = {markup.unescape(text): token for token, text in re.findall(pattern, page)}
    content = attempt.answers.select_related("version").get(position=position).version.typed
    assert len(shown) == len(content.choices) == 4
    for revision, choice in enumerate(content.choices, start=1):
        data = {f"a{position}": shown[choice.text_html], "position": position, "revision": revision}
        assert client.post(f"/app/quiz/attempt/{attempt.pk}/save/", data).status_code == 200
        stored = Answer.objects.get(attempt=attempt, position=position).response["value"]
        assert stored in (choice.key, [choice.key])


def test_a_save_costs_few_queries(client: Any, attempt: Attempt) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    data = {**fields(attempt, 0, "k2"), "position": 0, "revision": 1}
    client.get("/app/quiz/")
    with CaptureQueriesContext(connection) as captured:
        response = client.post(f"/app/quiz/attempt/{attempt.pk}/save/", data)
    assert response.status_code == 200
    statements = [row["sql"] for row in captured.captured_queries]
    own = [sql.split()[0] for sql in statements if '"quiz_answer"' in sql]
    assert own == ["SELECT", "UPDATE"]
    asked = [
        sql
        for sql in statements
        if not sql.startswith(("SAVEPOINT", "RELEASE")) and "kernel_state_settingvalue" not in sql
    ]
    # Session, person, module states, rights; then the two above. Settings are kept by the process,
    # but not what is read in a transaction, as in this test.
    assert len(asked) == 6, "\n".join(asked)


def test_retries_are_idempotent_and_never_overwrite_newer_answers(
    client: Any, attempt: Attempt
) -> None:
    assert save(client, attempt, 0, "k1", 1).json()["outcome"] == "saved"
    again = save(client, attempt, 0, "k1", 1)
    assert (again.status_code, again.json()["outcome"]) == (200, "same")
    assert save(client, attempt, 0, "k2", 3).json()["outcome"] == "saved"
    late = save(client, attempt, 0, "k3", 2)
    assert (late.status_code, late.json()["outcome"], late.json()["revision"]) == (409, "stale", 3)
    conflict = save(client, attempt, 0, "k4", 3)
    assert (conflict.status_code, conflict.json()["outcome"]) == (409, "stale")
    assert Answer.objects.get(attempt=attempt, position=0).response == {"value": "k2"}


def test_an_answer_can_be_emptied(client: Any, attempt: Attempt) -> None:
    save(client, attempt, 7, "can", 1)
    assert save(client, attempt, 7, "", 2).json()["answered"] is False
    assert Answer.objects.get(attempt=attempt, position=7).response is None


def test_a_reload_shows_saved_answers_without_telling_the_key(
    client: Any, attempt: Attempt
) -> None:
    order = ["k2", "k1", "k3", "k4", "k5"]
    save(client, attempt, 3, order)
    html = client.get(f"/app/quiz/attempt/{attempt.pk}?q=4").content.decode()
    places = [
        html.index(text) for text in ("Couper et consigner", "Baliser la zone", "Attendre la")
    ]
    assert places == sorted(places)
    assert 'value="k1"' not in html
    assert 'value="1" data-order-touched' in html


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        ({"position": "0"}, 400, "bad_request"),
        ({"position": "x", "revision": "1"}, 400, "bad_request"),
        ({"position": "0", "revision": "0"}, 400, "bad_request"),
        ({"position": "99", "revision": "1"}, 404, "answer_not_found"),
        ({"position": "0", "revision": "1", "a0": "t9"}, 422, "answer_invalid"),
        ({"position": "7", "revision": "1", "a7": "x" * 1001}, 422, "answer_invalid"),
    ],
)
def test_bad_saves_are_refused_and_change_nothing(
    client: Any, attempt: Attempt, data: dict[str, str], status: int, code: str
) -> None:
    response = client.post(f"/app/quiz/attempt/{attempt.pk}/save/", data)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert Answer.objects.filter(attempt=attempt, revision__gt=0).count() == 0


def test_the_form_works_without_script(client: Any, attempt: Attempt) -> None:
    url = f"/app/quiz/attempt/{attempt.pk}/answer/"
    data = {**fields(attempt, 0, "k2"), "shown": "0", "at": "1", "go": "next"}
    assert client.post(url, data).url == f"/app/quiz/attempt/{attempt.pk}?q=2"
    assert Answer.objects.get(attempt=attempt, position=0).response == {"value": "k2"}
    # Moving the first item of the ordering question down twice, with buttons only.
    html = client.get(f"/app/quiz/attempt/{attempt.pk}?q=4").content.decode()
    import re

    for _time in range(2):
        tokens = re.findall(r'name="a3" value="(t\d)"', html)
        form = {
            "a3": tokens,
            "a3.touched": "",
            "shown": "3",
            "at": "4",
            "go": f"move:3:{tokens[0]}:down",
        }
        response = client.post(url, form)
        html = client.get(response.url).content.decode()
        assert re.findall(r'name="a3" value="(t\d)"', html) == [tokens[1], tokens[0], *tokens[2:]]
    assert client.post(url, {"shown": "3", "at": "4", "go": "finish"}).url.endswith("/confirm/")
    assert client.post(url, {"at": "4", "go": "flag:3:on"}).url.endswith("?q=4")
    assert Answer.objects.get(attempt=attempt, position=3).flagged is True


def test_extra_time_of_a_third_makes_sixteen_minutes(
    client: Any, pack_quiz: Any, lina: Any, fake_service: Any
) -> None:
    from tremplin.api.services import Accommodation

    class Profiles:
        def accommodation(self, person: Any) -> Accommodation:
            return Accommodation(extra_time_numerator=1, extra_time_denominator=3)

    fake_service("profiles", Profiles())
    assert b'data-testid="quiz-time">16:00' in client.get(f"/app/quiz/{pack_quiz.pk}/").content
    page = client.post(f"/app/quiz/{pack_quiz.pk}/", follow=True)
    assert b'data-testid="quiz-timer">16:00<' in page.content
    found = Attempt.objects.get(person=lina.pk)
    assert (found.deadline_at - found.started_at, found.extra_time) == (
        timedelta(minutes=16),
        "1/3",
    )


def test_late_answers_are_refused_and_the_attempt_submits_itself(
    client: Any, attempt: Attempt, freeze: Any
) -> None:
    save(client, attempt, 0, "k2")
    freeze(START + timedelta(minutes=12, seconds=15))
    assert save(client, attempt, 1, "k1").status_code == 200
    freeze(START + timedelta(minutes=12, seconds=16))
    late = save(client, attempt, 2, "k3")
    assert (late.status_code, late.json()["code"]) == (409, "time_is_up")
    response = client.get(f"/app/quiz/attempt/{attempt.pk}")
    assert response.url == f"/app/quiz/attempt/{attempt.pk}/result/"
    attempt.refresh_from_db()
    assert (attempt.state, attempt.submitted_by, attempt.percent) == (
        "completed",
        "timeout",
        D("25.00"),
    )
    assert attempt.submitted_at == START + timedelta(minutes=12)


def test_the_reminder_submits_an_abandoned_attempt_once(
    client: Any, attempt: Attempt, freeze: Any
) -> None:
    from plugins.quiz.tasks import submit_overdue
    from tremplin.kernel.models import OutboxEvent
    from tremplin.kernel.state.models import Reminder

    reminder = Reminder.objects.get(key=f"quiz.attempt:{attempt.pk}")
    assert reminder.due_at == START + timedelta(minutes=12, seconds=15)
    freeze(START + timedelta(minutes=13))
    for _time in range(2):
        submit_overdue.run(attempt=str(attempt.pk))
    attempt.refresh_from_db()
    assert (attempt.state, attempt.submitted_by) == ("completed", "timeout")
    assert OutboxEvent.objects.filter(name="tremplin.quiz.attempt_completed.v1").count() == 1


def test_attempts_end_and_windows_close(
    client: Any, pack_quiz: Any, lina: Any, freeze: Any
) -> None:
    pack_quiz.attempts_allowed = 1
    pack_quiz.closes_at = START + timedelta(minutes=5)
    pack_quiz.save()
    client.post(f"/app/quiz/{pack_quiz.pk}/")
    found = Attempt.objects.get(person=lina.pk)
    assert found.deadline_at == START + timedelta(minutes=5)
    client.post(f"/app/quiz/attempt/{found.pk}/submit/")
    assert client.post(f"/app/quiz/{pack_quiz.pk}/").status_code == 409
    pack_quiz.attempts_allowed = None
    pack_quiz.save()
    freeze(START + timedelta(minutes=6))
    assert client.post(f"/app/quiz/{pack_quiz.pk}/").status_code == 409
    assert Attempt.objects.count() == 1


def test_a_sequential_quiz_allows_no_way_back(client: Any, pack_quiz: Any, lina: Any) -> None:
    pack_quiz.navigation = "sequential"
    pack_quiz.save()
    client.post(f"/app/quiz/{pack_quiz.pk}/")
    found = Attempt.objects.get(person=lina.pk)
    url = f"/app/quiz/attempt/{found.pk}/answer/"
    client.post(url, {**fields(found, 0, "k2"), "shown": "0", "at": "1", "go": "next"})
    back = save(client, found, 0, "k3", 5)
    assert (back.status_code, back.json()["code"]) == (409, "no_way_back")
    html = client.get(f"/app/quiz/attempt/{found.pk}?q=1").content.decode()
    assert 'id="question-2"' in html
    client.post(url, {"at": "2", "go": "jump:8"})
    assert 'id="question-2"' in client.get(f"/app/quiz/attempt/{found.pk}?q=8").content.decode()


def test_practice_shows_feedback_after_each_answer_and_closes_it(
    client: Any, pack_quiz: Any, lina: Any
) -> None:
    pack_quiz.review = "practice"
    pack_quiz.save()
    client.post(f"/app/quiz/{pack_quiz.pk}/")
    found = Attempt.objects.get(person=lina.pk)
    url = f"/app/quiz/attempt/{found.pk}/answer/"
    client.post(url, {**fields(found, 0, "k1"), "shown": "0", "at": "1", "go": "check:0"})
    html = client.get(f"/app/quiz/attempt/{found.pk}?q=1").content.decode()
    assert "Le repérage orange signale la haute tension." in html
    closed = save(client, found, 0, "k2", 9)
    assert (closed.status_code, closed.json()["code"]) == (409, "answer_checked")


def test_corrections_wait_for_the_closing_when_asked(
    client: Any, pack_quiz: Any, lina: Any, freeze: Any
) -> None:
    pack_quiz.review, pack_quiz.closes_at = "close", START + timedelta(hours=1)
    pack_quiz.save()
    client.post(f"/app/quiz/{pack_quiz.pk}/")
    found = Attempt.objects.get(person=lina.pk)
    client.post(f"/app/quiz/attempt/{found.pk}/submit/")
    url = f"/app/quiz/attempt/{found.pk}/result/"
    assert client.get(url).content.count(b'data-testid="quiz-corrected"') == 0
    freeze(START + timedelta(hours=1))
    assert client.get(url).content.count(b'data-testid="quiz-corrected"') == 8


def test_nobody_else_sees_an_attempt(
    client: Any,
    attempt: Attempt,
    school: Any,
    tenant_b: Any,
    person: Any,
    client_for: Any,
    switched_on: Any,
) -> None:
    switched_on(tenant_b)
    strangers = [
        client_for(school, person(school, "theo")),
        client_for(tenant_b, person(tenant_b, "sofia")),
        client_for(tenant_b, person(tenant_b, "nadia", "admin")),
    ]
    for stranger in strangers:
        for path in ("", "/", "/confirm/", "/result/"):
            assert stranger.get(f"/app/quiz/attempt/{attempt.pk}{path}").status_code == 404, path
        assert save(stranger, attempt, 0, "k2").status_code == 404
        assert stranger.post(f"/app/quiz/attempt/{attempt.pk}/submit/").status_code == 404
    attempt.refresh_from_db()
    assert attempt.state == "in_progress"
    assert Answer.objects.filter(attempt=attempt, revision__gt=0).count() == 0


def test_a_random_draw_is_stable_for_an_attempt(school: Any, pack_quiz: Any) -> None:
    from plugins.quiz.models import Section
    from plugins.quiz.services.taking import draw

    pack_quiz.sections.all().delete()
    Section.objects.create(
        quiz=pack_quiz, source="draw", draw_count=3, draw_skills=["securite-electrique"]
    )
    Section.objects.create(
        quiz=pack_quiz, position=1, source="draw", draw_count=9, draw_tags=["securite"]
    )
    first = [version.pk for version, _points, _section in draw(pack_quiz, 7)]
    assert first == [version.pk for version, _points, _section in draw(pack_quiz, 7)]
    assert len(set(first)) == len(first) == 8
    assert {tuple(v.pk for v, _p, _s in draw(pack_quiz, seed))[:3] for seed in range(30)} != {
        tuple(first[:3])
    }
