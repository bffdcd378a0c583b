"""Attacks found by reading the code: each of these once worked, or nearly."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.registry import TenantInfo

Inside = Callable[["TenantInfo"], AbstractContextManager[None]]
PASSWORD = "une phrase assez longue"  # noqa: S105  of a test
database = pytest.mark.django_db


@pytest.fixture
def learner(tenant_a: TenantInfo, inside: Inside) -> Any:
    from tremplin.identity.services import create_person

    with inside(tenant_a):
        return create_person(email="lina@review.example", password=PASSWORD)


# --- invitations --------------------------------------------------------------------------------


@database
def test_an_invitation_dies_when_a_reset_opened_the_account(
    tenant_a: TenantInfo, inside: Inside, client_for: Callable[..., Client]
) -> None:
    """The link would replace the password, and sign in without the second factor set up since."""
    from tremplin.identity import mfa, services
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import Invitation

    token, digest = services.new_token()
    with inside(tenant_a):
        invitation = services.invite("zoe@review.example", ["learner"])
        Invitation.objects.filter(pk=invitation.pk).update(token_hash=digest)
        person = invitation.person
        person.set_password(PASSWORD)
        person.save()
        mfa.enrol_totp(person, "JBSWY3DPEHPK3PXP")
    client = client_for(tenant_a)
    link = f"/accounts/invitation/{token}/"
    assert client.get(link).status_code == 410
    fields = {"first_name": "Eve", "last_name": "Eve", "password": "autre phrase assez longue"}
    assert client.post(link, fields).status_code == 410
    assert client.get("/api/v1/me").status_code == 401
    with inside(tenant_a):
        person.refresh_from_db()
        assert person.check_password(PASSWORD)
        with pytest.raises(IdentityError) as refused:
            services.accept_invitation(invitation, locale="fr", **fields)
        assert refused.value.code == "invitation_closed"


# --- roles --------------------------------------------------------------------------------------


@database
def test_a_role_chosen_for_a_list_is_checked_again_when_it_is_imported(
    tenant_a: TenantInfo, inside: Inside
) -> None:
    """The list waits on the server: the importer may have lost the right to give that role."""
    from tremplin.identity.importing.plan import make_plan
    from tremplin.identity.importing.reading import Line, Sheet

    lines = (
        Line(2, {"email": "a@review.example"}, False),
        Line(3, {"email": "b@review.example", "role": "learner"}, False),
    )
    sheet = Sheet("utf-8", ",", ("email", "role"), (), lines, (), 0)
    with inside(tenant_a):
        plan = make_plan(sheet, kind="school", allowed_roles=["learner"], default_role="admin")
    assert [(problem.line, problem.column) for problem in plan.problems] == [(2, "role")]
    assert [(row.email, row.roles) for row in plan.new] == [("b@review.example", ("learner",))]


# --- realtime -----------------------------------------------------------------------------------


@database
def test_no_stream_opens_before_a_required_second_factor(
    tenant_a: TenantInfo,
    inside: Inside,
    learner: Any,
    client_for: Callable[..., Client],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.conf import settings

    from tremplin.config import realtime_auth
    from tremplin.identity import mfa
    from tremplin.identity.identity_settings import IdentitySettings
    from tremplin.kernel import settings_store
    from tremplin.kernel.realtime.endpoint import Asked, Denied

    key = client_for(tenant_a, learner).cookies[settings.SESSION_COOKIE_NAME].value
    asked = Asked(
        tenant_a.primary_host,
        f"{settings.SESSION_COOKIE_NAME}={key}",
        "192.0.2.1",
        (f"person.{learner.pk}",),
    )
    # The hub's threads close their connection; here it belongs to the test.
    monkeypatch.setattr(realtime_auth, "close_old_connections", lambda: None)
    monkeypatch.setattr(realtime_auth.connection, "close", lambda: None)
    assert realtime_auth.authorise(asked).person == str(learner.pk)
    with inside(tenant_a):
        settings_store.write(
            "tenant", tenant_a.pk, "identity", {"mfa_roles": ("learner",)}, model=IdentitySettings
        )
    with pytest.raises(Denied) as denied:
        realtime_auth.authorise(asked)
    assert (denied.value.status, denied.value.code) == (403, "mfa_required")
    with inside(tenant_a):
        mfa.enrol_totp(learner, "JBSWY3DPEHPK3PXP")
    assert realtime_auth.authorise(asked).person == str(learner.pk)


# --- quizzes ------------------------------------------------------------------------------------


@pytest.fixture
def quiz(tenant_a: TenantInfo, inside: Inside, learner: Any) -> Any:
    """A published quiz of one attempt, open to everybody."""
    from plugins.quiz.internal.packs import packs
    from plugins.quiz.services.library import install
    from tremplin.api import services
    from tremplin.kernel import gate

    with inside(tenant_a):
        gate.set_licence(tenant_a, "quiz", "on", reason="tests")
        gate.activate(tenant_a, "quiz")
        made = install(services.contexts().for_person(learner.pk), packs()["securite-ht"])[0]
        made.open_to_all, made.attempts_allowed = True, 1
        made.save()
        return made


@database
def test_an_attempt_is_counted_again_when_it_opens(
    tenant_a: TenantInfo,
    inside: Inside,
    learner: Any,
    quiz: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two requests at once: the second was judged before the first used the only attempt."""
    from plugins.quiz.models import Attempt
    from plugins.quiz.selectors import Availability
    from plugins.quiz.services import taking
    from tremplin.api import Problem, services

    with inside(tenant_a):
        ctx = services.contexts().for_person(learner.pk)
        taking.submit(ctx, taking.start(ctx, quiz))
        judged = Availability("open", attempts_left=1)
        monkeypatch.setattr(taking, "availability", lambda _ctx, _quiz: judged)
        with pytest.raises(Problem) as refused:
            taking.start(ctx, quiz)
        assert (refused.value.status, refused.value.code) == (409, "quiz_no_attempt_left")
        assert Attempt.objects.filter(quiz=quiz, person=learner.pk).count() == 1


@database
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"shown": "9" * 5000, "go": "stay"}, 404),
        ({"at": "9" * 5000, "go": "next"}, 302),
        ({"go": "jump:" + "9" * 5000}, 302),
        ({"go": "flag:" + "9" * 5000 + ":on"}, 404),
    ],
)
def test_an_absurd_number_is_no_server_error(
    tenant_a: TenantInfo,
    inside: Inside,
    learner: Any,
    quiz: Any,
    client_for: Callable[..., Client],
    fields: dict[str, str],
    status: int,
) -> None:
    client = client_for(tenant_a, learner)
    opened = client.post(f"/app/quiz/{quiz.pk}/")["Location"]
    assert client.post(f"{opened}/answer/", fields).status_code == status


# --- archives -----------------------------------------------------------------------------------


def test_an_archive_lets_nobody_act_as_somebody_else(own_database: str, tmp_path: Any) -> None:
    """A key in ``django_session`` is the cookie itself: an administrator downloads the archive."""
    import zipfile

    from allauth.account.models import EmailAddress, EmailConfirmation
    from django.contrib.sessions.backends.db import SessionStore
    from django.utils import timezone

    from tenants import archive, registry
    from tenants.context import use
    from tremplin.identity.services import create_person

    school = registry.by_slug("mecaformation")
    assert school is not None
    with use(school):
        session = SessionStore()
        session["_auth_user_id"] = "somebody"
        session.save()
        person = create_person(email="lina@review.example", password=PASSWORD)
        confirmation = EmailConfirmation.create(EmailAddress.objects.get(user=person))
        confirmation.sent = timezone.now() - timedelta(minutes=1)
        confirmation.save()
    path = tmp_path / "space.zip"
    manifest = archive.export(school, path)
    for table in ("django_session", "usersessions_usersession", "account_emailconfirmation"):
        assert manifest["tables"][table]["rows"] == 0
    assert manifest["tables"]["identity_user"]["rows"] == 2
    with zipfile.ZipFile(path) as opened:
        everything = b"".join(opened.read(name) for name in opened.namelist())
    assert session.session_key.encode() not in everything
    assert confirmation.key.encode() not in everything


# --- requests -----------------------------------------------------------------------------------


@database
@pytest.mark.parametrize(
    "path", ["/api/v1/people?role=%00", "/console/people/?q=%00", "/console/quiz/bank/?q=a%00b"]
)
def test_a_nul_in_a_query_is_no_server_error(
    tenant_a: TenantInfo, client_for: Callable[..., Client], path: str
) -> None:
    answer = client_for(tenant_a).get(path)
    assert (answer.status_code, answer.json()) == (400, {"code": "bad_request"})


@database
@pytest.mark.parametrize(("length", "status"), [("268435456", 403), ("268435457", 413)])
def test_a_body_larger_than_any_upload_is_refused_unread(
    tenant_a: TenantInfo, length: str, status: int
) -> None:
    """Any visitor could fill the disk: Django stores the parts of a form before the view runs."""
    from django.test import Client

    client = Client(headers={"host": tenant_a.primary_host}, enforce_csrf_checks=True)
    answer = client.post(
        "/accounts/login/",
        b"--B--",
        content_type="multipart/form-data; boundary=B",
        CONTENT_LENGTH=length,
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/start/confirm/{}/",
        "/start/enter/{}/",
        "/accounts/invitation/{}/",
        "/accounts/confirm-email/{}/",
        "/accounts/password/reset/key/{}/",
        "/files/6cbbec4e-f4d0-4913-9ff8-386569615c52/{}/a.png",
    ],
)
def test_logs_hold_no_link_that_opens_something(path: str) -> None:
    import logging

    from django.conf import settings

    from tremplin.kernel.logs import TenantFilter

    record = logging.LogRecord(
        "uvicorn.access",
        logging.INFO,
        __file__,
        1,
        '%s - "%s %s HTTP/%s" %d',
        ("192.0.2.1:5", "GET", path.format("s3cr3t-T0ken:x"), "1.1", 200),
        None,
    )
    assert TenantFilter().filter(record) is True
    line = f'192.0.2.1:5 - "GET {path.format("[token]")} HTTP/1.1" 200'
    assert record.getMessage() == line
    # The server's own handlers know nothing of the mask.
    access = settings.LOGGING["loggers"]["uvicorn.access"]
    assert access == {"handlers": ["stderr"], "propagate": False}
    assert settings.LOGGING["handlers"]["stderr"]["filters"] == ["tenant"]
