"""A mandatory sign-in stays the only way in: no other provider, invitation or address leads round it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.utils import timezone

from tests.core.sso.saml.conftest import speak_english
from tests.core.sso.saml.test_domains import text_of
from tests.support.people import PASSWORD

pytestmark = pytest.mark.django_db
MARC = "marc@campus.example"
SENTENCE = "Your organisation asks you to sign in with Campus."


@pytest.fixture
def mandatory(tenant_a: Any, connect: Any, inside: Any) -> Any:
    """The sign-in of the proven domain campus.example is Campus only."""
    from tremplin.sso import enforcement
    from tremplin.sso.models import Connection

    made = connect(tenant_a, domains=("campus.example",))
    with inside(tenant_a):
        Connection.objects.filter(pk=made.pk).update(last_test_at=timezone.now())
        made.refresh_from_db()
        enforcement.enforce(made, enforcement.DOMAINS)
    return made


@pytest.fixture
def through(inside: Any) -> Any:
    """Return ``through(tenant, provider, email)``: the refusal of a linked person, or None."""
    from allauth.socialaccount.adapter import get_adapter
    from allauth.socialaccount.models import SocialAccount

    from tremplin.identity.models import User
    from tremplin.sso import accounts, selectors

    def arrive(tenant: Any, provider_id: str, email: str) -> str | None:
        with inside(tenant):
            request = RequestFactory().get("/")
            request.user = AnonymousUser()
            person = User.objects.get(email=email)
            SocialAccount.objects.get_or_create(
                user=person, provider=provider_id, uid=f"uid-of-{person.pk}"
            )
            provider = get_adapter().get_provider(request, provider_id)
            claims = {"sub": f"uid-of-{person.pk}", "email": email, "email_verified": True}
            login = provider.sociallogin_from_response(request, {"userinfo": claims})
            login.lookup()
            assert login.user == person
            found = accounts.refusal(request, login, selectors.connection_of(login))
            return found and found.code

    return arrive


def test_a_platform_account_or_another_provider_is_no_way_round(
    tenant_a: Any, tenant_b: Any, mandatory: Any, make_person: Any, inside: Any, through: Any
) -> None:
    from tremplin.identity.models import SpaceOwner
    from tremplin.sso import enforcement, services

    with inside(tenant_a):
        other = services.create_oidc(
            "google", services.OidcValues("Google", "id", "secret", "", "learner")
        )
        services.set_active(other, True)
        owner = SpaceOwner.objects.get().person.email
    for tenant, email in ((tenant_a, MARC), (tenant_a, "guest@x.example"), (tenant_b, MARC)):
        make_person(tenant, email)
    for provider in ("platform", other.slug):
        assert through(tenant_a, provider, MARC) == "other_mandatory"
        assert through(tenant_a, provider, "guest@x.example") is None
    assert through(tenant_b, "platform", MARC) is None
    with inside(tenant_a):
        mandatory.app.settings[enforcement.SCOPE_KEY] = enforcement.EVERYBODY
        mandatory.app.save()
    assert through(tenant_a, "platform", "guest@x.example") == "other_mandatory"
    assert through(tenant_a, "platform", owner) is None


def test_the_mandatory_connection_itself_lets_in(
    tenant_a: Any, mandatory: Any, make_person: Any, walk: Any
) -> None:
    make_person(tenant_a, MARC)
    browser = walk(tenant_a)
    browser.begin()
    answer = browser.come_back()
    assert (answer.status_code, answer["Location"]) == (302, "/app/")


def test_an_invitation_leads_to_the_organisation_and_gives_no_password(
    tenant_a: Any, mandatory: Any, client_for: Any, inside: Any, mailoutbox: list[Any]
) -> None:
    from tremplin.identity import services
    from tremplin.identity.internal.invitation_mail import send_invitation
    from tremplin.identity.models import User

    with inside(tenant_a):
        send_invitation(services.invite(MARC, ["trainer"]).pk)
    found = re.search(r"(/accounts/invitation/\S+)", mailoutbox[-1].body)
    assert found is not None
    visitor = speak_english(client_for(tenant_a))
    fields = {"first_name": "Marc", "last_name": "Delmas", "password": PASSWORD}
    for answer in (visitor.get(found[1]), visitor.post(found[1], fields)):
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/saml/campus/login/")
    assert visitor.get("/api/v1/me").status_code == 401
    with inside(tenant_a):
        assert not User.objects.get(email=MARC).has_usable_password()


def test_nobody_signs_up_with_an_address_of_the_organisation(
    tenant_a: Any, mandatory: Any, client_for: Any, inside: Any
) -> None:
    from tremplin.identity.identity_settings import IdentitySettings as Settings
    from tremplin.identity.models import User
    from tremplin.kernel import settings_store

    settings_store.write("tenant", tenant_a.pk, "identity", {"signup": "open"}, model=Settings)
    visitor = speak_english(client_for(tenant_a))
    fields = {"first_name": "Marc", "last_name": "Delmas", "password1": PASSWORD}
    page = visitor.post("/accounts/signup/", {**fields, "email": MARC})
    assert SENTENCE in text_of(page)
    answer = visitor.post(
        "/_allauth/app/v1/auth/signup",
        {"email": MARC, "password": PASSWORD},
        content_type="application/json",
    )
    assert answer.status_code == 400
    assert [row["message"] for row in answer.json()["errors"]] == [SENTENCE]
    with inside(tenant_a):
        assert not User.objects.filter(email=MARC).exists()


def test_a_private_address_does_not_lead_out_of_the_organisation(
    tenant_a: Any, mandatory: Any, client_for: Any, inside: Any, make_person: Any,
    mailoutbox: list[Any],
) -> None:  # fmt: skip
    from allauth.account.models import EmailAddress

    from tremplin.identity.models import User

    marc = make_person(tenant_a, MARC)
    client = speak_english(client_for(tenant_a, marc))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.post("/accounts/email/", {"action_add": "", "email": "marc@private.example"})
    assert SENTENCE in text_of(page)
    assert mailoutbox == []
    # An application asks the library itself: its message goes out, and its link changes nothing.
    answer = client.post(
        "/_allauth/browser/v1/account/email",
        {"email": "marc@private.example"},
        content_type="application/json",
    )
    assert (answer.status_code, [mail.to for mail in mailoutbox]) == (
        200,
        [["marc@private.example"]],
    )
    link = re.search(r"(/accounts/confirm-email/\S+)", mailoutbox[0].body)
    assert link is not None
    client.post(link[1])
    with inside(tenant_a):
        assert User.objects.get(pk=marc.pk).email == MARC
        assert EmailAddress.objects.get(email="marc@private.example").verified is False
