"""A second factor that roles require, its recovery codes, and who is exempt."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.core import mail

from tests.core.identity.test_rights import code_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db

ENROL = "/accounts/2fa/totp/activate/"
CODES = "/accounts/2fa/recovery-codes/"
DOWNLOAD = "/accounts/2fa/recovery-codes/download/"
GENERATE = "/accounts/2fa/recovery-codes/generate/"


def sign_in(client: Any, email: str) -> Any:
    return client.post("/accounts/login/", {"login": email, "password": PASSWORD})


def enrol(client: Any) -> str:
    secret = client.get(ENROL).context["form"].secret
    assert client.post(ENROL, {"code": code_of(secret)})["Location"] == CODES
    return str(secret)


@pytest.fixture
def required(tenant_a: Any, policy: Any) -> Any:
    policy(tenant_a, mfa_roles=("learner",))
    return tenant_a


def test_only_enrolment_is_reachable(client_for: Any, required: Any, learner_a: Any) -> None:
    client = client_for(required)
    sign_in(client, learner_a.email)
    closed = (
        "/app/",
        "/app/profile/",
        "/app/my-data/",
        "/console/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/sessions/",
        "/help/",
    )
    assert {path: client.get(path)["Location"] for path in closed} == dict.fromkeys(closed, ENROL)
    htmx = client.get("/app/", headers={"hx-request": "true"})
    assert (htmx.status_code, htmx["HX-Redirect"]) == (204, ENROL)
    api = client.get("/api/v1/me")
    assert (api.status_code, api.json()["code"]) == (403, "mfa_required")
    headless = client.get("/_allauth/browser/v1/account/email")
    assert (headless.status_code, headless.json()["code"]) == (403, "mfa_required")
    assert client.get("/_allauth/browser/v1/auth/session").status_code == 200
    assert client.get("/accounts/2fa/").status_code == 200
    assert client.get("/accounts/logout/").status_code == 200


def test_enrolment_follows_the_sign_in_without_a_second_password(
    client_for: Any, required: Any, learner_a: Any
) -> None:
    client = client_for(required)
    sign_in(client, learner_a.email)
    page = client.get(ENROL)
    assert (page.status_code, b'data-testid="mfa-required"' in page.content) == (200, True)
    enrol(client)
    assert client.get("/api/v1/me").status_code == 200
    # Later changes ask for it again.
    assert client.get("/accounts/2fa/totp/deactivate/")["Location"].startswith(
        "/accounts/reauthenticate/"
    )


def test_the_rule_acts_on_sessions_that_are_open(
    client_for: Any, tenant_a: Any, tenant_b: Any, make_person: Any, policy: Any
) -> None:
    clients = {}
    for tenant in (tenant_a, tenant_b):
        make_person(tenant, "meme@x.example")
        clients[tenant.slug] = client_for(tenant)
        sign_in(clients[tenant.slug], "meme@x.example")
    policy(tenant_a, mfa_roles=("learner",))
    answers = {slug: client.get("/api/v1/me").status_code for slug, client in clients.items()}
    assert answers == {tenant_a.slug: 403, tenant_b.slug: 200}


def test_other_roles_are_not_asked(
    client_for: Any, tenant_a: Any, learner_a: Any, admin_a: Any, policy: Any
) -> None:
    policy(tenant_a, mfa_roles=("admin",))
    assert client_for(tenant_a, learner_a).get("/api/v1/me").status_code == 200
    assert client_for(tenant_a, admin_a).get("/api/v1/me").status_code == 403


@pytest.mark.parametrize(
    ("slug", "role", "status"),
    [
        ("mecaformation", "learner", 200),
        ("hq", "platform_admin", 403),
        ("hq", "support", 403),
        ("passerelle", "reseller_owner", 403),
    ],
)
def test_single_sign_on_is_exempt_except_for_roles_of_the_platform(
    space: Any,
    client_for: Any,
    make_person: Any,
    policy: Any,
    inside: Any,
    slug: str,
    role: str,
    status: int,
) -> None:
    tenant = space(slug)
    policy(tenant, mfa_roles=(role,))
    client = client_for(tenant, make_person(tenant, "sso@x.example", role))
    with inside(tenant):
        session = client.session
        session["sso_connection"] = "7"
        session.save()
    assert client.get("/api/v1/me").status_code == status


def test_recovery_codes_are_shown_once(
    client_for: Any, required: Any, learner_a: Any, inside: Any
) -> None:
    client = client_for(required)
    sign_in(client, learner_a.email)
    enrol(client)
    codes = client.get(CODES).context["codes"]
    assert len(codes) == 10
    text = client.get(DOWNLOAD)
    assert text["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert text.content.decode().split("\r\n")[4:14] == codes
    assert text.content.decode().startswith(
        "Codes de secours de lina@mecaformation.example, MécaFormation Lyon\r\nhttp://"
    )
    # Another browser sees how many are left, never the codes.
    other = client_for(required)
    sign_in(other, learner_a.email)
    other.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    other.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = other.get(CODES)
    assert (page.context["codes"], page.context["left"]) == ([], 9)
    assert other.get(DOWNLOAD)["Location"] == CODES
    # Nor does this one when ten minutes are over.
    with inside(required):
        session = client.session
        shown = session["recovery_codes_shown"]
        session["recovery_codes_shown"] = {**shown, "at": time.time() - 601}
        session.save()
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get(CODES).context["codes"] == []


def test_new_codes_replace_the_former_ones(client_for: Any, required: Any, learner_a: Any) -> None:
    client = client_for(required)
    sign_in(client, learner_a.email)
    enrol(client)
    former = client.get(CODES).context["codes"]
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    mail.outbox.clear()
    assert client.post(GENERATE)["Location"] == CODES
    fresh = client.get(CODES).context["codes"]
    assert (len(fresh), set(fresh) & set(former)) == (10, set())
    other = client_for(required)
    sign_in(other, learner_a.email)
    assert other.post("/accounts/2fa/authenticate/", {"code": former[1]}).status_code == 200
    assert other.post("/accounts/2fa/authenticate/", {"code": fresh[1]})["Location"] == "/app/"


def test_codes_need_something_to_recover(client_for: Any, tenant_a: Any, learner_a: Any) -> None:
    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get(CODES).status_code == 404
    assert client.get(DOWNLOAD).status_code == 404
    assert client.post(GENERATE)["Location"] == "/accounts/2fa/"


def test_a_factor_that_is_not_required_may_go(
    client_for: Any, tenant_a: Any, learner_a: Any, inside: Any
) -> None:
    from allauth.mfa.models import Authenticator

    client = client_for(tenant_a)
    sign_in(client, learner_a.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    enrol(client)
    mail.outbox.clear()
    assert client.post("/accounts/2fa/totp/deactivate/")["Location"] == "/accounts/2fa/"
    with inside(tenant_a):
        assert Authenticator.objects.filter(user=learner_a).count() == 0
    assert [message.subject for message in mail.outbox] == [
        "La connexion en deux étapes est désactivée"
    ]


def test_wrong_codes_close_the_door_for_five_minutes(
    client_for: Any, required: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity.mfa import enrol_totp

    with inside(required):
        enrol_totp(learner_a, "JBSWY3DPEHPK3PXP")
    client = client_for(required)
    sign_in(client, learner_a.email)
    for _ in range(5):
        client.post("/accounts/2fa/authenticate/", {"code": "000000"})
    right = client.post("/accounts/2fa/authenticate/", {"code": code_of("JBSWY3DPEHPK3PXP")})
    assert right.status_code == 200
    assert "Trop de tentatives." in right.content.decode()
    assert client.get("/api/v1/me").status_code == 401


def test_a_wrong_code_after_the_password_is_recorded(
    client_for: Any, required: Any, learner_a: Any, inside: Any
) -> None:
    from tremplin.identity import mfa
    from tremplin.kernel.models import AuditEvent

    with inside(required):
        mfa.enrol_totp(learner_a, "JBSWY3DPEHPK3PXP")
    client = client_for(required)
    sign_in(client, learner_a.email)
    client.post("/accounts/2fa/authenticate/", {"code": "1"})
    with inside(required):
        row = AuditEvent.objects.get(kind="security.mfa_failed")
    assert (row.actor, row.target, row.data) == (
        learner_a.pk,
        f"person:{learner_a.pk}",
        {"type": "totp"},
    )
