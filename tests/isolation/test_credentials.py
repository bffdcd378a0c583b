"""Every credential of one school, presented to the other and to the operator's: worth nothing.

The list of identity.md 13.1: session cookie, session token, access and refresh token, API key,
application and its token, directory token, single sign-on answer, visit of support. Links by mail,
hand-over tokens and signatures are in ``test_attacks``. Each works at home, or nothing is shown.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tenants.context import use
from tests.isolation import traces
from tests.isolation.asking import Asked, ask
from tests.isolation.world import World

pytestmark = pytest.mark.django_db

BEARERS = ("access_token", "api_key_secret", "client_token")


def get(host: str, path: str, **headers: str) -> Asked:
    return ask(host, "GET", path, watched="", extra=headers)


def send(host: str, path: str, data: dict[str, Any], *, as_json: bool = True) -> Any:
    """Send a form or JSON that changes nothing lasting: each test is rolled back."""
    client = Client(headers={"host": host})
    if as_json:
        return client.post(path, json.dumps(data), content_type="application/json")
    return client.post(path, data)


def elsewhere(own: World, hq: Any) -> tuple[str, str]:
    return own.host, hq.primary_host


@pytest.mark.parametrize("kind", BEARERS)
def test_a_bearer_token_is_known_at_home_only(
    victim_and_own: tuple[World, World], hq: Any, kind: str
) -> None:
    victim, own = victim_and_own
    header = {"Authorization": f"Bearer {victim.ids[kind]}"}
    assert get(victim.host, "/api/v1/me", **header).status == 200
    for host in elsewhere(own, hq):
        asked = get(host, "/api/v1/me", **header)
        assert asked.status == 401
        assert traces.Traces(victim).found(asked.text, list(victim.ids.values())) == []


@pytest.mark.parametrize("kind", ["api_key_secret", "client_token"])
def test_a_directory_token_is_known_at_home_only(
    victim_and_own: tuple[World, World], hq: Any, kind: str
) -> None:
    victim, own = victim_and_own
    header = {"Authorization": f"Bearer {victim.ids[kind]}"}
    home = get(victim.host, f"/scim/v2/{victim.ids['scim_path']}", **header)
    assert home.status == 200
    assert victim.marker in home.text
    for host in elsewhere(own, hq):
        for path in (f"/scim/v2/{victim.ids['scim_path']}", "/scim/v2/Users"):
            assert get(host, path, **header).status == 401
    # With a token of one's own, the resource of another school does not exist.
    mine = {"Authorization": f"Bearer {own.ids['api_key_secret']}"}
    assert get(own.host, f"/scim/v2/{victim.ids['scim_path']}", **mine).status == 404


def test_a_refresh_token_is_worth_nothing_elsewhere(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    victim, own = victim_and_own
    body = {"refresh_token": victim.ids["refresh_token"]}
    for host in elsewhere(own, hq):
        refused = send(host, "/_allauth/app/v1/tokens/refresh", body)
        assert refused.status_code == 400
        assert "access_token" not in refused.content.decode()
    # Refused elsewhere, it was not used up at home.
    fresh = send(victim.host, "/_allauth/app/v1/tokens/refresh", body)
    assert fresh.status_code == 200
    assert fresh.json()["data"]["access_token"].count(".") == 2


def test_a_session_token_is_worth_nothing_elsewhere(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    victim, own = victim_and_own
    header = {"X-Session-Token": victim.ids["session_token"]}
    path = "/_allauth/app/v1/auth/session"
    assert get(victim.host, path, **header).status == 200
    for host in elsewhere(own, hq):
        asked = get(host, path, **header)
        assert asked.status in {401, 410}
        assert "access_token" not in asked.text


def test_the_session_of_an_application_is_no_cookie_elsewhere(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    victim, own = victim_and_own
    for host in elsewhere(own, hq):
        asked = ask(host, "GET", "/api/v1/me", cookie=victim.ids["session_token"], watched="")
        assert asked.status == 401


def test_an_application_asks_tokens_at_home_only(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    victim, own = victim_and_own
    form = {
        "grant_type": "client_credentials",
        "client_id": victim.ids["api_client"],
        "client_secret": victim.ids["client_secret"],
        "scope": "identity:read",
    }
    for host in elsewhere(own, hq):
        refused = send(host, "/identity/o/api/token", form, as_json=False)
        assert refused.status_code in {400, 401}
        assert refused.json()["error"] == "invalid_client"
    assert send(victim.host, "/identity/o/api/token", form, as_json=False).status_code == 200


def test_a_visit_of_support_opens_in_its_space_only(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    from tremplin.identity.models import SupportAccess

    victim, own = victim_and_own
    path = f"/support/enter/{victim.ids['visit_token']}/"
    for host in elsewhere(own, hq):
        asked = get(host, path)
        assert asked.status == 410
        assert "sessionid" not in asked.text
    with use(victim.tenant):
        assert SupportAccess.objects.get(pk=victim.ids["visit"]).opened_at is None
    end = f"/console/security/support/{victim.ids['visit']}/end/"
    asked = ask(own.host, "POST", end, cookie=own.cookies["admin"], data={}, watched="")
    assert asked.status == 404
    # Nobody stands behind this visitor, so that it does not open at home either.
    assert get(victim.host, path).status == 410


def test_a_connection_of_another_school_does_not_exist(
    victim_and_own: tuple[World, World], hq: Any
) -> None:
    victim, own = victim_and_own
    paths = [
        f"/accounts/oidc/{victim.ids['oidc_slug']}/login/",
        f"/accounts/oidc/{victim.ids['oidc_slug']}/login/callback/?code=x&state=y",
        f"/accounts/saml/{victim.ids['saml_slug']}/login/",
        f"/accounts/saml/{victim.ids['saml_slug']}/metadata/",
    ]
    for host in elsewhere(own, hq):
        for path in paths:
            asked = get(host, path)
            assert asked.status == 404, (host, path)
            assert traces.Traces(victim).found(asked.text, [path, *victim.ids.values()]) == []
    answer = {"SAMLResponse": "PHg+PC94Pg==", "RelayState": ""}
    acs = f"/accounts/saml/{victim.ids['saml_slug']}/acs/"
    assert send(own.host, acs, answer, as_json=False).status_code == 404
    for page in (
        f"/console/sso/saml/{victim.ids['saml_slug']}/",
        f"/console/sso/oidc/{victim.ids['oidc']}/",
    ):
        asked = ask(own.host, "GET", page, cookie=own.cookies["admin"], watched="")
        assert asked.status == 404


def test_no_schema_holds_a_person_above_the_others_and_the_template_holds_nobody(
    both: tuple[World, World], hq: Any
) -> None:
    """identity.md 13.3: no superuser, an empty template, an index of memberships in hq only."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenant_template.identity_user")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        shared = {row[0] for row in cursor.fetchall()}
        assert {t for t in shared if t.startswith(("identity_", "sso_", "socialaccount_"))} == set()
        for world in both:
            schema = world.tenant.schema_name
            cursor.execute(f'SELECT count(*) FROM "{schema}".identity_tenantmembership')
            assert cursor.fetchone() == (0,)
            cursor.execute(f'SELECT count(*) FROM "{schema}".identity_user WHERE is_superuser')
            assert cursor.fetchone() == (0,)
