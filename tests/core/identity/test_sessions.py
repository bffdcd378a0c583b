"""Sessions and devices: what the page shows, ending one or all others, idle time, new devices."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.core import mail

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

LIST = "/accounts/sessions/"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


def sign_in(client: Any, email: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": PASSWORD})


@pytest.fixture
def two(client_for: Any, tenant_a: Any, learner_a: Any) -> tuple[Any, Any]:
    """Lina on her computer and on her phone."""
    computer = client_for(tenant_a, HTTP_USER_AGENT=FIREFOX, REMOTE_ADDR="192.0.2.1")
    phone = client_for(tenant_a, HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="2001:db8::7")
    for client in (computer, phone):
        sign_in(client, learner_a.email)
    return computer, phone


def rows_of(client: Any) -> list[Any]:
    found: list[Any] = client.get(LIST).context["sessions"]
    return found


def is_in(client: Any) -> bool:
    return bool(client.get("/api/v1/me").status_code == 200)


def test_the_page_shows_browser_address_and_the_current_one(two: Any) -> None:
    found = [
        (row.browser, row.is_hand_held, row.address, row.is_current) for row in rows_of(two[0])
    ]
    assert found == [
        ("Firefox 140, Windows", False, "192.0.2.1", True),
        ("Safari 18, iPhone", True, "2001:db8::7", False),
    ]
    page = two[0].get(LIST).content.decode()
    assert (page.count('data-testid="session"'), page.count(" data-current>")) == (2, 1)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (FIREFOX, "Firefox 140, Windows"),
        (IPHONE, "Safari 18, iPhone"),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/139.0.0.0 Safari/537.36",
            "Chrome 139, Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/139.0.0.0 Safari/537.36 Edg/139.0.0.0",
            "Edge 139, Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko) "
            "SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
            "Samsung Internet 28, Android",
        ),
        ("curl/8.5.0", "Navigateur inconnu"),
        ("", "Navigateur inconnu"),
        ("<script>" * 1000, "Navigateur inconnu"),
    ],
)
def test_browsers_in_words(header: str, expected: str) -> None:
    from django.utils import translation

    from tremplin.identity.internal import browsers

    with translation.override("fr"):
        assert browsers.label(header) == expected


def test_ending_one_session(two: Any, tenant_a: Any, learner_a: Any, inside: Any) -> None:
    from tremplin.kernel.models import AuditEvent

    computer, phone = two
    pk = next(row.id for row in rows_of(computer) if not row.is_current)
    assert computer.post(f"{LIST}{pk}/end/")["Location"] == LIST
    assert (is_in(computer), is_in(phone)) == (True, False)
    assert [row.is_current for row in rows_of(computer)] == [True]
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="security.sessions_revoked")
        assert (event.target, event.actor, event.data) == (
            f"person:{learner_a.pk}",
            learner_a.pk,
            {"sessions": 1},
        )


def test_ending_the_current_one_signs_out(two: Any) -> None:
    pk = next(row.id for row in rows_of(two[0]) if row.is_current)
    assert two[0].post(f"{LIST}{pk}/end/")["Location"] == "/accounts/login/"
    assert (is_in(two[0]), is_in(two[1])) == (False, True)


def test_sessions_of_others_are_unknown(
    two: Any, client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any
) -> None:
    pks = [row.id for row in rows_of(two[0])]
    colleague = client_for(tenant_a, make_person(tenant_a, "autre@x.example"))
    stranger = client_for(tenant_b, make_person(tenant_b, "lina@mecaformation.example"))
    for client in (colleague, stranger):
        assert {client.post(f"{LIST}{pk}/end/").status_code for pk in pks} == {404}
    assert (
        client_for(tenant_a).post(f"{LIST}{pks[0]}/end/")["Location"].startswith("/accounts/login/")
    )
    assert two[0].get(f"{LIST}{pks[0]}/end/").status_code == 405
    assert (is_in(two[0]), is_in(two[1])) == (True, True)


def test_ending_all_others_keeps_this_one_and_its_first_moment(
    two: Any, client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    computer, phone = two
    unlisted = client_for(tenant_a, learner_a)  # a session that no list knows
    opened = rows_of(computer)[0].opened_at
    assert computer.post(LIST)["Location"] == LIST
    assert (is_in(computer), is_in(phone), is_in(unlisted)) == (True, False, False)
    left = rows_of(computer)
    assert [(row.is_current, row.opened_at) for row in left] == [(True, opened)]


def test_tokens_of_applications_die_with_their_session(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    application = client_for(tenant_a)
    answer = application.post(
        "/_allauth/app/v1/auth/login",
        json.dumps({"email": learner_a.email, "password": PASSWORD}),
        content_type="application/json",
    )
    token = answer.json()["meta"]["session_token"]
    headers = {"x-session-token": token}
    session = "/_allauth/app/v1/auth/session"
    assert client_for(tenant_a).get(session, headers=headers).status_code == 200
    browser = client_for(tenant_a)
    sign_in(browser, learner_a.email)
    browser.post(LIST)
    assert client_for(tenant_a).get(session, headers=headers).status_code == 410


def test_streams_close_with_the_session(two: Any, monkeypatch: Any, learner_a: Any) -> None:
    from tremplin.kernel.realtime import publishing

    kicked = []
    monkeypatch.setattr(publishing, "kick", kicked.append)
    pk = next(row.id for row in rows_of(two[0]) if not row.is_current)
    two[0].post(f"{LIST}{pk}/end/")
    two[0].post(LIST)
    assert kicked == [learner_a.pk, learner_a.pk]


# --- idle time ------------------------------------------------------------------------------------


def idle_for(client: Any, tenant: Any, inside: Any, seconds: float) -> None:
    with inside(tenant):
        session = client.session
        session["last_activity"] = int(time.time() - seconds)
        session.save()


@pytest.mark.parametrize(("seconds", "ended"), [(15 * 60, False), (15 * 60 + 32, True)])
def test_idle_sessions_end(
    client_for: Any,
    tenant_a: Any,
    learner_a: Any,
    policy: Any,
    inside: Any,
    seconds: int,
    ended: bool,
) -> None:
    from tremplin.kernel.models import AuditEvent

    policy(tenant_a, idle_minutes=15)
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    client.get("/app/")
    idle_for(client, tenant_a, inside, seconds)
    answer = client.get("/app/profile/?x=1")
    if not ended:
        assert answer.status_code == 200
        return
    assert answer["Location"] == "/accounts/login/?next=%2Fapp%2Fprofile%2F%3Fx%3D1"
    text = "Vous avez été déconnecté·e après 15 minutes sans activité."
    assert text in client.get(answer["Location"]).content.decode()
    assert client.get("/api/v1/me").status_code == 401
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="security.session_idle")
        assert (event.target, event.data) == (f"person:{learner_a.pk}", {"minutes": 15})


def test_idle_answers_of_the_api_and_of_htmx(
    client_for: Any, tenant_a: Any, learner_a: Any, policy: Any, inside: Any
) -> None:
    policy(tenant_a, idle_minutes=5)
    for path, headers in (("/api/v1/me", {}), ("/app/", {"hx-request": "true"})):
        client = client_for(tenant_a)
        sign_in(client, learner_a.email)
        client.get("/app/")
        idle_for(client, tenant_a, inside, 400)
        answer = client.get(path, headers=headers)
        if path == "/app/":
            assert (answer.status_code, answer["HX-Redirect"]) == (
                204,
                "/accounts/login/?next=%2Fapp%2F",
            )
        else:
            assert (answer.status_code, answer.json()["code"]) == (401, "session_idle")


def test_activity_is_written_twice_a_minute_at_most(
    client_for: Any, tenant_a: Any, learner_a: Any, policy: Any, inside: Any
) -> None:
    policy(tenant_a, idle_minutes=5)
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    client.get("/app/")
    idle_for(client, tenant_a, inside, 20)
    before = client_session(client, tenant_a, inside)
    client.get("/app/")
    assert client_session(client, tenant_a, inside) == before
    idle_for(client, tenant_a, inside, 40)
    client.get("/app/")
    assert client_session(client, tenant_a, inside) == pytest.approx(time.time(), abs=5)


def client_session(client: Any, tenant: Any, inside: Any) -> Any:
    with inside(tenant):
        return client.session["last_activity"]


def test_no_idle_time_unless_the_space_asks(
    client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any, policy: Any, inside: Any
) -> None:
    policy(tenant_a, idle_minutes=5)
    found = {}
    for tenant in (tenant_a, tenant_b):
        client = client_for(tenant, make_person(tenant, "meme@x.example"))
        client.get("/app/")
        idle_for(client, tenant, inside, 3600)
        found[tenant.slug] = is_in(client)
    assert found == {tenant_a.slug: False, tenant_b.slug: True}


# --- new devices ----------------------------------------------------------------------------------


@pytest.fixture
def sent(monkeypatch: Any) -> list[dict[str, Any]]:
    """The notices put in the queue of mails."""
    from tremplin.api import tasks as task_api

    found: list[dict[str, Any]] = []

    def note(task: Any, **values: Any) -> None:
        if task.name.endswith("send_device_notice"):
            found.append(values)

    monkeypatch.setattr(task_api, "enqueue", note)
    return found


def test_a_new_browser_is_announced_once(
    client_for: Any, tenant_a: Any, learner_a: Any, sent: Any
) -> None:
    first = client_for(tenant_a, HTTP_USER_AGENT=FIREFOX)
    sign_in(first, learner_a.email)
    assert sent == []  # the first sign-in of an account announces nothing
    first.post("/accounts/logout/")
    sign_in(first, learner_a.email)
    assert sent == []
    sign_in(client_for(tenant_a, HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="192.0.2.9"), learner_a.email)
    assert [(one["person"], one["address"], one["user_agent"]) for one in sent] == [
        (str(learner_a.pk), "192.0.2.9", IPHONE)
    ]


def test_a_shared_computer_knows_each_of_its_people(
    client_for: Any, tenant_a: Any, learner_a: Any, make_person: Any, sent: Any
) -> None:
    other = make_person(tenant_a, "autre@x.example")
    for person in (learner_a, other):
        sign_in(client_for(tenant_a), person.email)
    shared = client_for(tenant_a)
    for person in (learner_a, other, learner_a, other):
        sign_in(shared, person.email)
        shared.post("/accounts/logout/")
    assert [one["person"] for one in sent] == [str(learner_a.pk), str(other.pk)]


def test_the_mark_of_one_space_is_not_that_of_the_other(
    client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any, sent: Any
) -> None:
    people = {tenant.slug: make_person(tenant, "meme@x.example") for tenant in (tenant_a, tenant_b)}
    home, abroad = client_for(tenant_a), client_for(tenant_b)
    for client in (home, abroad):
        sign_in(client, "meme@x.example")
    visitor = client_for(tenant_b)
    visitor.cookies["device"] = home.cookies["device"].value
    sign_in(visitor, "meme@x.example")
    assert [one["person"] for one in sent] == [str(people[tenant_b.slug].pk)]
    assert home.cookies["device"]["httponly"] is True
    assert home.cookies["device"]["domain"] == ""


def test_the_notice_names_browser_and_address(tenant_a: Any, learner_a: Any, inside: Any) -> None:
    from tremplin.identity import tasks

    with inside(tenant_a):
        tasks.send_device_notice.run(
            person=str(learner_a.pk),
            at="2026-11-20T09:30:00+00:00",
            address="192.0.2.9",
            user_agent=IPHONE,
        )
    assert [message.subject for message in mail.outbox] == ["Nouvelle connexion à votre compte"]
    assert "Adresse\u202f: 192.0.2.9. Navigateur\u202f: Safari 18, iPhone." in mail.outbox[0].body
