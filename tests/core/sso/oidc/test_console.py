"""An administrator connects a provider, tests it, opens it, closes it, deletes it."""

from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.django_db
ADD = "/console/sso/oidc/add/generic/"


def values(peer: Any, **changes: Any) -> dict[str, Any]:
    return {
        "label": "Annuaire",
        "server_url": peer.issuer,
        "client_id": peer.client_id,
        "secret": peer.secret,
        "creates_people": "on",
        "default_role": "learner",
        "role_attribute": "",
        "role_map": "",
        **changes,
    }


def errors(answer: Any) -> str:
    assert answer.status_code == 422
    found = answer.context["form"].errors
    return " ".join(str(text) for texts in found.values() for text in texts)


def test_from_nothing_to_the_sign_in_page(
    tenant_a: Any, admin_a: Any, client_for: Any, peer: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    client = client_for(tenant_a, admin_a)
    page = client.get("/console/sso/oidc/add/").content.decode()
    assert re.findall(r'data-testid="preset-add-(\w+)"', page) == [
        "google",
        "microsoft",
        "linkedin",
        "keycloak",
        "generic",
        "saml",
    ]
    first = client.get(ADD)
    assert first.context["form"].initial["default_role"] == "learner"
    assert "accounts/oidc/openid-connect/login/callback/" in first.content.decode()
    answer = client.post(ADD, values(peer))
    with inside(tenant_a):
        connection = Connection.objects.get(slug="openid-connect")
    assert answer.headers["Location"] == f"/console/sso/oidc/{connection.pk}/"
    page = client.get(answer.headers["Location"]).content.decode()
    assert (
        'value="http://mecaformation.localhost/accounts/oidc/openid-connect/login/callback/"'
        in page
    )
    assert peer.secret not in page
    assert "login-sso-oidc" not in client_for(tenant_a).get("/accounts/login/").content.decode()
    report = client.post(f"/console/sso/oidc/{connection.pk}/test/").context["report"]
    assert [(check.code, check.is_ok) for check in report.checks] == [
        ("reachable", True),
        ("document", True),
        ("issuer", True),
        ("addresses", True),
        ("code_flow", True),
        ("pkce", True),
    ]
    answer = client.post(f"/console/sso/{connection.pk}/switch/", {"active": "1"})
    assert answer.headers["Location"] == "/console/sso/"
    assert "Sign in with Annuaire" in client_for(tenant_a).get("/accounts/login/").content.decode()
    page = client.get(f"/console/sso/{connection.pk}/delete/").content.decode()
    assert 'data-testid="sso-delete-confirm"' in page
    client.post(f"/console/sso/{connection.pk}/delete/")
    with inside(tenant_a):
        assert list(Connection.objects.values_list("slug", flat=True)) == ["platform"]


def test_a_provider_that_does_not_answer_is_not_opened(
    tenant_a: Any, admin_a: Any, client_for: Any, peer: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    client = client_for(tenant_a, admin_a)
    client.post(ADD, values(peer, server_url=f"{peer.issuer}/nowhere"))
    with inside(tenant_a):
        connection = Connection.objects.get(slug="openid-connect")
    answer = client.post(f"/console/sso/{connection.pk}/switch/", {"active": "1"})
    assert answer.status_code == 422
    assert [(check.code, check.detail) for check in answer.context["report"].checks] == [
        ("reachable", "The server answers with error 404.")
    ]
    with inside(tenant_a):
        connection.refresh_from_db()
        assert (connection.is_active, connection.metadata_error) == (
            False,
            "The server answers with error 404.",
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"server_url": "http://idp.example.org"}, "The address must start with https://."),
        ({"server_url": "file:///etc/passwd"}, "The address must start with https://."),
        (
            {"server_url": "https://login.microsoftonline.com/common/v2.0"},
            "Put the ID of your own directory in the address",
        ),
        ({"secret": ""}, "This field is required."),
        ({"label": "\x07"}, "Give the button a name."),
        ({"default_role": "trainer"}, "trainer is not one of the available choices"),
        ({"default_role": "owner"}, "owner is not one of the available choices"),
        ({"default_role": "platform_admin"}, "platform_admin is not one of the available choices"),
        (
            {"role_map": "profs", "role_attribute": "roles"},
            "Line 1: write a value, “=”, then a role.",
        ),
        (
            {"role_map": "tuteurs = coach\nchefs = platform_admin", "role_attribute": "roles"},
            "Line 2: “platform_admin” is not a role that you may give here.",
        ),
        (
            {"role_map": "chefs = owner", "role_attribute": "roles"},
            "Line 1: “owner” is not a role that you may give here.",
        ),
        ({"role_map": "profs = trainer"}, "Say which claim holds the values of the table."),
        (
            {"role_map": "a = coach\n" * 201, "role_attribute": "roles"},
            "The table may hold 200 lines at most.",
        ),
    ],
)
def test_what_the_form_refuses(
    changes: dict[str, str],
    message: str,
    tenant_a: Any,
    admin_a: Any,
    client_for: Any,
    peer: Any,
    inside: Any,
) -> None:
    from tremplin.sso.models import Connection

    answer = client_for(tenant_a, admin_a).post(ADD, values(peer, **changes))
    assert message in errors(answer)
    with inside(tenant_a):
        assert list(Connection.objects.values_list("slug", flat=True)) == ["platform"]


def test_nobody_maps_a_role_that_she_may_not_give(
    tenant_a: Any, make_person: Any, client_for: Any, peer: Any, inside: Any
) -> None:
    from django.contrib.auth.models import Group, Permission

    integrator = make_person(tenant_a, "integrator@x.example", "learner")
    with inside(tenant_a):
        group = Group.objects.create(name="integrators")
        group.permissions.add(
            Permission.objects.get(codename="manage_sso", content_type__app_label="sso")
        )
        integrator.groups.add(group)
    client = client_for(tenant_a, integrator)
    assert client.get(ADD).status_code == 200
    answer = client.post(
        ADD, values(peer, default_role="admin", role_attribute="roles", role_map="x = admin")
    )
    assert "admin is not one of the available choices" in errors(answer)
    assert "“admin” is not a role that you may give here." in errors(answer)


def test_an_empty_secret_keeps_the_stored_one(
    tenant_a: Any, admin_a: Any, client_for: Any, peer: Any, inside: Any, connect: Any
) -> None:
    from allauth.socialaccount.adapter import get_adapter

    connection = connect(tenant_a)
    client = client_for(tenant_a, admin_a)
    address = f"/console/sso/oidc/{connection.pk}/"
    answer = client.post(address, values(peer, secret="", label="Autre nom"))
    assert answer.headers["Location"] == address
    with inside(tenant_a):
        connection.refresh_from_db()
        assert (connection.label, connection.slug) == ("Autre nom", "annuaire")
        assert get_adapter().get_app(None, provider="annuaire").secret == peer.secret


def test_people_linked_to_a_provider_are_not_handed_to_another_one(
    tenant_a: Any, admin_a: Any, client_for: Any, peer: Any, inside: Any, connect: Any
) -> None:
    """The subject ``1`` of one issuer is not the subject ``1`` of the next."""
    from allauth.socialaccount.models import SocialAccount

    from tremplin.identity.models import SpaceOwner

    connection = connect(tenant_a)
    client = client_for(tenant_a, admin_a)
    address = f"/console/sso/oidc/{connection.pk}/"
    moved = values(peer, server_url="https://evil.example.com")
    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
        SocialAccount.objects.create(user=owner, provider="annuaire", uid="1")
    assert f"People are linked to the provider at {peer.issuer}." in errors(
        client.post(address, moved)
    )
    with inside(tenant_a):
        connection.app.refresh_from_db()
        assert connection.app.settings["server_url"] == peer.issuer
        SocialAccount.objects.all().delete()
    assert client.post(address, moved).headers["Location"] == address


@pytest.mark.parametrize("path", ["", "oidc/add/", "oidc/add/google/"])
def test_only_who_may_sets_it_up(
    path: str, tenant_a: Any, make_person: Any, client_for: Any
) -> None:
    manager = make_person(tenant_a, "manager@x.example", "manager")
    assert client_for(tenant_a, manager).get(f"/console/sso/{path}").status_code == 403
    assert client_for(tenant_a).get(f"/console/sso/{path}").status_code == 302


@pytest.mark.parametrize("preset", ["google", "linkedin"])
def test_known_addresses_are_not_asked_for(
    preset: str, tenant_a: Any, admin_a: Any, client_for: Any, peer: Any, inside: Any
) -> None:
    from allauth.socialaccount.models import SocialApp

    client = client_for(tenant_a, admin_a)
    assert (
        'name="server_url"' not in client.get(f"/console/sso/oidc/add/{preset}/").content.decode()
    )
    client.post(
        f"/console/sso/oidc/add/{preset}/",
        values(peer, label=preset, server_url="https://evil.example"),
    )
    with inside(tenant_a):
        settings = SocialApp.objects.get(provider_id__startswith=preset).settings
    expected = {
        "google": {"server_url": "https://accounts.google.com"},
        "linkedin": {
            "server_url": "https://www.linkedin.com/oauth",
            "token_auth_method": "client_secret_post",
        },
    }
    assert settings == {
        **expected[preset],
        "preset": preset,
        "oauth_pkce_enabled": True,
        "email_authentication": True,
    }


def test_the_platform_is_switched_but_never_deleted(
    tenant_a: Any, admin_a: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.sso.models import Connection

    with inside(tenant_a):
        connection = Connection.objects.get(slug="platform")
    client = client_for(tenant_a, admin_a)
    assert client.get(f"/console/sso/{connection.pk}/delete/").status_code == 404
    assert client.post(f"/console/sso/{connection.pk}/delete/").status_code == 404
    client.post(f"/console/sso/{connection.pk}/switch/", {"active": "0"})
    with inside(tenant_a):
        assert Connection.objects.get(slug="platform").is_active is False


def test_names_get_addresses_of_their_own(tenant_a: Any, inside: Any, connect: Any) -> None:
    from tremplin.sso import services

    connect(tenant_a)
    with inside(tenant_a):
        assert services.free_slug("Annuaire") == "annuaire-2"
        assert services.free_slug("Platform") == "platform-2"
        assert services.free_slug("SAML") == "saml-2"
        assert services.free_slug("Éçole d’été !") == "ecole-d-ete"
        assert services.free_slug("日本") == "sso"
