"""What somebody tries by hand (journey J8): each attempt fails, safely and in the same words."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from inspect import signature
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.core.files.storage import default_storage

from tenants.context import use
from tests.isolation import traces
from tests.isolation import world as worlds
from tests.isolation.asking import Asked, ask
from tests.isolation.routes import routes
from tests.isolation.world import World

pytestmark = pytest.mark.django_db


def get(host: str, path: str, cookie: str = "") -> Asked:
    """Open a page; nothing is watched."""
    return ask(host, "GET", path, cookie=cookie, watched="public")


def post(host: str, path: str, data: dict[str, Any], cookie: str = "") -> Asked:
    """Send a form; nothing is watched."""
    return ask(host, "POST", path, cookie=cookie, data=data, watched="public")


# --- sessions, ids, search -----------------------------------------------------------------------


def test_a_session_is_anonymous_on_every_other_host(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    victim, own = victim_and_own
    key = victim.cookies["admin"]
    assert get(victim.host, "/api/v1/me", key).status == 200
    for host in (own.host, hq.primary_host):
        assert get(host, "/api/v1/me", key).status == 401
        page = get(host, "/app/", key)
        assert (page.status, page.headers["Location"]) == (302, "/accounts/login/?next=%2Fapp%2F")


def test_an_attempt_of_another_school_does_not_exist(victim_and_own: tuple[World, World]) -> None:
    victim, own = victim_and_own
    for attempt in (victim.ids["attempt"], victim.ids["open_attempt"]):
        for role in ("learner", "admin"):
            for path in (f"/app/quiz/attempt/{attempt}", f"/app/quiz/attempt/{attempt}/result/"):
                assert get(own.host, path, own.cookies[role]).status == 404
            assert (
                get(own.host, f"/api/v1/quiz/attempts/{attempt}", own.cookies[role]).status == 404
            )
    assert get(
        own.host, f"/api/v1/quiz/attempts/{own.ids['attempt']}", own.cookies["learner"]
    ).status == 200  # fmt: skip


def test_sofia_is_found_at_home_only(both: tuple[World, World]) -> None:
    from tremplin.api import services
    from tremplin.identity.services import create_person

    mecaformation, lycee = both
    with use(lycee.tenant):
        create_person(email="sofia@lycee.example", first_name="Sofia", last_name="Marchetti")
    for own, found in ((mecaformation, 0), (lycee, 1)):
        key = own.cookies["admin"]
        api = get(own.host, "/api/v1/people?text=Sofia", key)
        assert api.text.count('"display_name"') == found
        page = get(own.host, "/console/people/?q=Sofia", key)
        assert (page.status, page.text.count("Marchetti") > 0) == (200, bool(found))
        with use(own.tenant):
            assert len(services.people().search("Sofia")) == found


# --- hosts ---------------------------------------------------------------------------------------


PATHS = (
    "/", "/app/", "/console/people/", "/accounts/login/", "/start/", "/platform/", "/api/v1/me",
    "/api/v1/openapi.json", "/_demo/outbox/", "/console/quiz/export/",
)  # fmt: skip
HOSTS = ("evil.example", "mecaformation.evil.example", "localhost.", "[")


def test_an_unknown_host_tells_nothing(both: tuple[World, World], space: Any) -> None:
    watches = [traces.Traces(one) for one in both]
    for host in HOSTS:
        for path in PATHS:
            answer = get(host, path, both[0].cookies["admin"])
            assert answer.status == 404, (host, path)
            for watch in watches:
                assert watch.found(answer.text, [host, path]) == []
            assert space("hq").name not in answer.text
            assert "Set-Cookie" not in answer.headers


def test_static_files_belong_to_no_host(db: None) -> None:
    answer = get("evil.example", "/static/kernel/rt.js")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_the_administrator_of_a_school_finds_no_other_console(both: tuple[World, World]) -> None:
    for path in ("/platform/", "/reseller/", "/django-admin/", "/django-admin/login/", "/admin/"):
        for one in both:
            assert get(one.host, path, one.cookies["admin"]).status == 404, path


# --- modules and licences ------------------------------------------------------------------------


def quiz_pages(world: World) -> list[tuple[str, Any]]:
    return [
        (worlds.address(route.name, route.pattern, world), route)
        for route in routes()
        if route.name.split(":")[0].removesuffix("_console") == "quiz"
    ]


def test_a_module_that_is_off_is_a_404_and_says_so_to_the_administrator(
    both: tuple[World, World],
) -> None:
    from tremplin.kernel import gate

    own, other = both
    with use(own.tenant):
        gate.deactivate(own.tenant, "quiz")
    pages = quiz_pages(own)
    for path, _route in pages:
        learner = get(own.host, path, own.cookies["learner"])
        admin = get(own.host, path, own.cookies["admin"])
        assert (get(own.host, path).status, learner.status, admin.status) == (404, 404, 404), path
        assert "/console/modules/quiz/" not in learner.text
        assert 'href="/console/modules/quiz/"' in admin.text
        assert own.ids["attempt"] not in admin.text.replace(path, "")
    for path in ("quizzes", "attempts", f"attempts/{own.ids['attempt']}"):
        assert get(own.host, f"/api/v1/quiz/{path}", own.cookies["admin"]).status == 404
    for role in ("learner", "admin"):
        for path in ("/app/", "/console/"):
            assert "/app/quiz/" not in get(own.host, path, own.cookies[role]).text
    assert get(other.host, "/app/quiz/", other.cookies["learner"]).status == 200


def test_an_expired_licence_leaves_everything_readable_and_nothing_writable(
    both: tuple[World, World], freeze: Any
) -> None:
    from tremplin.kernel import gate

    own, _other = both
    now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    freeze(now)
    with use(own.tenant):
        gate.set_licence(own.tenant, "quiz", "on", until=now - timedelta(days=1), reason="over")
    assert gate.mode(own.tenant, "quiz") == "read_only"
    schema = own.tenant.schema_name
    before = traces.fingerprint(schema)
    answers = {}
    for path, route in quiz_pages(own):
        role = "learner" if route.access == "quiz.take" else "admin"
        asked = ask(
            own.host, "POST", path, cookie=own.cookies[role], data={}, watched=schema,
            apart_from=("usersessions_usersession",),  # when she was last seen
        )  # fmt: skip
        answers[path] = (asked.status, asked.writes)
    assert answers == dict.fromkeys(answers, (402, 0))
    assert traces.fingerprint(schema) == before
    readable = {
        "learner": (
            "/app/quiz/", f"/app/quiz/attempt/{own.ids['attempt']}/result/",
            f"/api/v1/quiz/attempts/{own.ids['attempt']}",
        ),
        "admin": (
            "/console/quiz/", f"/console/quiz/{own.ids['quiz']}/attempts/",
            f"/console/quiz/{own.ids['quiz']}/attempts.csv", f"/console/quiz/{own.ids['quiz']}/attempts.xlsx",
            "/console/quiz/export/?format=gift&download=1", "/api/v1/quiz/quizzes",
        ),
    }  # fmt: skip
    for role, paths in readable.items():
        for path in paths:
            assert get(own.host, path, own.cookies[role]).status == 200, path
    csv = get(own.host, f"/console/quiz/{own.ids['quiz']}/attempts.csv", own.cookies["admin"])
    assert f"learner-{own.marker}@people.example" in csv.text


# --- passwords -----------------------------------------------------------------------------------


def test_ten_wrong_passwords_are_slowed_down_alike_for_known_and_unknown_people(
    both: tuple[World, World], client_for: Any
) -> None:
    own, other = both
    seen: dict[str, list[str]] = {}
    for email in (f"learner-{own.marker}@people.example", "nobody-at-all@people.example"):
        client = client_for(own.tenant)
        client.cookies["language"] = "en"
        for _try in range(10):
            form = {"login": email, "password": "not the password 1"}
            answer = client.post("/accounts/login/", form)
            text = re.sub(r"\b\w{64}\b", "(csrf)", answer.content.decode())
            seen.setdefault(email, []).append(f"{answer.status_code} {text.replace(email, '')}")
    known, unknown = seen.values()
    assert known == unknown
    assert [text[:3] for text in known] == ["200"] * 10
    wrong = "The e-mail address or the password is not right."
    slowed = "Too many attempts. Wait five minutes, then try again."
    assert [wrong in text for text in known] == [True] * 5 + [False] * 5
    assert [slowed in text for text in known] == [False] * 5 + [True] * 5
    right = {"login": f"learner-{own.marker}@people.example"}
    right["password"] = f"a long enough phrase {own.marker} 7"
    assert client_for(own.tenant).post("/accounts/login/", right).status_code == 200
    # The other school's counters are its own.
    twin = {"login": f"learner-{other.marker}@people.example"}
    twin["password"] = f"a long enough phrase {other.marker} 7"
    assert client_for(other.tenant).post("/accounts/login/", twin).status_code == 302


# --- signatures, tokens, files, cache, topics ----------------------------------------------------


def test_a_signed_file_opens_in_its_own_school_only(victim_and_own: tuple[World, World]) -> None:
    victim, own = victim_and_own
    ids = victim.ids
    path = f"/files/{ids['file']}/{ids['file_signature']}/{ids['file_name']}"
    for cookie in ("", own.cookies["admin"], victim.cookies["admin"]):
        assert get(own.host, path, cookie).status == 404
    assert f"content {victim.marker}" in get(victim.host, path).text
    swapped = f"/files/{own.ids['file']}/{ids['file_signature']}/x.txt"
    for host in (own.host, victim.host):
        assert get(host, swapped).status == 404


def test_tokens_open_nothing_elsewhere(victim_and_own: tuple[World, World]) -> None:
    from tremplin.identity.models import Invitation, PasswordResetToken, User
    from tremplin.operations.models import HandOver

    victim, own = victim_and_own
    ids = victim.ids
    key = f"/accounts/password/reset/key/{ids['reset_uid']}-{ids['reset_key']}/"
    entered = get(own.host, f"/start/enter/{ids['enter_token']}/")
    assert (entered.status, entered.headers["Location"]) == (302, "/accounts/login/")
    assert "sessionid" not in entered.text
    assert get(own.host, f"/accounts/invitation/{ids['invitation_token']}/").status == 404
    reset = get(own.host, key)
    assert 'data-testid="reset-invalid"' in reset.text
    confirmation = f"/accounts/confirm-email/{ids['confirm_email_key']}/"
    assert post(own.host, confirmation, {}).status == 404
    assert get(own.host, f"/start/confirm/{ids['confirm_token']}/").status == 404
    with use(victim.tenant):
        assert HandOver.objects.get().used_at is None
        assert Invitation.objects.exclude(accepted_at=None).count() == 0
        assert PasswordResetToken.objects.count() == 1
        guest = User.objects.get(email=f"guest-{victim.marker}@people.example")
        assert guest.emailaddress_set.get().verified is False
    # The same links work at home.
    opened = get(victim.host, f"/start/enter/{ids['enter_token']}/")
    assert (opened.status, opened.headers["Location"]) == (302, "/console/welcome/")
    assert get(victim.host, f"/accounts/invitation/{ids['invitation_token']}/").status == 200
    assert get(victim.host, key).status == 302
    assert post(victim.host, confirmation, {}).status == 302


def test_signatures_are_worth_nothing_in_the_other_school(both: tuple[World, World]) -> None:
    from tremplin.api import services

    own, other = both
    with use(own.tenant):
        signed = services.signer().sign("anything", "value")
        assert services.signer().unsign("anything", signed, max_age=60) == "value"
        assert services.signer().unsign("something else", signed, max_age=60) is None
    with use(other.tenant):
        assert services.signer().unsign("anything", signed, max_age=60) is None
        assert services.signer().sign("anything", "value").split(":")[2] != signed.split(":")[2]


def test_cache_and_storage_are_separate(both: tuple[World, World]) -> None:
    own, other = both
    with use(own.tenant):
        cache.set("key", own.marker)
        own_key = cache.make_key("key")
        own_path = default_storage.path("a.txt")
    with use(other.tenant):
        assert cache.get("key") is None
        cache.set("key", other.marker)
        other_key = cache.make_key("key")
        other_path = default_storage.path("a.txt")
        with pytest.raises(Exception, match="path"):
            default_storage.path(f"../{own.tenant.uuid}/a.txt")
    with use(own.tenant):
        assert cache.get("key") == own.marker
    assert own_key.startswith(f"{own.tenant.uuid}:")
    assert other_key.startswith(f"{other.tenant.uuid}:")
    assert f"/{own.tenant.uuid}/" in own_path
    assert f"/{other.tenant.uuid}/" in other_path


def test_a_topic_of_another_school_cannot_be_read(both: tuple[World, World]) -> None:
    from tremplin.api import services
    from tremplin.kernel.realtime.topics import is_allowed

    own, other = both
    for one, stranger in ((own, other), (other, own)):
        topic = f"person.{one.people['learner'].pk}"
        with use(one.tenant):
            ctx = services.contexts().for_person(one.people["learner"].pk)
            assert is_allowed(ctx, topic) is True
            admin = services.contexts().for_person(one.people["admin"].pk)
            assert is_allowed(admin, topic) is False
        with use(stranger.tenant):
            for role in ("learner", "admin"):
                ctx = services.contexts().for_person(stranger.people[role].pk)
                assert is_allowed(ctx, topic) is False
            with pytest.raises(LookupError):
                services.contexts().for_person(one.people["learner"].pk)


# --- tasks ---------------------------------------------------------------------------------------


def tenant_tasks() -> list[Any]:
    """Return every task of the product that runs inside a tenant."""
    from tremplin.config.celery import app
    from tremplin.kernel.tasks.base import TenantTask

    app.loader.import_default_modules()
    names = sorted(n for n in app.tasks if n.startswith(("tremplin.", "tenants.", "plugins.")))
    return [app.tasks[name] for name in names if isinstance(app.tasks[name], TenantTask)]


def arguments(task: Any, world: World) -> dict[str, Any]:
    """Return what a task takes: ids of ``world``. A new argument needs a line here."""
    from tremplin.identity.models import Invitation
    from tremplin.notifications.models import Notification

    with use(world.tenant):
        known = {
            "attempt": world.ids["open_attempt"],
            "export": world.ids["export"],
            "invitations": [str(pk) for pk in Invitation.objects.values_list("pk", flat=True)],
            "notifications": [str(pk) for pk in Notification.objects.values_list("pk", flat=True)],
            "what": "resumed",
            "with_reason": False,
            "action": world.ids["bulk_action"],
            "person": world.ids["person"],
            "slug": "quiz",
            "first_time": True,
            "run": "0" * 32,
            "at": "2026-11-20T09:30:00+00:00",
            "address": "192.0.2.7",
            "user_agent": "Firefox/140.0",
            "invoice": world.ids["invoice"],
            "step": 3,
            "bucket": int(world.ids["bucket"]),
            "kind": "charge",
            "key": "ch_matrix",
            "account": "acct_matrix",
        }
    return {name: known[name] for name in signature(task.run).parameters}


def test_a_task_of_one_school_never_writes_in_another(
    both: tuple[World, World], freeze: Any
) -> None:
    from tremplin.kernel.tasks.base import TENANT_HEADER

    freeze(datetime.now(UTC) + timedelta(days=60))  # everything that waits for a date is due
    from django.utils import timezone

    from tremplin.identity.models import ImportUpload

    own, other = both
    for one in both:
        with use(one.tenant):  # uploads grow old on the real clock
            ImportUpload.objects.update(created_at=timezone.now() - timedelta(days=2))
    before = traces.fingerprint(other.tenant.schema_name), traces.shared_rows(other.tenant)
    mail.outbox.clear()
    wrote = set()
    for task in tenant_tasks():
        # With its own ids, then with ids of the other school.
        for source in both if signature(task.run).parameters else (own,):
            kwargs = arguments(task, source)
            mine = traces.writes_in(own.tenant.schema_name)
            theirs = traces.writes_in(other.tenant.schema_name)
            headers = {TENANT_HEADER: str(own.tenant.uuid)}
            task.apply(kwargs=kwargs, headers=headers, throw=True)
            assert traces.writes_in(other.tenant.schema_name) == theirs, task.name
            if traces.writes_in(own.tenant.schema_name) > mine:
                wrote.add(task.name)
    assert wrote == {
        "plugins.quiz.tasks.submit_overdue",
        "tremplin.identity.tasks.check_audit_log",
        "tremplin.sso.saml.tasks.refresh_metadata",
        "tremplin.identity.tasks.forget_uploads",
        "tremplin.identity.tasks.send_invitations",
        "tremplin.kernel.relay.relay",
        "tremplin.licensing.tasks.warn_quota",
        "tremplin.notifications.tasks.send_mails",
        "tremplin.operations.tasks.forget_pending",
        "tremplin.operations.tasks.make_export",
        "tremplin.privacy.tasks.daily",
    }
    assert (
        traces.fingerprint(other.tenant.schema_name),
        traces.shared_rows(other.tenant),
    ) == before
    assert [m for m in mail.outbox if other.marker in f"{m.to} {m.subject} {m.body}"] == []


def test_a_task_without_a_school_does_nothing(both: tuple[World, World]) -> None:
    from tremplin.kernel.current import NoTenant
    from tremplin.kernel.tasks.base import TENANT_HEADER

    own, _other = both
    for task in tenant_tasks():
        kwargs = arguments(task, own)
        for header in ("", "00000000-0000-4000-8000-000000000000"):
            with pytest.raises(NoTenant):
                task.apply(kwargs=kwargs, headers={TENANT_HEADER: header}, throw=True)


def test_a_reminder_of_another_schools_invoice_is_not_sent(both: tuple[World, World]) -> None:
    from tenants.context import public_write
    from tremplin.billing.models import Invoice
    from tremplin.billing.tasks import send_reminder
    from tremplin.kernel.tasks.base import TENANT_HEADER

    own, other = both
    late = Invoice.objects.filter(pk=own.ids["invoice"])
    with public_write("tests"):
        late.update(state=Invoice.State.OPEN)
    mail.outbox.clear()
    kwargs = {"invoice": own.ids["invoice"], "step": 3}
    for sender, sent in ((other, 0), (own, 1)):
        headers = {TENANT_HEADER: str(sender.tenant.uuid)}
        send_reminder.apply(kwargs=kwargs, headers=headers, throw=True)
        assert len(mail.outbox) == sent
