"""Whom an account of the operator's space becomes in another space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import RequestFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(hq: Any, make_person: Any) -> Any:
    return make_person(hq, "zoe@example.org", "member", first_name="Zoé", last_name="Petit")


@pytest.fixture
def arriving(member: Any) -> Callable[..., Any]:
    """Return ``arriving(verified=True)``: what the platform says of the member."""
    from allauth.socialaccount.adapter import get_adapter

    def make(*, verified: bool = True) -> Any:
        request = RequestFactory().get("/")
        provider = get_adapter(request).get_provider(request, "platform")
        claims = {
            "sub": str(member.pk),
            "email": "zoe@example.org",
            "email_verified": verified,
            "given_name": "Zoé",
            "family_name": "Petit",
        }
        return provider.sociallogin_from_response(request, {"userinfo": claims})

    return make


@pytest.fixture
def platform_of(inside: Any) -> Callable[[Any], Any]:
    from tremplin.sso.models import Connection

    def find(tenant: Any) -> Any:
        with inside(tenant):
            return Connection.objects.select_related("app").get(slug="platform")

    return find


def write_policy(tenant: Any, **values: Any) -> None:
    from tremplin.identity.identity_settings import IdentitySettings
    from tremplin.kernel import settings_store

    settings_store.write("tenant", tenant.pk, "identity", values, model=IdentitySettings)


def test_a_stranger_has_no_account(
    tenant_a: Any, arriving: Any, platform_of: Any, inside: Any
) -> None:
    from tremplin.sso import accounts

    connection = platform_of(tenant_a)
    with inside(tenant_a):
        refusal = accounts.newcomer_refusal(arriving(), connection)
    assert refusal is not None
    assert refusal.code == "no_account"


def test_a_membership_lets_in(
    tenant_a: Any, tenant_b: Any, arriving: Any, platform_of: Any, member: Any, inside: Any
) -> None:
    from tremplin.identity import memberships
    from tremplin.sso import accounts

    memberships.record(member.pk, tenant_a, "learner")
    for tenant, expected in ((tenant_a, None), (tenant_b, "no_account")):
        connection = platform_of(tenant)
        with inside(tenant):
            refusal = accounts.newcomer_refusal(arriving(), connection)
        assert (refusal and refusal.code) == expected


@pytest.mark.parametrize(
    ("policy", "verified", "expected"),
    [
        ({"signup": "open"}, False, None),
        ({"signup": "domain", "signup_domains": ("example.org",)}, True, None),
        ({"signup": "domain", "signup_domains": ("example.org",)}, False, "no_account"),
        ({"signup": "domain", "signup_domains": ("other.org",)}, True, "no_account"),
        ({"signup": "invitation"}, True, "no_account"),
    ],
)
def test_the_sign_up_policy_of_the_space_holds(
    policy: dict[str, Any],
    verified: bool,
    expected: str | None,
    tenant_a: Any,
    arriving: Any,
    platform_of: Any,
    inside: Any,
) -> None:
    from tremplin.sso import accounts

    write_policy(tenant_a, **policy)
    connection = platform_of(tenant_a)
    with inside(tenant_a):
        refusal = accounts.newcomer_refusal(arriving(verified=verified), connection)
    assert (refusal and refusal.code) == expected


def test_a_newcomer_gets_the_role_of_sign_up_and_enters_the_index(
    tenant_a: Any, arriving: Any, platform_of: Any, member: Any, inside: Any
) -> None:
    from tremplin.identity import memberships
    from tremplin.sso import accounts

    write_policy(tenant_a, signup="open", signup_role="candidate")
    connection = platform_of(tenant_a)
    with inside(tenant_a):
        person = accounts.create(RequestFactory().get("/"), arriving(), connection)
        assert person.role_codes() == {"candidate"}
    assert memberships.exists(member.pk, tenant_a) is True


def test_an_invited_person_is_recognised_and_a_settled_one_is_not(
    tenant_a: Any, arriving: Any, platform_of: Any, member: Any, inside: Any
) -> None:
    from tremplin.identity import services
    from tremplin.identity.models import Invitation, User

    connection = platform_of(tenant_a)
    with inside(tenant_a):
        invited = services.invite("zoe@example.org", ["trainer"]).person
        login = arriving()
        login.lookup()
        assert login.user == invited
        unverified = arriving(verified=False)
        unverified.lookup()
        assert unverified.is_existing is False
        Invitation.objects.all().delete()
        User.objects.filter(pk=invited.pk).update(password="settled")
        login = arriving()
        login.lookup()
        assert login.is_existing is False
        from tremplin.sso import accounts

        refusal = accounts.newcomer_refusal(login, connection)
        assert refusal is not None
        assert refusal.code == "email_taken"


def test_the_owner_connects_herself(
    tenant_a: Any, platform_of: Any, hq: Any, make_person: Any, inside: Any
) -> None:
    from tremplin.identity import memberships
    from tremplin.sso import accounts

    account = make_person(hq, "owner@mecaformation.example", "member")
    memberships.record(account.pk, tenant_a, "admin")
    connection = platform_of(tenant_a)
    with inside(tenant_a):
        assert accounts.may_link(connection, str(account.pk), account.email) is False
