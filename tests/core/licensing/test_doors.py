"""What a plan does not include is closed, in words; the owner's way in and the export never are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tenants.context import public_write
from tenants.registry import TenantInfo
from tests.core.sso.scim.conftest import USER, Directory
from tremplin.identity import services as people
from tremplin.identity.api_access import keys
from tremplin.kernel import entitled
from tremplin.licensing import snapshots
from tremplin.licensing.models import License
from tremplin.sso import enforcement, selectors
from tremplin.sso.models import Connection

pytestmark = pytest.mark.django_db
Sell = Callable[..., License]
Inside = Callable[[TenantInfo], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _quick_hashes(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def admin(tenant_a: TenantInfo, inside: Inside) -> Any:
    with inside(tenant_a):
        return people.create_person(email="nadia@x.example", roles=["admin"], locale="en")


@pytest.fixture
def browser(tenant_a: TenantInfo, admin: Any, client_for: Any) -> Any:
    client = client_for(tenant_a, admin)
    client.cookies["language"] = "en"
    return client


PAGES = (
    ("sso_console:oidc_choose", "sso.enabled", {}),
    ("api_console:key_new", "api.access", {}),
    ("people:role_new", "roles.custom", {}),
)


def address(name: str, kwargs: dict[str, str]) -> str:
    from django.urls import NoReverseMatch

    try:
        return reverse(name, kwargs=kwargs)
    except NoReverseMatch:
        pytest.fail(f"{name} is no address")


@pytest.mark.parametrize(("name", "feature", "kwargs"), PAGES)
def test_a_page_that_the_plan_does_not_include_says_so(
    tenant_a: TenantInfo, sell: Sell, browser: Any, name: str, feature: str, kwargs: dict[str, str]
) -> None:
    path = address(name, kwargs)
    before = browser.get(path).status_code
    assert before != 402
    sell(tenant_a, {"people.seats": 10})
    answer = browser.get(path)
    text = answer.content.decode()
    assert answer.status_code == 402
    assert "Your plan does not include this" in text
    assert 'href="/console/billing/"' in text
    assert browser.get(reverse("operations:export")).status_code == 200
    with public_write("test"):
        License.objects.filter(tenant_id=tenant_a.pk).update(ended_at=timezone.now())
        License.objects.filter(tenant_id=tenant_a.pk).update(state="ended")
    sell(tenant_a, {"people.seats": 10, feature: True})
    assert browser.get(path).status_code == before


def test_it_is_said_in_french_too(
    tenant_a: TenantInfo, sell: Sell, browser: Any, admin: Any, inside: Inside
) -> None:
    with inside(tenant_a):
        people.update_person(admin, first_name="N", last_name="L", locale="fr")
    browser.cookies["language"] = "fr"
    sell(tenant_a, {"people.seats": 10})
    text = browser.get(reverse("api_console:key_new")).content.decode()
    assert "Votre formule ne comprend pas cela" in text
    assert "Voir les formules" in text


def test_keys_are_refused_by_the_api_and_people_are_not(
    tenant_a: TenantInfo, tenant_b: TenantInfo, sell: Sell, browser: Any, admin: Any,
    inside: Inside, client_for: Any,
) -> None:  # fmt: skip
    with inside(tenant_a):
        _key, secret = keys.create(name="k", scopes=["identity:read"], created_by=admin)
    bare = client_for(tenant_a)
    headers = {"Authorization": f"Bearer {secret}", "Accept-Language": "en"}
    assert bare.get("/api/v1/me", headers=headers).status_code == 200
    sell(tenant_a, {"people.seats": 10})
    refused = bare.get("/api/v1/me", headers=headers)
    assert refused.status_code == 402
    body = refused.json()
    assert (body["code"], body["feature"], body["upgrade_url"]) == (
        "not_entitled",
        "api.access",
        "/console/billing/",
    )
    assert browser.get("/api/v1/me").status_code == 200
    # The plan of one school says nothing about another.
    with inside(tenant_b):
        other = people.create_person(email="nadia@x.example", roles=["admin"])
        _key, theirs = keys.create(name="k", scopes=["identity:read"], created_by=other)
    answer = client_for(tenant_b).get("/api/v1/me", headers={"Authorization": f"Bearer {theirs}"})
    assert answer.status_code == 200


def test_the_directory_needs_its_feature(
    tenant_a: TenantInfo, sell: Sell, admin: Any, inside: Inside, client_for: Any
) -> None:
    with inside(tenant_a):
        _key, secret = keys.create(name="Entra", scopes=["scim"], created_by=admin)
    directory = Directory(client_for(tenant_a), secret, tenant_a)
    assert directory.get("/Users").status_code == 200
    held = sell(tenant_a, {"people.seats": 10})
    refused = directory.get("/Users")
    assert refused.status_code == 403
    assert refused.json()["detail"] == "La formule de cet espace ne comprend pas cela."
    with public_write("test"):
        held.plan_version.entitlements.create(feature="scim.enabled", value=True)  # type: ignore[union-attr]
    snapshots.rebuild(tenant_a)
    assert directory.get("/Users").status_code == 200
    # Suspended: what is there may be read, nothing changes.
    with public_write("test"):
        License.objects.filter(pk=held.pk).update(unpaid_since=timezone.now() - timedelta(days=30))
    snapshots.rebuild(tenant_a)
    assert directory.get("/Users").status_code == 200
    body = {"schemas": [USER], "userName": "lina@x.example"}
    assert directory.send("POST", "/Users", body).status_code == 403


def own_buttons() -> list[Any]:
    """Return the connections of the space itself on its sign-in page."""
    return [
        button.connection.pk
        for button in selectors.login_buttons()
        if button.kind != Connection.Kind.PLATFORM
    ]


def test_a_plan_without_single_sign_on_never_locks_anybody_out(
    tenant_a: TenantInfo, sell: Sell, inside: Inside
) -> None:
    from tests.core.licensing.connections import connect

    with inside(tenant_a):
        connection = connect(is_enforced=True)
        assert own_buttons() == [connection.pk]
        assert enforcement.enforced() == connection
    held = sell(tenant_a, {"people.seats": 10})
    with inside(tenant_a):
        assert own_buttons() == []
        assert enforcement.enforced() is None
        assert Connection.objects.filter(pk=connection.pk, is_enforced=True).exists()
    with public_write("test"):
        held.plan_version.entitlements.create(feature="sso.enabled", value=True)  # type: ignore[union-attr]
        License.objects.filter(pk=held.pk).update(unpaid_since=timezone.now() - timedelta(days=30))
    snapshots.rebuild(tenant_a)
    with inside(tenant_a):
        # A suspended plan is read-only: people come in as they always did.
        assert entitled.allows("sso.enabled") is False
        assert enforcement.enforced() == connection


def test_a_seat_given_by_hand_opens_the_module(
    tenant_a: TenantInfo, sell: Sell, inside: Inside, client_for: Any, browser: Any
) -> None:
    from tremplin.kernel import gate
    from tremplin.licensing.models import SeatAssignment

    sell(tenant_a, {"people.seats": 10}, seats_total=10)
    held = sell(tenant_a, {}, module="quiz", seats_total=1, seat_policy="manual")
    with inside(tenant_a):
        gate.set_licence(tenant_a, "quiz", "on", reason="test")
        gate.activate(tenant_a, "quiz")
        lina = people.create_person(email="lina@x.example", locale="en")
        theo = people.create_person(email="theo@x.example", locale="en")
    sight = client_for(tenant_a, lina)
    assert sight.get("/app/quiz/").status_code == 403
    # The staff runs the module without a seat.
    assert browser.get("/console/quiz/").status_code == 200
    url = reverse("licensing:seat_assign")
    body = {"licence": held.pk, "email": "LINA@x.example"}
    assert browser.post(url, body, follow=True).status_code == 200
    assert [row.member for row in SeatAssignment.objects.filter(license=held)] == [lina.pk]
    assert sight.get("/app/quiz/").status_code == 200
    full = browser.post(url, {"licence": held.pk, "email": "theo@x.example"}, follow=True)
    assert "1/1 seats are taken" in full.content.decode()
    page = browser.get(reverse("licensing:seats")).content.decode()
    assert 'data-testid="seats-module-quiz"' in page
    browser.post(reverse("licensing:seat_release"), {"licence": held.pk, "person": lina.pk})
    assert sight.get("/app/quiz/").status_code == 403
    browser.post(url, {"licence": held.pk, "email": "theo@x.example"})
    assert [row.member for row in SeatAssignment.objects.filter(license=held)] == [theo.pk]
    browser.post(reverse("licensing:seat_policy"), {"licence": held.pk, "policy": "auto"})
    assert sight.get("/app/quiz/").status_code == 200


def test_seats_of_another_space_are_not_found(
    tenant_a: TenantInfo, tenant_b: TenantInfo, sell: Sell, browser: Any
) -> None:
    theirs = sell(tenant_b, {}, module="quiz", seats_total=1, seat_policy="manual")
    for name, extra in (
        ("seat_assign", {"email": "nadia@x.example"}),
        ("seat_policy", {"policy": "auto"}),
        ("seat_release", {"person": theirs.pk}),
    ):
        answer = browser.post(reverse(f"licensing:{name}"), {"licence": theirs.pk, **extra})
        assert answer.status_code == 404, name
    theirs.refresh_from_db()
    assert (theirs.seat_policy, theirs.seats_used) == ("manual", 0)
