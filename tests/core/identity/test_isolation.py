"""What one school issues is worth nothing in the other, even for the same e-mail and id."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail

from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def twins(tenant_a: Any, tenant_b: Any, inside: Any) -> Any:
    """The same person twice: same id, e-mail, names and password hash in both schools."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import Group

    from tremplin.identity.models import User

    hashed = make_password(PASSWORD)
    identifier = "0b0b0b0b-0000-4000-8000-00000000beef"
    stamp = "0c0c0c0c-0000-4000-8000-00000000beef"
    pair = []
    for tenant in (tenant_a, tenant_b):
        with inside(tenant):
            twin = User(id=identifier, email="twin@x.example", password=hashed, session_stamp=stamp)
            twin.save(force_insert=True)
            EmailAddress.objects.create(user=twin, email=twin.email, primary=True, verified=True)
            twin.groups.set(Group.objects.filter(name="admin"))
            pair.append(twin)
    return pair


@pytest.fixture(params=["a-to-b", "b-to-a"])
def spaces(request: Any, tenant_a: Any, tenant_b: Any) -> tuple[Any, Any]:
    """(issuer, other), both ways."""
    return (tenant_a, tenant_b) if request.param == "a-to-b" else (tenant_b, tenant_a)


def link_in(message: Any, start: str) -> str:
    found = re.search(rf"https?://[^/\s]+({start}\S*)", message.body)
    assert found
    return found[1]


def test_a_session_cookie_is_anonymous_elsewhere(spaces: Any, twins: Any, client_for: Any) -> None:
    issuer, other = spaces
    client = client_for(issuer, twins[0])
    assert client.get("/api/v1/me").status_code == 200
    stranger = client_for(other)
    stranger.cookies["sessionid"] = client.cookies["sessionid"].value
    assert stranger.get("/api/v1/me").status_code == 401


def test_a_copied_session_row_does_not_fit_elsewhere(
    spaces: Any, twins: Any, client_for: Any, inside: Any
) -> None:
    from django.contrib.sessions.models import Session

    issuer, other = spaces
    key = client_for(issuer, twins[0]).cookies["sessionid"].value
    with inside(issuer):
        row = Session.objects.get(session_key=key)
        copy = Session(session_key=key, session_data=row.session_data, expire_date=row.expire_date)
    with inside(other):
        copy.save(force_insert=True)
    thief = client_for(other)
    thief.cookies["sessionid"] = key
    assert thief.get("/api/v1/me").status_code == 401


def test_a_reset_link_is_unknown_elsewhere(spaces: Any, twins: Any, client_for: Any) -> None:
    issuer, other = spaces
    client_for(issuer).post("/accounts/password/reset/", {"email": "twin@x.example"})
    link = link_in(mail.outbox[0], "/accounts/password/reset/key/")
    assert b'data-testid="reset-invalid"' in client_for(other).get(link).content
    assert client_for(issuer).get(link).status_code == 302


def test_a_confirmation_link_is_unknown_elsewhere(
    spaces: Any, twins: Any, client_for: Any, inside: Any
) -> None:
    from allauth.account.models import EmailAddress

    issuer, other = spaces
    for tenant in spaces:
        with inside(tenant):
            EmailAddress.objects.filter(email="twin@x.example").update(id=424242, verified=False)
    client_for(issuer).post("/accounts/login/", {"login": "twin@x.example", "password": PASSWORD})
    link = link_in(mail.outbox[0], "/accounts/confirm-email/")
    answer = client_for(other).post(link)
    assert answer.status_code == 404
    with inside(other):
        assert not EmailAddress.objects.get(email="twin@x.example").verified
    client_for(issuer).post(link)
    with inside(issuer):
        assert EmailAddress.objects.get(email="twin@x.example").verified


def test_an_invitation_is_unknown_elsewhere(spaces: Any, client_for: Any, inside: Any) -> None:
    from tremplin.identity import services
    from tremplin.identity.internal.invitation_mail import send_invitation

    issuer, other = spaces
    for tenant in spaces:
        with inside(tenant):
            invitation = services.invite("invite@x.example")
            if tenant is issuer:
                send_invitation(invitation.pk)
    link = link_in(mail.outbox[0], "/accounts/invitation/")
    assert client_for(other).get(link).status_code == 404
    assert client_for(other).post(link, {"password": PASSWORD}).status_code == 404
    assert client_for(issuer).get(link).status_code == 200


def test_the_same_address_signs_in_with_its_own_password(
    tenant_a: Any, tenant_b: Any, make_person: Any, client_for: Any
) -> None:
    make_person(tenant_a, "lina@x.example", password="le mot de passe de l’école A")
    make_person(tenant_b, "lina@x.example", password="le mot de passe de l’école B")
    for tenant, letter, status in (
        (tenant_a, "A", 302), (tenant_a, "B", 200), (tenant_b, "B", 302), (tenant_b, "A", 200),
    ):  # fmt: skip
        data = {"login": "lina@x.example", "password": f"le mot de passe de l’école {letter}"}
        assert client_for(tenant).post("/accounts/login/", data).status_code == status


def test_ids_of_another_space_are_not_found(
    spaces: Any, twins: Any, make_person: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.identity import services

    issuer, other = spaces
    secret = make_person(other, "sofia@x.example", first_name="Sofia", last_name="Marchetti")
    with inside(other):
        cohort = services.ensure_cohort("Cohorte secrète")
        services.add_to_cohort(secret, cohort)
    client = client_for(issuer, twins[0])
    for path in (
        f"people/{secret.pk}/",
        f"people/{secret.pk}/remove/",
        "cohorts/cohorte-secrete/",
        "cohorts/cohorte-secrete/edit/",
    ):
        assert client.get(f"/console/{path}").status_code == 404
    for action in ("edit", "roles", "cohorts", "resume", "invitation", "sessions", "remove"):
        assert client.post(f"/console/people/{secret.pk}/{action}/").status_code == 404
    assert client.post(f"/console/people/{secret.pk}/suspend/", {"reason": "x"}).status_code == 404
    for path in (
        "/console/people/?q=Sofia",
        "/console/people/export/",
        "/console/cohorts/",
        "/api/v1/people",
        "/api/v1/cohorts",
    ):
        body = client.get(path).content.decode("utf-8-sig")
        assert "Marchetti" not in body
        assert "Cohorte secr" not in body
    client.post(
        "/console/people/bulk/", {"person": str(secret.pk), "action": "remove", "confirm": "1"}
    )
    with inside(other):
        secret.refresh_from_db()
        assert secret.email == "sofia@x.example"


def test_a_group_named_like_a_platform_role_opens_nothing(
    tenant_a: Any, make_person: Any, inside: Any, client_for: Any
) -> None:
    from django.contrib.auth.models import Group

    person = make_person(tenant_a, "ruse@x.example", "learner")
    with inside(tenant_a):
        group = Group.objects.create(name="platform_admin")
        person.groups.add(group)
    # The second factor that platform roles need applies; the operator's pages stay unknown.
    client = client_for(tenant_a, person)
    assert client.get("/platform/").status_code in {302, 404}
    with inside(tenant_a):
        from tremplin.identity.mfa import enrol_totp

        enrol_totp(person, "JBSWY3DPEHPK3PXP")
    assert client.get("/platform/").status_code == 404
