"""Suspension: the page, the mail, and every way in that closes at once."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db


def suspend(client: Any, person: Any, **fields: str) -> Any:
    return client.post(f"/console/people/{person.pk}/suspend/", {"reason": "exclusion", **fields})


def run_notice(tenant: Any, inside: Any, person: Any, what: str, with_reason: bool) -> None:
    from tremplin.identity.tasks import send_notice
    from tremplin.kernel.tasks.base import TENANT_HEADER

    send_notice.apply(
        kwargs={"person": str(person.pk), "what": what, "with_reason": with_reason},
        headers={TENANT_HEADER: str(tenant.uuid)},
        throw=True,
    )


def test_the_page_says_what_closes(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any
) -> None:
    learner = client_for(tenant_a)
    learner.post("/accounts/login/", {"login": learner_a.email, "password": PASSWORD})
    page = as_admin.get(f"/console/people/{learner_a.pk}/suspend/")
    assert (page.status_code, page.context["sessions"], page.context["problem"]) == (200, 1, "")
    assert suspend(as_admin, learner_a, reason=" ").status_code == 422
    assert suspend(as_admin, learner_a, notify="everyone").status_code == 422
    assert learner.get("/api/v1/me").status_code == 200


@pytest.mark.parametrize(
    ("notify", "queued", "shown"),
    [("", 0, False), ("plain", 1, False), ("reason", 1, True)],
)
def test_the_mail_follows_the_setting_of_the_form(
    as_admin: Any,
    tenant_a: Any,
    learner_a: Any,
    inside: Any,
    notify: str,
    queued: int,
    shown: bool,
) -> None:
    from tremplin.kernel.models import AuditEvent
    from tremplin.kernel.state.models import JobStatus

    jobs = JobStatus.objects.filter(task="tremplin.identity.tasks.send_notice")
    assert suspend(as_admin, learner_a, notify=notify).status_code == 302
    asked = list(jobs.values_list("args", flat=True))
    assert len(asked) == queued
    with inside(tenant_a):
        event = AuditEvent.objects.get(kind="security.person_suspended")
        assert event.data == {"sessions": 0, "mailed": bool(notify)}
        assert "exclusion" not in str(event.data)
    if queued:
        run_notice(tenant_a, inside, learner_a, "suspended", shown)
        (letter,) = mail.outbox
        assert letter.to == [learner_a.email]
        assert letter.subject == "Votre compte est suspendu"
        assert ("exclusion" in letter.body) is shown


def test_a_mail_that_is_no_longer_true_is_not_sent(
    as_admin: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    suspend(as_admin, learner_a, notify="reason")
    as_admin.post(f"/console/people/{learner_a.pk}/resume/", {"notify": "1"})
    run_notice(tenant_a, inside, learner_a, "suspended", True)
    assert mail.outbox == []
    run_notice(tenant_a, inside, learner_a, "resumed", False)
    assert [letter.subject for letter in mail.outbox] == ["Votre compte est rouvert"]


def test_every_way_in_closes_at_once(
    as_admin: Any, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any, policy: Any
) -> None:
    """Password, session, reset link asked before, reset asked after, code, invitation link."""
    from allauth.account.utils import user_pk_to_url_str

    from tremplin.identity.models import Invitation, PasswordResetToken
    from tremplin.identity.reset_tokens import ResetTokens

    policy(tenant_a, login_by_code=True)
    credentials = {"login": learner_a.email, "password": PASSWORD}
    session = client_for(tenant_a)
    session.post("/accounts/login/", credentials)
    assert session.get("/api/v1/me").status_code == 200
    with inside(tenant_a):
        key = f"{user_pk_to_url_str(learner_a)}-{ResetTokens().make_token(learner_a)}"
    suspend(as_admin, learner_a)
    assert session.get("/api/v1/me").status_code == 401
    assert session.get("/app/")["Location"] == "/accounts/login/?next=%2Fapp%2F"
    stranger = client_for(tenant_a)
    assert stranger.post("/accounts/login/", credentials)["Location"] == "/accounts/inactive/"
    assert stranger.get("/api/v1/me").status_code == 401
    with inside(tenant_a):
        assert PasswordResetToken.objects.count() == 0
    reset = client_for(tenant_a).get(f"/accounts/password/reset/key/{key}/")
    assert reset.context["token_fail"] is True
    mail.outbox.clear()
    client_for(tenant_a).post("/accounts/password/reset/", {"email": learner_a.email})
    client_for(tenant_a).post("/accounts/login/code/", {"email": learner_a.email})
    with inside(tenant_a):
        assert PasswordResetToken.objects.count() == 0
        assert Invitation.objects.filter(person=learner_a).count() == 0
    assert [m.subject for m in mail.outbox if "code" in m.subject.lower()] == []


def test_an_invitation_of_a_suspended_person_is_closed(
    as_admin: Any, client_for: Any, tenant_a: Any, inside: Any
) -> None:
    import re

    from tremplin.identity import services
    from tremplin.identity.internal.invitation_mail import send_invitation

    with inside(tenant_a):
        invitation = services.invite("neuf@x.example")
        send_invitation(invitation.pk)
    path = re.search(r"/accounts/invitation/\S+", mail.outbox[-1].body)[0]
    assert client_for(tenant_a).get(path).status_code == 200
    suspend(as_admin, invitation.person)
    assert client_for(tenant_a).get(path).status_code == 410
    as_admin.post(f"/console/people/{invitation.person.pk}/resume/")
    assert client_for(tenant_a).get(path).status_code == 200


def test_suspension_ends_open_streams(
    as_admin: Any, learner_a: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.kernel.realtime import publishing

    kicked: list[Any] = []
    monkeypatch.setattr(publishing, "kick", kicked.append)
    suspend(as_admin, learner_a)
    assert kicked == [learner_a.pk]


def test_two_administrators_cannot_close_each_other(
    tenant_a: Any, make_person: Any, inside: Any, django_assert_num_queries: Any
) -> None:
    """The row of the role is locked, so that the second one sees what the first one did."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tremplin.identity import services
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import SpaceOwner

    one = make_person(tenant_a, "un@x.example", "admin")
    two = make_person(tenant_a, "deux@x.example", "admin")
    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
        SpaceOwner.objects.all().delete()
        services.set_roles(owner, ["learner"])
        with CaptureQueriesContext(connection) as asked:
            services.suspend(one, "x")
        locks = [q["sql"] for q in asked.captured_queries if "FOR UPDATE" in q["sql"]]
        assert len(locks) == 1
        assert '"auth_group"' in locks[0]
        for change in (
            lambda: services.suspend(two, "x"),
            lambda: services.remove(two),
            lambda: services.anonymise(two),
            lambda: services.set_roles(two, ["learner"]),
        ):
            with pytest.raises(IdentityError) as caught:
                change()
            assert caught.value.code == "last_admin"
