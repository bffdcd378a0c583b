"""Suspended, expired or removed: whatever a person still holds opens nothing any more."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from tests.core.identity.api_access.test_tokens import ME, refresh, sign_in, status
from tests.core.identity.test_login_code import CODE, CONFIRM, REQUEST, code_in
from tests.core.identity.test_passkeys import holder, present
from tremplin.identity import services
from tremplin.identity.api_access import clients, keys

pytestmark = pytest.mark.django_db
STATES = ("suspended", "expired", "removed")
TOKEN = "/identity/o/api/token"  # noqa: S105  an address

__all__ = ["holder", "sign_in"]  # fixtures


def close(tenant: Any, inside: Any, person: Any, state: str) -> None:
    """Close the account of ``person`` in one of the three ways."""
    from tremplin.identity.models import User

    with inside(tenant):
        person.refresh_from_db()
        if state == "suspended":
            services.suspend(person, "exclusion")
        elif state == "expired":
            over = timezone.now() - timedelta(seconds=1)
            User.objects.filter(pk=person.pk).update(expires_at=over)
        else:
            services.remove(person)


@pytest.mark.parametrize("state", STATES)
def test_a_passkey(
    state: str, holder: Any, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    browser, passkey = holder
    assert browser.get(ME).status_code == 200
    close(tenant_a, inside, learner_a, state)
    assert browser.get(ME).status_code == 401
    stranger = client_for(tenant_a)
    ends = "/accounts/login/" if state == "removed" else "/accounts/inactive/"
    assert present(stranger, passkey)["Location"] == ends
    assert stranger.get(ME).status_code == 401


@pytest.mark.parametrize("state", STATES)
def test_a_code_sent_before(
    state: str, client_for: Any, tenant_a: Any, learner_a: Any, inside: Any, policy: Any
) -> None:
    policy(tenant_a, login_by_code=True)
    client = client_for(tenant_a)
    client.post(REQUEST, {"email": learner_a.email})
    code = code_in(mail.outbox[-1])
    close(tenant_a, inside, learner_a, state)
    client.post(CONFIRM, {"code": code})
    assert client.get(ME).status_code == 401


@pytest.mark.parametrize("state", STATES)
def test_the_tokens_of_an_app(
    state: str, sign_in: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    client, meta = sign_in(tenant_a, learner_a.email)
    assert status(client, meta["access_token"]) == 200
    close(tenant_a, inside, learner_a, state)
    assert status(client, meta["access_token"]) == 401
    assert refresh(client, meta["refresh_token"])[0] == 400


@pytest.mark.parametrize("state", STATES)
def test_keys_and_applications_of_the_person(
    state: str, client_for: Any, tenant_a: Any, make_person: Any, inside: Any
) -> None:
    maker = make_person(tenant_a, "karim@mecaformation.example", "trainer")
    with inside(tenant_a):
        _key, secret = keys.create(name="paie", scopes=["identity:read"], created_by=maker)
        app, password = clients.create(name="bi", scopes=["identity:read"], created_by=maker)
    client = client_for(tenant_a)
    basic = base64.b64encode(f"{app.pk}:{password}".encode()).decode()

    def ask() -> Any:
        return client.post(
            TOKEN, {"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}
        )

    token = ask().json()["access_token"]
    assert [status(client, value) for value in (secret, token)] == [200, 200]
    close(tenant_a, inside, maker, state)
    assert [status(client, value) for value in (secret, token)] == [401, 401]
    answer = ask()
    fresh = answer.json().get("access_token", "")
    assert status(client, fresh) == 401


@pytest.mark.parametrize("state", STATES)
def test_an_account_made_by_a_directory(
    state: str, client_for: Any, tenant_a: Any, inside: Any, policy: Any
) -> None:
    """It has no password: a code by mail is its way in beside single sign-on."""
    import json

    from tremplin.identity.models import SpaceOwner, User

    policy(tenant_a, login_by_code=True)
    email = "marc@campus.example"
    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
        _key, secret = keys.create(name="Entra", scopes=["scim"], created_by=owner)
    made = client_for(tenant_a).post(
        "/scim/v2/Users",
        json.dumps({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": email}),
        content_type="application/scim+json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert made.status_code == 201
    with inside(tenant_a):
        marc = User.objects.get(email=email)
    session = client_for(tenant_a, marc)
    assert session.get(ME).status_code == 200
    close(tenant_a, inside, marc, state)
    assert session.get(ME).status_code == 401
    mail.outbox.clear()
    stranger = client_for(tenant_a)
    stranger.post(REQUEST, {"email": email})
    codes = [code_in(message) for message in mail.outbox if CODE.search(message.body)]
    assert len(codes) == (1 if state == "expired" else 0)
    for code in codes:
        assert stranger.post(CONFIRM, {"code": code})["Location"] == "/accounts/inactive/"
    assert stranger.get(ME).status_code == 401
