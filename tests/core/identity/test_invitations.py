"""Invitations: by e-mail, single use, expiring, replaced by a newer one."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def send(tenant_a: Any, inside: Any) -> Any:
    """Return ``send(invitation)``: mail it and give the path of its link."""
    from tremplin.identity.internal.invitation_mail import send_invitation

    def deliver(invitation: Any) -> str:
        with inside(tenant_a):
            assert send_invitation(invitation.pk) is True
        found = re.search(r"https?://[^/\s]+(/accounts/invitation/\S+)", mail.outbox[-1].body)
        assert found
        return found[1]

    return deliver


@pytest.fixture
def invited(tenant_a: Any, inside: Any) -> Any:
    from tremplin.identity import services

    with inside(tenant_a):
        cohort = services.ensure_cohort("2026-A")
        return services.invite("Zoe@X.example", ["learner"], [cohort], first_name="Zoé")


def accept(client: Any, link: str, **fields: str) -> Any:
    data = {"first_name": "Zoé", "last_name": "Leroy", "password": PASSWORD, **fields}
    return client.post(link, data)


def test_accepting_opens_the_account_and_signs_in(
    client_for: Any, tenant_a: Any, inside: Any, invited: Any, send: Any
) -> None:
    from allauth.account.models import EmailAddress

    link = send(invited)
    client = client_for(tenant_a)
    page = client.get(link)
    assert page.status_code == 200
    assert b"zoe@x.example" in page.content
    response = accept(client, link)
    assert (response.status_code, response["Location"]) == (302, "/app/")
    me = client.get("/api/v1/me").json()
    assert (me["display_name"], me["roles"]) == ("Zoé Leroy", ["learner"])
    with inside(tenant_a):
        assert EmailAddress.objects.get(email="zoe@x.example").verified
        assert invited.person.cohorts.get().name == "2026-A"


def test_the_link_works_once(client_for: Any, tenant_a: Any, invited: Any, send: Any) -> None:
    link = send(invited)
    accept(client_for(tenant_a), link)
    for response in (
        client_for(tenant_a).get(link),
        accept(client_for(tenant_a), link, password="autre phrase secrète"),
    ):
        assert response.status_code == 410
        assert b'data-testid="invitation-closed"' in response.content


def test_an_old_link_answers_410_with_a_contact(
    client_for: Any, tenant_a: Any, inside: Any, invited: Any, send: Any, policy: Any
) -> None:
    from tremplin.identity.models import Invitation

    policy(tenant_a, contact_email="aide@ecole.example")
    link = send(invited)
    with inside(tenant_a):
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = client_for(tenant_a).get(link)
    assert response.status_code == 410
    assert b"mailto:aide@ecole.example" in response.content


def test_a_newer_invitation_replaces_the_former(
    client_for: Any, tenant_a: Any, inside: Any, invited: Any, send: Any
) -> None:
    from tremplin.identity import services

    first = send(invited)
    with inside(tenant_a):
        newer = services.resend_invitation(invited.person)
    second = send(newer)
    assert client_for(tenant_a).get(first).status_code == 410
    assert client_for(tenant_a).get(second).status_code == 200


def test_a_suspended_person_cannot_accept(
    client_for: Any, tenant_a: Any, inside: Any, invited: Any, send: Any
) -> None:
    from tremplin.identity import services

    link = send(invited)
    with inside(tenant_a):
        services.suspend(invited.person, "dossier incomplet")
    assert accept(client_for(tenant_a), link).status_code == 410


def test_weak_passwords_are_refused_and_nothing_is_used(
    client_for: Any, tenant_a: Any, invited: Any, send: Any
) -> None:
    link = send(invited)
    for weak in ("court", "telechargement", "123456123456"):
        assert accept(client_for(tenant_a), link, password=weak).status_code == 422
    assert accept(client_for(tenant_a), link).status_code == 302


def test_a_mail_leaves_once_and_its_token_is_stored_nowhere(
    tenant_a: Any, inside: Any, invited: Any, send: Any
) -> None:
    from tremplin.identity.internal.invitation_mail import send_invitation
    from tremplin.identity.models import Invitation
    from tremplin.identity.reset_tokens import token_hash

    token = send(invited).rstrip("/").rsplit("/", 1)[1]
    with inside(tenant_a):
        assert send_invitation(invited.pk) is False
        stored = Invitation.objects.get(pk=invited.pk)
        assert stored.token_hash == token_hash(token)
        assert token not in str(vars(stored))
    assert len(mail.outbox) == 1
    assert mail.outbox[0].subject == "Vous avez une invitation pour MécaFormation Lyon"


def test_a_failed_mail_can_be_sent_again(
    tenant_a: Any, inside: Any, invited: Any, send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tremplin.identity import mails
    from tremplin.identity.internal.invitation_mail import send_invitation

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("mail server away")

    with monkeypatch.context() as patch, inside(tenant_a):
        patch.setattr(mails, "send", refuse)
        with pytest.raises(OSError, match="away"):
            send_invitation(invited.pk)
    send(invited)
    assert len(mail.outbox) == 1


def test_inviting_many_through_the_page(
    as_admin: Any, tenant_a: Any, inside: Any, learner_a: Any
) -> None:
    from tremplin.identity.models import Invitation, User

    wrong = as_admin.post(
        "/console/people/invite/", {"emails": "a@x.example, oups", "roles": ["learner"]}
    )
    assert wrong.status_code == 422
    assert "oups" in wrong.content.decode()
    with inside(tenant_a):
        assert not User.objects.filter(email="a@x.example").exists()
    done = as_admin.post(
        "/console/people/invite/",
        {
            "emails": f"a@x.example\nB@x.example; a@x.example {learner_a.email}",
            "roles": ["coach", "learner"],
        },
    )
    assert done["Location"] == "/console/people/?status=invited"
    with inside(tenant_a):
        people = User.objects.filter(email__in=["a@x.example", "b@x.example"])
        assert [person.role_codes() for person in people] == [{"coach", "learner"}] * 2
        assert Invitation.objects.filter(person__in=people).count() == 2
        assert not Invitation.objects.filter(person=learner_a).exists()


def test_the_invitation_is_queued_for_this_space(tenant_a: Any, inside: Any, invited: Any) -> None:
    from tremplin.kernel.state.models import JobStatus

    jobs = JobStatus.objects.filter(
        task="tremplin.identity.tasks.send_invitations", tenant_id=tenant_a.pk
    )
    assert [job.state for job in jobs if str(invited.pk) in str(job.args)] == ["queued"]


def test_two_clicks_at_once_open_the_account_once(
    own_database: str, django_db_blocker: Any
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from tenants import registry
    from tenants.context import use
    from tremplin.identity import services
    from tremplin.identity.errors import IdentityError
    from tremplin.identity.models import Invitation

    def open_account(number: int) -> str:
        try:
            with use(registry.by_slug("mecaformation")):
                fresh = Invitation.objects.get(email="owner@mecaformation.example")
                services.accept_invitation(
                    fresh,
                    password=f"{PASSWORD} {number}",
                    first_name=str(number),
                    last_name="",
                    locale="fr",
                )
        except IdentityError as error:
            return error.code
        finally:
            connection.close()
        return "opened"

    with django_db_blocker.unblock(), ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(open_account, range(4)))
    assert outcomes == ["invitation_closed"] * 3 + ["opened"]
