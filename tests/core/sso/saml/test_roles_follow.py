"""Roles that follow the directory at later sign-ins, within what it gave itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.sso.saml.conftest import MAIL

pytestmark = pytest.mark.django_db

TABLE = {"staff": "trainer", "hr": "recruiter", "chiefs": "admin"}


@pytest.fixture
def arrive(tenant_a: Any, walk: Any, inside: Any) -> Any:
    """Return ``arrive(*values)``: Marc signs in with these values; his roles then."""
    from tremplin.identity.models import User

    def sign_in(*values: str) -> set[str]:
        browser = walk(tenant_a)
        browser.begin()
        attributes: list[Any] = [(MAIL, "mail", ["marc@campus.example"])]
        if values:
            attributes.append(("eduPersonAffiliation", "", list(values)))
        assert browser.come_back(attributes=attributes)["Location"] == "/app/"
        with inside(tenant_a):
            return set(User.objects.get(email="marc@campus.example").role_codes())

    return sign_in


@pytest.fixture
def campus(tenant_a: Any, connect: Any) -> Any:
    return connect(
        tenant_a,
        domains=("campus.example",),
        role_map=TABLE,
        role_attribute="eduPersonAffiliation",
        updates_roles=True,
    )


def give(tenant: Any, inside: Any, *roles: str) -> None:
    """Let somebody of the space set the roles of Marc by hand."""
    from tremplin.identity import services
    from tremplin.identity.models import User

    with inside(tenant):
        services.set_roles(User.objects.get(email="marc@campus.example"), roles)


def test_roles_follow_the_directory(campus: Any, arrive: Any, tenant_a: Any, inside: Any) -> None:
    from tremplin.kernel.models import AuditEvent

    steps = [
        (("staff",), {"trainer"}),
        (("hr", "staff"), {"recruiter", "trainer"}),
        (("HR ",), {"recruiter"}),
        ((), {"learner"}),
        (("unknown",), {"learner"}),
        (("staff",), {"trainer"}),
    ]
    for values, roles in steps:
        assert arrive(*values) == roles, values
    with inside(tenant_a):
        events = AuditEvent.objects.filter(kind="security.sso_roles_followed").order_by("id")
        changes = [(row.data["added"], row.data["removed"]) for row in events]
    assert changes == [
        (["recruiter"], []),
        ([], ["trainer"]),
        (["learner"], ["recruiter"]),
        (["trainer"], ["learner"]),
    ]


def test_what_somebody_gave_here_stays(
    campus: Any, arrive: Any, tenant_a: Any, inside: Any
) -> None:
    assert arrive("staff") == {"trainer"}
    give(tenant_a, inside, "trainer", "coach")
    assert arrive("unknown") == {"coach"}
    assert arrive("staff") == {"coach", "trainer"}
    give(tenant_a, inside, "recruiter")
    assert arrive() == {"recruiter"}
    assert arrive("hr") == {"recruiter"}
    assert arrive() == {"recruiter"}


def test_nobody_becomes_or_stops_being_an_administrator(
    campus: Any, arrive: Any, tenant_a: Any, inside: Any
) -> None:
    assert arrive("staff") == {"trainer"}
    assert arrive("chiefs") == {"learner"}
    assert arrive("chiefs", "staff") == {"trainer"}
    give(tenant_a, inside, "admin", "trainer")
    assert arrive("hr") == {"admin", "trainer"}


def test_a_connection_that_does_not_follow_changes_nothing(
    tenant_a: Any, connect: Any, arrive: Any
) -> None:
    connect(
        tenant_a,
        domains=("campus.example",),
        role_map=TABLE,
        role_attribute="eduPersonAffiliation",
    )
    assert arrive("staff") == {"trainer"}
    assert arrive("hr") == {"trainer"}


def test_the_form_switches_it(tenant_a: Any, campus: Any, client_for: Any, inside: Any) -> None:
    from tremplin.identity.models import SpaceOwner
    from tremplin.sso.models import Connection

    with inside(tenant_a):
        owner = SpaceOwner.objects.get().person
    client = client_for(tenant_a, owner)
    page = "/console/sso/saml/campus/edit/"
    form = client.get(page).context["form"]
    assert form["updates_roles"].value() is True
    data = {name: form[name].value() or "" for name in form.fields}
    for name in ("updates_roles", "encrypts", "idp_initiated"):
        del data[name]
    assert client.post(page, data).status_code == 302
    with inside(tenant_a):
        assert Connection.objects.get(slug="campus").updates_roles is False


@pytest.mark.parametrize("state", ["suspended", "expired", "removed"])
def test_closed_accounts_stay_closed(
    state: str, campus: Any, arrive: Any, tenant_a: Any, walk: Any, inside: Any, written: Any
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from tremplin.identity import services
    from tremplin.identity.models import User

    assert arrive("staff") == {"trainer"}
    with inside(tenant_a):
        marc = User.objects.get(email="marc@campus.example")
        if state == "suspended":
            services.suspend(marc, "exclusion")
        elif state == "expired":
            User.objects.filter(pk=marc.pk).update(expires_at=timezone.now() - timedelta(hours=1))
        else:
            services.remove(marc)
    before = written(tenant_a)
    browser = walk(tenant_a)
    browser.begin()
    answer = browser.come_back()
    if state == "removed":  # nothing is left of the former account: he is a newcomer
        assert answer["Location"] == "/app/"
        assert written(tenant_a) == tuple(number + 1 for number in before)
        with inside(tenant_a):
            assert User.objects.get(email="marc@campus.example").pk != marc.pk
        return
    assert (answer.status_code, browser.is_signed_in()) == (403, False)
    assert written(tenant_a) == before
